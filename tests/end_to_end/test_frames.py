"""What is answered to frames that are not as OCPP-J says (part 4, section 4)."""

from typing import Any

import pytest

from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from tests.support.deployment import Deployment
from tests.support.raw_station import raw_station

PASSWORD = "correct-horse-battery"
STATUS = {"timestamp": "2026-03-01T10:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}

ANSWERED: list[tuple[Any, str, str]] = [
    ("{", "-1", "RpcFrameworkError"),
    ("", "-1", "RpcFrameworkError"),
    ("[2,", "-1", "RpcFrameworkError"),
    ('"text"', "-1", "RpcFrameworkError"),
    ("{}", "-1", "RpcFrameworkError"),
    ("[]", "-1", "RpcFrameworkError"),
    (b"\xff\xfe\x00", "-1", "RpcFrameworkError"),
    ('[2,"a","StatusNotification",{"evseId":NaN}]', "-1", "RpcFrameworkError"),
    ([2, 17, "Heartbeat", {}], "-1", "RpcFrameworkError"),
    ([2, "x" * 37, "Heartbeat", {}], "-1", "RpcFrameworkError"),
    ("[" * 5000 + "]" * 5000, "-1", "RpcFrameworkError"),
    ([2, "f1", "NoSuchAction", {}], "f1", "NotImplemented"),
    ([2, "f2", "Reset", {"type": "Immediate"}], "f2", "NotSupported"),
    (
        [2, "f3", "StatusNotification", {k: v for k, v in STATUS.items() if k != "evseId"}],
        "f3",
        "OccurrenceConstraintViolation",
    ),
    ([2, "f4", "StatusNotification", {**STATUS, "evseId": "one"}], "f4", "TypeConstraintViolation"),
    ([2, "f5", "StatusNotification", {**STATUS, "connectorStatus": "Broken"}], "f5", "PropertyConstraintViolation"),
    ([2, "f6", "StatusNotification", {**STATUS, "timestamp": "yesterday"}], "f6", "PropertyConstraintViolation"),
    ([9, "f7", "Heartbeat", {}], "f7", "MessageTypeNotSupported"),
]
"""Frames, and the message id and error code of the CALLERROR that answers each."""

UNANSWERED: list[Any] = [
    [3, "never-asked", {}],
    [4, "never-asked", "InternalError", "x" * 900, {}],
    [3, "never-asked"],
]
"""Frames that answer nothing: counted and dropped."""


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_socket_survives_every_malformed_frame(shared: Deployment, version: str) -> None:
    """Each of 21 frames is answered as it must be, in order, and then a Heartbeat works."""
    async with shared.client() as citrine:
        await citrine.stations.CreateStation(
            CreateStationRequest(station=Station(station_id="CS-1"), password=PASSWORD)
        )
    async with raw_station(shared.url(), "CS-1", PASSWORD, version) as station:
        await station.boot()
        for frame in UNANSWERED:
            await station.send(frame)
        seen = []
        for frame, _, _ in ANSWERED:
            await station.send(frame)
            seen.append(await station.receive())
        heartbeat = await station.result("Heartbeat", {})

    assert [(answer[0], answer[1], answer[2]) for answer in seen] == [(4, *expected) for _, *expected in ANSWERED]
    assert all(len(answer) == 5 and len(answer[3]) <= 255 and isinstance(answer[4], dict) for answer in seen)
    assert "currentTime" in heartbeat


async def test_what_stations_of_the_field_get_wrong_is_taken(shared: Deployment) -> None:
    """Null members, empty arrays, 1.0 for an integer, NUL padding: none of it may cost a message."""
    async with shared.client() as citrine:
        await citrine.stations.CreateStation(
            CreateStationRequest(station=Station(station_id="CS-1"), password=PASSWORD)
        )
    async with raw_station(shared.url(), "CS-1", PASSWORD) as station:
        hardware = {"model": "One", "vendorName": "Example\0\0", "serialNumber": None}
        boot = await station.result("BootNotification", {"reason": "PowerUp", "chargingStation": hardware})
        status = await station.result("StatusNotification", {**STATUS, "evseId": 1.0})
        event = await station.result(
            "TransactionEvent",
            {
                "eventType": "Started",
                "timestamp": "2026-03-01T10:00:00",
                "triggerReason": "CablePluggedIn",
                "seqNo": 0,
                "transactionInfo": {"transactionId": "x"},
                "meterValue": [],
                "evse": None,
            },
        )

    assert boot["status"] == "Accepted"
    assert status == {}
    assert event == {}
