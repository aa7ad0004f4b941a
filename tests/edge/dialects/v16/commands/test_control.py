"""Reset, availability, unlock, remote start and stop, triggers: what they become on OCPP 1.6."""

from typing import Any

import pytest

from citrine.ocpp.id_tags import surrogate_of
from citrine_edge.dialects import UnsupportedAction
from citrine_edge.ocppj import RpcError
from tests.support.dialogues import error, play

ACCEPTED = {"status": "Accepted"}

TAG = {"idToken": "DEADBEEF", "type": "ISO14443"}

LONG = {"idToken": "DE-ABC-C12345678-90123456", "type": "eMAID"}

START = {"idToken": TAG, "remoteStartId": 5}


@pytest.mark.parametrize(
    ("action", "payload", "call"),
    [
        ("Reset", {"type": "Immediate"}, ("Reset", {"type": "Hard"})),
        ("Reset", {"type": "OnIdle"}, ("Reset", {"type": "Soft"})),
        (
            "ChangeAvailability",
            {"operationalStatus": "Inoperative"},
            ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
        ),
        (
            "ChangeAvailability",
            {"operationalStatus": "Operative", "evse": {"id": 2}},
            ("ChangeAvailability", {"connectorId": 2, "type": "Operative"}),
        ),
        (
            "ChangeAvailability",
            {"operationalStatus": "Operative", "evse": {"id": 2, "connectorId": 1}},
            ("ChangeAvailability", {"connectorId": 2, "type": "Operative"}),
        ),
        ("ClearCache", {}, ("ClearCache", {})),
        ("RequestStartTransaction", START, ("RemoteStartTransaction", {"idTag": "DEADBEEF"})),
        (
            "RequestStartTransaction",
            {**START, "evseId": 2, "groupIdToken": {"idToken": "G", "type": "Central"}},
            ("RemoteStartTransaction", {"idTag": "DEADBEEF", "connectorId": 2}),
        ),
        (
            "RequestStartTransaction",
            {"idToken": LONG, "remoteStartId": 5},
            ("RemoteStartTransaction", {"idTag": surrogate_of(LONG["idToken"], "eMAID")}),
        ),
        ("RequestStopTransaction", {"transactionId": "17"}, ("RemoteStopTransaction", {"transactionId": 17})),
        (
            "TriggerMessage",
            {"requestedMessage": "Heartbeat", "evse": {"id": 1}},
            ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
        ),
        (
            "TriggerMessage",
            {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}},
            ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}),
        ),
        (
            "TriggerMessage",
            {"requestedMessage": "SignChargingStationCertificate"},
            ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
        ),
        (
            "TriggerMessage",
            {"requestedMessage": "LogStatusNotification"},
            ("ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"}),
        ),
    ],
)
def test_command_is_one_call(action: str, payload: dict[str, Any], call: tuple[str, dict[str, Any]]) -> None:
    played = play(action, payload, ACCEPTED)

    assert played.calls == [call]
    assert played.response == ACCEPTED
    assert played.messages == []


@pytest.mark.parametrize(
    ("action", "payload", "problem"),
    [
        ("Reset", {"type": "Immediate", "evseId": 1}, "/evseId"),
        ("Reset", {"type": "ImmediateAndResume"}, "/type"),
        ("Reset", {"type": "Immediate", "customData": {"vendorId": "v"}}, "Reset with /customData"),
        ("ChangeAvailability", {"operationalStatus": "Operative", "evse": {"id": 1, "connectorId": 2}}, "/evse/conn"),
        ("UnlockConnector", {"evseId": 1, "connectorId": 2}, "/connectorId"),
        ("RequestStartTransaction", {**START, "idToken": {"idToken": "", "type": "NoAuthorization"}}, "/idToken"),
        ("TriggerMessage", {"requestedMessage": "TransactionEvent"}, "can't trigger TransactionEvent"),
        ("TriggerMessage", {"requestedMessage": "CustomTrigger", "customTrigger": "x"}, "can't trigger CustomTrigger"),
    ],
)
def test_what_1_6_can_not_say_is_refused_by_name(action: str, payload: dict[str, Any], problem: str) -> None:
    with pytest.raises(UnsupportedAction, match=problem):
        play(action, payload)


@pytest.mark.parametrize("transaction_id", ["", "abc", "-1", "0", "1.5", "2147483648", "1234567890123456789", "\u0661"])
def test_transaction_without_a_number_is_refused(transaction_id: str) -> None:
    with pytest.raises(RpcError, match="/transactionId is not the number of a transaction"):
        play("RequestStopTransaction", {"transactionId": transaction_id})


def test_request_that_is_none_is_refused_before_it_is_translated() -> None:
    with pytest.raises(RpcError, match="/type is missing"):
        play("Reset", {})


@pytest.mark.parametrize("status", ["Unlocked", "UnlockFailed"])
def test_unlock(status: str) -> None:
    played = play("UnlockConnector", {"evseId": 3, "connectorId": 1}, {"status": status})

    assert played.calls == [("UnlockConnector", {"connectorId": 3})]
    assert played.response == {"status": status}


def test_connector_without_a_lock_says_why_it_is_not_unlocked() -> None:
    """Errata 3.87: so does one that the station does not know."""
    played = play("UnlockConnector", {"evseId": 3, "connectorId": 1}, {"status": "NotSupported"})

    assert played.response == {
        "status": "UnlockFailed",
        "statusInfo": {"reasonCode": "NotSupported", "additionalInfo": "the connector is unknown or has no lock"},
    }


def test_remote_start_has_its_profile_with_it() -> None:
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]}
    profile = {
        "id": 9,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }

    [(_, payload)] = play("RequestStartTransaction", {**START, "chargingProfile": profile}, ACCEPTED).calls

    assert payload["chargingProfile"] == {
        "chargingProfileId": 9,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]},
    }


@pytest.mark.parametrize("unknown", [error("NotImplemented"), error("NotSupported"), {"status": "NotImplemented"}])
def test_station_without_the_security_extensions_is_asked_for_its_diagnostics_status(unknown: Any) -> None:
    played = play("TriggerMessage", {"requestedMessage": "LogStatusNotification"}, unknown, ACCEPTED)

    assert played.calls[1] == ("TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification"})
    assert played.response == ACCEPTED


def test_other_error_is_the_end() -> None:
    played = play("TriggerMessage", {"requestedMessage": "LogStatusNotification"}, error("InternalError"))

    assert played.response is None


def test_certificate_of_iso_15118_is_triggered_over_data_transfer() -> None:
    answer = {"status": "Accepted", "data": '{"status":"Accepted"}'}
    played = play("TriggerMessage", {"requestedMessage": "SignV2GCertificate"}, answer)

    assert played.calls == [
        (
            "DataTransfer",
            {
                "vendorId": "org.openchargealliance.iso15118pnc",
                "messageId": "TriggerMessage",
                "data": '{"requestedMessage":"SignV2GCertificate"}',
            },
        )
    ]
    assert played.response == ACCEPTED
