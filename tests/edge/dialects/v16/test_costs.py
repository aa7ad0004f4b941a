"""Prices and costs on OCPP 1.6: DataTransfers behind the answers that can't say them."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.v2 import authorization_pb2, transactions_pb2, types_pb2
from tests.edge.conftest import RunningEdge
from tests.support.fake_core import FakeCore, Reply, default_reply
from tests.support.raw_station import RawStation

STOP = {"transactionId": 17, "timestamp": "2025-01-31T12:00:00Z", "meterStop": 2000}

START = {"connectorId": 1, "idTag": "DEADBEEF", "timestamp": "2025-01-31T12:00:00Z", "meterStart": 1000}

TEXT = types_pb2.MessageContent(format=types_pb2.MESSAGE_FORMAT_ENUM_UTF8, content="0.40 EUR/kWh")

HTML = types_pb2.MessageContent(format=types_pb2.MESSAGE_FORMAT_ENUM_HTML, content="<b>0.40</b>")


def info(message: types_pb2.MessageContent | None = TEXT) -> types_pb2.IdTokenInfo:
    return types_pb2.IdTokenInfo(status=types_pb2.AUTHORIZATION_STATUS_ENUM_ACCEPTED, personal_message=message)


@pytest.fixture
async def station(edge: RunningEdge) -> AsyncIterator[RawStation]:
    """A station that speaks 1.6."""
    async with edge.station(version="1.6") as station:
        yield station


def replies(core: FakeCore, **responses: Any) -> None:
    """Let a core answer so, by the field of the request."""

    def reply(call: pb.StationCall) -> Reply:
        return responses.get(call.request.WhichOneof("message") or "") or default_reply(call)

    core.reply = reply


async def told(station: RawStation, status: str = "Accepted") -> tuple[str, dict[str, Any]]:
    """Return message id and data of the DataTransfer that comes next, and answer it."""
    action, payload = await station.answer({"status": status})
    assert (action, payload["vendorId"]) == ("DataTransfer", "org.openchargealliance.costmsg")
    return payload["messageId"], orjson.loads(payload["data"])


async def test_final_cost_follows_the_answer_to_the_stop(core: FakeCore, station: RawStation) -> None:
    response = transactions_pb2.TransactionEventResponse(total_cost=4.2, updated_personal_message=TEXT)
    replies(core, transaction_event=response)

    assert await station.ask("StopTransaction", STOP, "m1") == [3, "m1", {}]

    assert await told(station) == ("FinalCost", {"transactionId": 17, "cost": 4.2, "priceText": "0.40 EUR/kWh"})


async def test_running_cost_follows_the_answer_to_meter_values(core: FakeCore, station: RawStation) -> None:
    replies(core, transaction_event=transactions_pb2.TransactionEventResponse(total_cost=1.5))
    sampled = [{"value": "1500"}]
    values = {
        "connectorId": 1,
        "transactionId": 17,
        "meterValue": [{"timestamp": "2025-01-31T11:00:00Z", "sampledValue": sampled}],
    }

    assert (await station.ask("MeterValues", values))[2] == {}

    cost = {"transactionId": 17, "timestamp": "2025-01-31T11:00:00Z", "cost": 1.5}
    assert await told(station) == ("RunningCost", cost)


async def test_running_cost_says_when_to_send_meter_values(core: FakeCore, station: RawStation) -> None:
    details = types_pb2.CustomData(vendor_id="org.openchargealliance.costmsg")
    triggers = {"atEnergykWh": 12.5, "atChargingState": ["SuspendedEV"]}
    said: dict[str, Any] = {"state": "Charging", "triggerMeterValue": triggers}
    details.data.update(said)
    replies(core, transaction_event=transactions_pb2.TransactionEventResponse(total_cost=1.5, custom_data=details))
    sampled = [{"value": "1500"}]
    values = {
        "connectorId": 1,
        "transactionId": 17,
        "meterValue": [{"timestamp": "2025-01-31T11:00:00Z", "sampledValue": sampled}],
    }

    await station.ask("MeterValues", values)

    _, cost = await told(station)
    assert (cost["state"], cost["cost"]) == ("Charging", 1.5)
    assert cost["triggerMeterValue"] == {"atEnergykWh": 12.5, "atCPStatus": ["SuspendedEV"]}


async def test_price_follows_the_answer_to_authorize(core: FakeCore, station: RawStation) -> None:
    replies(core, authorize=authorization_pb2.AuthorizeResponse(id_token_info=info()))

    answer = await station.ask("Authorize", {"idTag": "DEADBEEF"}, "m1")

    assert answer == [3, "m1", {"idTagInfo": {"status": "Accepted"}}]
    assert await told(station) == ("SetUserPrice", {"idToken": "DEADBEEF", "priceText": "0.40 EUR/kWh"})


async def test_station_that_shows_no_costs_is_sent_no_more_of_them(core: FakeCore, station: RawStation) -> None:
    replies(core, authorize=authorization_pb2.AuthorizeResponse(id_token_info=info()))
    await station.ask("Authorize", {"idTag": "DEADBEEF"})
    assert (await told(station, "UnknownVendorId"))[0] == "SetUserPrice"

    await station.ask("Authorize", {"idTag": "DEADBEEF"})
    session = (await core.next("opened")).session
    core.command(session, "c1", authorization_pb2.ClearCacheRequest())

    assert (await station.receive())[1:3] == ["c1", "ClearCache"]
    # Nobody but the station is told of it.
    assert core.all("command_failure") == []


@pytest.mark.parametrize(
    "response",
    [
        authorization_pb2.AuthorizeResponse(id_token_info=info(None)),
        authorization_pb2.AuthorizeResponse(id_token_info=info(HTML)),
    ],
)
async def test_nothing_follows_where_there_is_no_text(
    core: FakeCore, station: RawStation, response: authorization_pb2.AuthorizeResponse
) -> None:
    replies(core, authorize=response)
    await station.ask("Authorize", {"idTag": "DEADBEEF"})
    core.command((await core.next("opened")).session, "c1", authorization_pb2.ClearCacheRequest())

    assert (await station.receive())[2] == "ClearCache"


async def test_price_follows_the_answer_to_the_start(core: FakeCore, station: RawStation) -> None:
    core.reply = lambda call: None
    await station.send([2, "m1", "StartTransaction", START])
    call = await core.next("call")
    answer = pb.Answer(id=call.id, transaction_number=17)
    answer.response.transaction_event.id_token_info.CopyFrom(info(None))
    answer.response.transaction_event.updated_personal_message.CopyFrom(TEXT)
    core.send(answer=answer)

    assert (await station.receive())[2]["transactionId"] == 17
    assert await told(station) == ("SetUserPrice", {"idToken": "DEADBEEF", "priceText": "0.40 EUR/kWh"})
