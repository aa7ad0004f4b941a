"""What an unaccepted station may send, by tables."""

from typing import Any

import pytest

from citrine_edge.ocppj import RpcError
from citrine_edge.registration import Registration
from tests.support.fake_core import ACCEPTED, PENDING, REJECTED

CUSTOM = {"requestedMessage": "CustomTrigger"}


def allowed(registration: Registration, action: str, payload: Any = None) -> bool:
    try:
        registration.check(action, payload if payload is not None else {})
    except RpcError as error:
        return error.code != "SecurityError"
    return True


@pytest.mark.parametrize(
    ("status", "heartbeat"), [(ACCEPTED, True), (PENDING, False), (REJECTED, False), (None, False)]
)
def test_B02_FR_02_only_boot_before_accepted(status: int | None, heartbeat: bool) -> None:
    assert allowed(Registration(status), "BootNotification")
    assert allowed(Registration(status), "Heartbeat") is heartbeat


@pytest.mark.parametrize(
    ("command", "asked", "action", "payload", "is_allowed"),
    [
        ("GetBaseReport", {"requestId": 7}, "NotifyReport", {"requestId": 7}, True),
        ("GetReport", {"requestId": 7}, "NotifyReport", {"requestId": 7.0}, True),
        ("GetReport", {"requestId": 7}, "NotifyReport", {"requestId": 8}, False),
        ("GetReport", {"requestId": 7}, "NotifyReport", {"requestId": [7]}, False),
        ("GetReport", {"requestId": 7}, "NotifyReport", [], False),
        ("GetReport", {"requestId": 7}, "Heartbeat", {}, False),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}, "Heartbeat", {}, True),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}, "StatusNotification", {}, False),
        ("TriggerMessage", {"requestedMessage": "SignV2GCertificate"}, "SignCertificate", {}, True),
        ("TriggerMessage", {"requestedMessage": "SignCombinedCertificate"}, "SignCertificate", {}, True),
        ("TriggerMessage", {**CUSTOM, "customTrigger": "NotifyEvent"}, "NotifyEvent", {}, True),
        ("TriggerMessage", {**CUSTOM, "customTrigger": "x"}, "DataTransfer", {}, True),
        ("TriggerMessage", {"requestedMessage": "MeterValues"}, "MeterValues", {}, True),
        ("TriggerMessage", {"requestedMessage": "MeterValues"}, "StartTransaction", {}, False),
        ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, "SignCertificate", {}, True),
        (
            "ExtendedTriggerMessage",
            {"requestedMessage": "FirmwareStatusNotification"},
            "SignedFirmwareStatusNotification",
            {},
            True,
        ),
        ("GetVariables", {"getVariableData": []}, "NotifyReport", {"requestId": 7}, False),
    ],
)
def test_B02_FR_09_what_was_asked_for_is_allowed(
    command: str, asked: dict[str, Any], action: str, payload: Any, is_allowed: bool
) -> None:
    registration = Registration(PENDING)
    registration.ask(command, asked)

    assert allowed(registration, action, payload) is is_allowed


@pytest.mark.parametrize(
    ("statuses", "is_allowed"),
    [((REJECTED,), True), ((ACCEPTED, REJECTED), True), ((ACCEPTED, PENDING), True), ((PENDING,), False)],
)
def test_what_a_station_of_1_6_says_of_its_transactions_is_not_lost(
    statuses: tuple[int, ...], is_allowed: bool
) -> None:
    registration = Registration(statuses[0])
    for status in statuses[1:]:
        registration.change(status)

    for action in ("StartTransaction", "StopTransaction", "MeterValues"):
        assert allowed(registration, action, {"transactionId": 17}) is is_allowed
    assert not allowed(registration, "MeterValues", {"connectorId": 1})
    assert not allowed(registration, "TransactionEvent", {})


@pytest.mark.parametrize(
    ("status", "action", "may"),
    [
        (PENDING, "RemoteStartTransaction", False),
        (PENDING, "RemoteStopTransaction", False),
        (PENDING, "ChangeConfiguration", True),
        (PENDING, "RequestStartTransaction", True),
        (ACCEPTED, "RemoteStartTransaction", True),
        (REJECTED, "ChangeConfiguration", False),
    ],
)
def test_what_is_sent_to_a_station_depends_on_its_registration(status: int, action: str, may: bool) -> None:
    assert Registration(status).may_be_sent(action) is may


def test_B03_FR_07_rejected_station_may_send_nothing_else() -> None:
    registration = Registration(REJECTED)
    registration.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})

    assert registration.rejected
    assert not allowed(registration, "Heartbeat")


def test_change_forgets_what_was_asked_for_and_repetition_does_not() -> None:
    registration = Registration(PENDING)
    registration.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})

    registration.change(PENDING)
    assert allowed(registration, "Heartbeat")
    registration.change(ACCEPTED)
    registration.ask("TriggerMessage", {"requestedMessage": "StatusNotification"})
    registration.change(PENDING)
    assert not allowed(registration, "Heartbeat")
    assert not allowed(registration, "StatusNotification")
