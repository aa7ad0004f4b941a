"""OCPP 1.6, core profile: boots, charging sessions of drivers at the station, and what happens offline."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_BLOCKED, CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine_sdk import Citrine
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation, now

UNKNOWN = "NOBODY-16"


@pytest.fixture
async def booted(station: ConformanceStation) -> ConformanceStation:
    await states.booted(station)
    return station


async def add_token(api: Citrine, station: ConformanceStation, suffix: str, **fields: Any) -> str:
    """Add a token of the case, and return it."""
    uid = f"{station.id_token['idToken'][:12]}{suffix}"
    await api.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=uid, type="ISO14443", **fields)))
    return uid


async def transactions(station: ConformanceStation, api: Citrine) -> list[str]:
    """Return the ids of all transactions of the station."""
    listed = await api.transactions.ListTransactions(ListTransactionsRequest(station_id=station.station_id))
    return [one.transaction_id for one in listed.transactions]


async def lose_connection(station: ConformanceStation) -> None:
    """Be offline, and back."""
    await station.connect()


async def test_TC_001_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station boots, and is told the time and how often to say that it is there."""
    answer = await states.booted(station)
    heartbeat = await station.call("Heartbeat", {})

    assert answer["interval"] > 0
    for told in (answer, heartbeat):
        assert abs(datetime.fromisoformat(told["currentTime"]) - datetime.now(UTC)) < timedelta(seconds=5)
    shown = await api.stations.GetStation(GetStationRequest(station_id=station.station_id))
    assert (shown.hardware.vendor_name, shown.hardware.model) == ("Example", "One")


async def test_TC_003_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A driver plugs in and identifies himself: he charges, and stops."""
    await states.status(booted, "Preparing")
    await states.authorized(booted)
    await states.started(booted)
    await states.status(booted, "Charging")
    assert await states.connector_statuses(booted, api) == ["Occupied"]
    assert not (await states.transaction(booted, api)).HasField("end_time")

    await states.authorized(booted)
    answer = await states.stopped(booted, id_tag=booted.id_token["idToken"])
    await states.finished(booted)

    assert answer["idTagInfo"]["status"] == "Accepted"
    found = await states.transaction(booted, api)
    assert found.id_token.id_token == booted.id_token["idToken"]
    assert states.energy_of(found) == 750
    assert found.evse_id == booted.connector_id


async def test_TC_004_1_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A driver identifies himself and plugs in: he charges."""
    await states.authorized(booted)
    await states.status(booted, "Preparing")
    await states.started(booted)
    await states.status(booted, "Charging")

    assert await transactions(booted, api) == [booted.transaction_id]


async def test_TC_004_2_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A driver identifies himself and does not plug in: no transaction begins."""
    await states.authorized(booted)
    await states.status(booted, "Preparing")
    await states.status(booted, "Available")

    assert await transactions(booted, api) == []
    assert await states.connector_statuses(booted, api) == ["Available"]


async def test_TC_005_1_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """The cable is pulled out of the vehicle, which ends the transaction."""
    await states.charging(booted)
    await states.status(booted, "SuspendedEV")

    await states.stopped(booted, "EVDisconnected")
    await states.finished(booted)

    assert states.reason_of(await states.transaction(booted, api)) == "EVDisconnected"


async def test_TC_007_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A station that knows the token from its cache begins without asking."""
    await states.status(booted, "Preparing")
    await states.started(booted)
    await states.status(booted, "Charging")

    assert await transactions(booted, api) == [booted.transaction_id]


async def test_TC_023_1_CSMS(booted: ConformanceStation) -> None:
    """A token that nobody knows is invalid."""
    await states.authorized(booted, UNKNOWN, "Invalid")


async def test_TC_023_2_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A token whose time is over has expired."""
    time = Timestamp()
    time.FromDatetime(datetime.now(UTC) - timedelta(days=1))
    uid = await add_token(api, booted, "E2", expire_time=time)

    await states.authorized(booted, uid, "Expired")


async def test_TC_023_3_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A token that an operator blocked is blocked."""
    uid = await add_token(api, booted, "B3", status=TOKEN_STATUS_BLOCKED)

    await states.authorized(booted, uid, "Blocked")


async def test_TC_024_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """The plug can't be locked: the connector is faulted, and no transaction begins."""
    await states.authorized(booted)
    await states.status(booted, "Preparing")

    await states.status(booted, "Faulted", "ConnectorLockFailure")

    assert await states.connector_statuses(booted, api) == ["Faulted"]
    assert await transactions(booted, api) == []


async def test_TC_032_1_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """The power fails while a vehicle charges: the station boots, and ends the transaction."""
    await states.charging(booted)
    number = states.number_of(booted)

    await lose_connection(booted)
    await states.booted(booted)
    await states.stopped(booted, "PowerLoss", timestamp=states.ago(5))
    await states.finished(booted)

    found = await states.transaction(booted, api, number)
    assert (states.reason_of(found), states.energy_of(found)) == ("PowerLoss", 750)


async def test_TC_037_1_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A transaction that began offline with a valid token gets its number once the station is back."""
    begin = states.ago(60)
    await lose_connection(booted)

    await states.started(booted, timestamp=begin)
    await states.status(booted, "Charging")

    found = await states.transaction(booted, api)
    assert found.start_time.ToDatetime(UTC) == datetime.fromisoformat(begin)


async def test_TC_037_3_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A transaction that began offline with a token that is not valid gets a number, and the station ends it."""
    await lose_connection(booted)

    await states.started(booted, id_tag=UNKNOWN, wanted="Invalid", timestamp=states.ago(60))
    await states.stopped(booted, "DeAuthorized")
    await states.finished(booted)

    found = await states.transaction(booted, api)
    assert (states.reason_of(found), states.energy_of(found)) == ("DeAuthorized", 750)


async def test_TC_039_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A transaction that began and ended offline is stored as it was."""
    begin, end = states.ago(120), states.ago(30)
    await lose_connection(booted)

    await states.started(booted, timestamp=begin)
    await states.stopped(booted, "Local", timestamp=end)

    found = await states.transaction(booted, api)
    assert (states.reason_of(found), states.energy_of(found)) == ("Local", 750)
    assert found.start_time.ToDatetime(UTC) == datetime.fromisoformat(begin)
    assert found.end_time.ToDatetime(UTC) == datetime.fromisoformat(end)


async def test_TC_064_CSMS(booted: ConformanceStation) -> None:
    """Data of a vendor that nobody knows is answered so."""
    answer = await booted.call("DataTransfer", {"vendorId": "com.example.nobody", "messageId": "x", "data": now()})

    assert answer["status"] in ("UnknownVendorId", "UnknownMessageId")
