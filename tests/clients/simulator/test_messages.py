from typing import Any

import pytest

from citrine_simulator import messages
from citrine_simulator.config import StationConfig
from citrine_simulator.evse import Connector, Transaction
from citrine_simulator.meter import Meter
from citrine_simulator.schemas import Schemas
from tests.clients.simulator.manual_clock import NOON

SAMPLES = Meter(0, 1, 1, 1).sample(["Energy.Active.Import.Register", "SoC", "Voltage"], "Sample.Periodic")


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize(
    ("action", "payload"),
    [
        pytest.param(
            "BootNotification", messages.boot_notification(StationConfig(station_id="A"), "PowerUp"), id="boot"
        ),
        pytest.param(
            "StatusNotification", messages.status_notification(Connector(1, 1), "Occupied", NOON), id="status"
        ),
        pytest.param("MeterValues", messages.meter_values(1, SAMPLES, NOON), id="meter values"),
        pytest.param("NotifyReport", messages.notify_reports(1, [], 10, NOON)[0], id="empty report"),
        pytest.param(
            "TransactionEvent",
            messages.transaction_event(
                Transaction("T", 1, 1, remote_start_id=7),
                "Ended",
                "RemoteStop",
                NOON,
                True,
                SAMPLES,
                messages.id_token("A"),
                "Remote",
            ),
            id="transaction event",
        ),
    ],
)
def test_payloads_fit_their_schemas(
    schemas: dict[str, Schemas], version: str, action: str, payload: dict[str, Any]
) -> None:
    assert schemas[version].check_request(action, payload) is None


def test_E04_FR_04_sequence_numbers_are_contiguous() -> None:
    transaction = Transaction("T", 1, 1)

    numbers = [messages.transaction_event(transaction, "Updated", "Trigger", NOON, False)["seqNo"] for _ in range(3)]

    assert numbers == [0, 1, 2]


def test_E04_FR_03_offline_is_said_only_where_it_is_so() -> None:
    transaction = Transaction("T", 1, 1)

    online = messages.transaction_event(transaction, "Updated", "Trigger", NOON, False)
    offline = messages.transaction_event(transaction, "Updated", "Trigger", NOON, True)

    assert "offline" not in online
    assert offline["offline"] is True


def test_F01_FR_25_remote_start_id_is_named_once() -> None:
    transaction = Transaction("T", 1, 1, remote_start_id=7)

    first, second = (messages.transaction_event(transaction, "Updated", "RemoteStart", NOON, False) for _ in range(2))

    assert first["transactionInfo"]["remoteStartId"] == 7
    assert "remoteStartId" not in second["transactionInfo"]


def test_B07_FR_10_parts_of_a_report_are_numbered_from_0() -> None:
    reports = messages.notify_reports(9, [{"n": number} for number in range(5)], 2, NOON)

    assert [(one["seqNo"], one["tbc"], len(one["reportData"])) for one in reports] == [
        (0, True, 2),
        (1, True, 2),
        (2, False, 1),
    ]
    assert {one["requestId"] for one in reports} == {9}
