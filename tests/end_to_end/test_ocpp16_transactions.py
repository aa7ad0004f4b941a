"""Transactions of stations of OCPP 1.6 on a real edge and a real core: what they are answered, and what is stored."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citrine.api.v1.availability_pb2 import ConnectorDetail, ListConnectorsRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListUnmatchedEndsRequest
from citrine.ocpp.id_tags import surrogate_of
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_sdk import Citrine
from tests.support.deployment import Deployment
from tests.support.raw_station import RawStation, raw_station

PASSWORD = "correct-horse-battery"
LONG = "a-driver-of-the-app-5cbbf1a0"

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


def at(minutes: float) -> str:
    """Return a time so many minutes from now."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


@pytest.fixture
async def citrine(shared: Deployment) -> AsyncIterator[Citrine]:
    async with shared.client() as citrine:
        station = Station(station_id="CS-1")
        await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))
        for id_token, type_name in (("0A0B0C0D", "ISO14443"), (LONG, "Central")):
            token = Token(id_token=id_token, type=type_name, group_id="FLEET")
            await citrine.tokens.CreateToken(CreateTokenRequest(token=token))
        yield citrine


@pytest.fixture
async def station(shared: Deployment, citrine: Citrine) -> AsyncIterator[RawStation]:
    async with raw_station(shared.url(), "CS-1", PASSWORD, "1.6") as station:
        assert (await station.result("BootNotification", BOOT))["status"] == "Accepted"
        yield station


def start(minutes: float = -30, **fields: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "0a0b0c0d", "meterStart": 1000, "timestamp": at(minutes), **fields}


async def test_a_transaction_is_charged_and_known_by_its_number(citrine: Citrine, station: RawStation) -> None:
    started = start()
    answer = await station.result("StartTransaction", started)
    assert await station.result("StartTransaction", started) == answer
    number = answer["transactionId"]
    samples = [{"timestamp": at(-20), "sampledValue": [{"value": "2500", "unit": "Wh"}]}]
    await station.result("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": samples})
    end = {"transactionId": number, "meterStop": 4000, "timestamp": at(-10), "idTag": "0A0B0C0D", "reason": "Local"}
    stopped = await station.result("StopTransaction", end)
    assert await station.result("StopTransaction", end) == stopped

    assert answer["idTagInfo"] == {"status": "Accepted", "parentIdTag": "FLEET"}
    assert stopped["idTagInfo"]["status"] == "Accepted"
    found = await citrine.transactions.GetTransaction(GetTransactionRequest(transaction_id=str(number)))
    assert (found.energy_wh, found.events, found.evse_id, found.missing_events) == (3000, 3, 1, 0)
    assert found.id_token == IdToken(id_token="0a0b0c0d", type="ISO14443")
    assert found.HasField("settle_time")


async def test_a_token_that_is_too_long_charges_by_its_surrogate(citrine: Citrine, station: RawStation) -> None:
    id_tag = surrogate_of(LONG, "Central")
    assert (await station.result("Authorize", {"idTag": id_tag}))["idTagInfo"]["status"] == "Accepted"
    answer = await station.result("StartTransaction", start(idTag=id_tag))

    number = str(answer["transactionId"])
    found = await citrine.transactions.GetTransaction(GetTransactionRequest(transaction_id=number))
    assert found.id_token == IdToken(id_token=LONG, type="Central")


@pytest.mark.in_turn
@pytest.mark.parametrize("number", [0, -1, 4711])
async def test_a_stop_of_no_transaction_is_answered_and_kept_aside(
    citrine: Citrine, station: RawStation, number: int
) -> None:
    end = {"transactionId": number, "meterStop": 4000, "timestamp": at(-10), "idTag": "0A0B0C0D"}

    assert await station.result("StopTransaction", end) == {}
    ends = (await citrine.transactions.ListUnmatchedEnds(ListUnmatchedEndsRequest(station_id="CS-1"))).ends
    assert [one.transaction_id for one in ends] == [str(number)]


async def test_finer_states_of_connectors_are_shown(citrine: Citrine, station: RawStation) -> None:
    for connector, status in ((0, "Available"), (1, "SuspendedEV")):
        payload = {"connectorId": connector, "status": status, "errorCode": "NoError", "timestamp": at(0)}
        assert await station.result("StatusNotification", payload) == {}

    shown = (await citrine.availability.ListConnectors(ListConnectorsRequest(station_id="CS-1"))).connectors
    assert [(one.evse_id, one.connector_id) for one in shown] == [(0, 0), (1, 1)]
    assert shown[1].detail.state == ConnectorDetail.STATE_SUSPENDED_EV
