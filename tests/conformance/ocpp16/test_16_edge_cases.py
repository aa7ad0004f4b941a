"""OCPP 1.6, edge cases: what specification and errata say beyond the cases, and what stations in the field do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import display_message_pb2, provisioning_pb2, remote_control_pb2
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest
from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2.remote_control_pb2 import RequestStartTransactionRequest
from citrine.ocpp.v2.types_pb2 import Component, IdToken, Variable
from citrine_sdk import Citrine
from tests.conformance.conftest import AddStation
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation, now, played_station
from tests.support.waiting import WAIT

ACCEPTED = {"status": "Accepted"}

REGISTER = "Energy.Active.Import.Register"


@pytest.fixture
async def booted(station: ConformanceStation) -> ConformanceStation:
    await states.booted(station)
    return station


async def transactions(station: ConformanceStation, api: Citrine) -> list[str]:
    """Return the ids of all transactions of the station."""
    listed = await api.transactions.ListTransactions(ListTransactionsRequest(station_id=station.station_id))
    return [one.transaction_id for one in listed.transactions]


def sampled(value: str, **more: Any) -> dict[str, Any]:
    """Return a sampled value of the energy register."""
    return {"value": value, "measurand": REGISTER, "unit": "Wh", "context": "Sample.Periodic", **more}


async def meter(station: ConformanceStation, *values: dict[str, Any], time: str = "", **more: Any) -> None:
    """Send meter values of the connector."""
    meter_value = [{"timestamp": time or now(), "sampledValue": list(values)}]
    payload = {"connectorId": station.connector_id, "meterValue": meter_value, **more}
    assert await station.call("MeterValues", payload) == {}


async def test_EC_01_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A start that comes again is the same transaction, with the same number."""
    time = now()
    await states.started(booted, timestamp=time)
    first = booted.transaction_id

    await booted.connect()
    await states.started(booted, timestamp=time)

    assert booted.transaction_id == first
    assert await transactions(booted, api) == [first]


async def test_EC_02_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A start with another time, token or register is another transaction."""
    time = states.ago(60)
    await states.started(booted, timestamp=time)
    first = booted.transaction_id
    await states.started(booted, timestamp=states.ago(30), meterStart=1500)

    assert booted.transaction_id != first
    assert set(await transactions(booted, api)) == {first, booted.transaction_id}


async def test_EC_03_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A start by a token that is not valid gets a real number, and is stored."""
    await states.started(booted, id_tag="NOBODY-16", wanted="Invalid")

    assert await transactions(booted, api) == [booted.transaction_id]


async def stop_unknown(station: ConformanceStation, number: int) -> None:
    """Stop a transaction that is not there."""
    payload = {"transactionId": number, "meterStop": 9999, "timestamp": now(), "reason": "Local"}
    answer = await station.call("StopTransaction", payload)
    assert answer.get("idTagInfo", ACCEPTED)["status"] in ("Accepted", "Invalid")


async def test_EC_04_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """The stop of a transaction that is unknown, 0 or -1 is answered, and ends none."""
    await states.charging(booted)

    for number in (0, -1, 2147483647):
        await stop_unknown(booted, number)

    assert not (await states.transaction(booted, api)).HasField("end_time")


async def test_EC_05_CSMS(booted: ConformanceStation, api: Citrine, add_station: AddStation) -> None:
    """The stop of another station's transaction is answered, and does not end it."""
    await states.charging(booted)
    async with add_station("-2") as other:
        await states.booted(other)

        await stop_unknown(other, states.number_of(booted))

    assert not (await states.transaction(booted, api)).HasField("end_time")


async def test_EC_06_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A second stop is answered as the first, and one that says something else changes no bill."""
    await states.charging(booted)
    time = now()
    first = await states.stopped(booted, "Local", timestamp=time, id_tag=booted.id_token["idToken"])

    again = await states.stopped(booted, "Local", timestamp=time, id_tag=booted.id_token["idToken"])
    await states.stopped(booted, "Local", meterStop=999_999)

    assert again == first
    assert states.energy_of(await states.transaction(booted, api)) == 750


async def test_EC_07_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """The data of a transaction is stored, with every digit, and signed data as it is."""
    await states.charging(booted)
    signed = "AAQCAKvN/w=="
    data = [
        {"timestamp": now(), "sampledValue": [sampled("1200.12345678901234")]},
        {"timestamp": now(), "sampledValue": [{"value": signed, "format": "SignedData", "context": "Transaction.End"}]},
    ]

    await states.stopped(booted, "Local", transactionData=data)

    found = await states.transaction(booted, api)
    assert states.energy_of(found) == 750
    listed = await api.meter_values.ListSamples(ListSamplesRequest(station_id=booted.station_id))
    assert 1200.12345678901234 in [one.sampled_value.value for one in listed.samples]
    assert signed in str(listed.samples)


async def test_EC_08_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """Meter values are of their transaction, or of their connector where they name none."""
    await meter(booted, sampled("1000"))
    await states.charging(booted)

    await meter(booted, sampled("1300"), transactionId=states.number_of(booted))
    await meter(booted, sampled("1301", context="Sample.Clock"), transactionId=states.number_of(booted))
    await meter(booted, sampled("1302"), transactionId=0)

    assert states.energy_of(await states.transaction(booted, api)) == 301
    listed = await api.meter_values.ListSamples(ListSamplesRequest(station_id=booted.station_id))
    assert {1000.0, 1300.0, 1301.0, 1302.0} <= {one.sampled_value.value for one in listed.samples}


async def test_EC_09_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A station is told the group of a token, and until when it holds."""
    uid, group = f"{booted.id_token['idToken'][:12]}A9", f"G{booted.id_token['idToken'][:10]}"
    until = Timestamp()
    until.FromDatetime((datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0))
    one = Token(id_token=uid, type="ISO14443", group_id=group, expire_time=until)
    await api.tokens.CreateToken(CreateTokenRequest(token=one))

    info = await states.authorized(booted, uid)
    of_start = await states.started(booted, id_tag=uid)

    assert info["parentIdTag"] == of_start["parentIdTag"] == group
    assert datetime.fromisoformat(info["expiryDate"]) <= until.ToDatetime(UTC)


async def test_EC_10_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A token of more than 20 characters has another name for the station, by which it is known everywhere."""
    uid = f"a-contract-of-more-than-twenty-{booted.station_id}"[:36]
    await api.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=uid, type="Central")))
    request = RequestStartTransactionRequest(
        id_token=IdToken(id_token=uid, type="Central"), evse_id=booted.connector_id, remote_start_id=1
    )
    rpc = api.remote_control.RequestStartTransaction(
        remote_control_pb2.RequestStartTransactionRequest(target=states.target(booted), request=request)
    )

    asked, _ = await booted.asked_by(rpc, "RemoteStartTransaction", ACCEPTED)
    await states.authorized(booted, asked["idTag"])
    await states.started(booted, id_tag=asked["idTag"])

    assert len(asked["idTag"]) <= 20
    assert (await states.transaction(booted, api)).id_token.id_token == uid


async def test_EC_11_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A transaction without an end is over when the next one begins on its connector."""
    await states.charging(booted)
    first = states.number_of(booted)

    await states.started(booted, meterStart=2000)

    over = await transaction_over(booted, api)
    assert over == (str(first), booted.transaction_id)


async def transaction_over(station: ConformanceStation, api: Citrine) -> tuple[str, str]:
    """Return the transaction of a station that is over, and the one that began after it."""
    request = SubscribeRequest(from_token="0", station_ids=[station.station_id], kinds=["transaction_over"])
    async for response in api.events.Subscribe(request, timeout=WAIT):
        if response.event.HasField("transaction_over"):
            body = response.event.transaction_over
            return body.transaction_id, body.next_transaction_id
    raise AssertionError("the stream ended")


async def test_EC_12_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """What comes late, in whichever order, belongs to its transaction."""
    begin, end = states.ago(120), states.ago(60)
    await states.started(booted, timestamp=begin)

    await states.stopped(booted, "Local", timestamp=end)
    await meter(booted, sampled("1400"), time=states.ago(90), transactionId=states.number_of(booted))

    found = await states.transaction(booted, api)
    assert (states.reason_of(found), states.energy_of(found)) == ("Local", 750)


async def test_EC_13_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A boot in the middle of a transaction does not end it."""
    await states.charging(booted)

    await booted.connect()
    assert (await booted.call("BootNotification", states.BOOT))["status"] == "Accepted"
    await meter(booted, sampled("1500"), transactionId=states.number_of(booted))
    await states.stopped(booted, "Local")

    found = await states.transaction(booted, api)
    assert (states.reason_of(found), states.energy_of(found)) == ("Local", 750)


async def test_EC_14_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A status of before the station was offline does not replace a newer one."""
    await states.status(booted, "Preparing")

    await states.status(booted, "Available", timestamp=states.ago(600))

    assert await states.connector_statuses(booted, api) == ["Occupied"]


async def test_EC_15_CSMS(booted: ConformanceStation) -> None:
    """What is wrong with a message is told by the error codes that OCPP 1.6 has."""
    time = now()
    start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": time}

    assert await booted.refused("NoSuchAction", {}) == "NotImplemented"
    assert await booted.refused("Reset", {"type": "Hard"}) == "NotSupported"
    assert await booted.refused("StartTransaction", {**start, "meterStart": "many"}) == "TypeConstraintViolation"
    assert await booted.refused("StartTransaction", {"connectorId": 1}) in (
        "OccurenceConstraintViolation",
        "FormationViolation",
        "ProtocolError",
    )
    assert await booted.refused("StartTransaction", {**start, "idTag": "A" * 40}) in (
        "PropertyConstraintViolation",
        "TypeConstraintViolation",
    )


async def test_EC_16_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """What OCPP 1.6 can't say is refused by name, and nothing else is sent in its place."""
    reset = provisioning.ResetRequest(type=provisioning.RESET_ENUM_IMMEDIATE, evse_id=1)
    messages = display_message_pb2.GetDisplayMessagesRequest(target=states.target(booted))
    messages.request.request_id = 1
    for rpc in (
        api.provisioning.Reset(provisioning_pb2.ResetRequest(target=states.target(booted), request=reset)),
        api.display_message.GetDisplayMessages(messages),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await rpc
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert refused.value.details()
    await booted.silent()


async def test_EC_17_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A key that the station does not know is an unknown variable, and one that needs a boot says so."""
    data = provisioning.GetVariableData(
        component=Component(name="SampledDataCtrlr"), variable=Variable(name="TxUpdatedInterval")
    )
    get = api.provisioning.GetVariables(
        provisioning_pb2.GetVariablesRequest(
            target=states.target(booted), request=provisioning.GetVariablesRequest(get_variable_data=[data])
        )
    )
    _, found = await booted.asked_by(get, "GetConfiguration", {"unknownKey": ["MeterValueSampleInterval"]})
    change = provisioning.SetVariableData(component=data.component, variable=data.variable, attribute_value="60")
    rpc = api.provisioning.SetVariables(
        provisioning_pb2.SetVariablesRequest(
            target=states.target(booted), request=provisioning.SetVariablesRequest(set_variable_data=[change])
        )
    )
    _, changed = await booted.asked_by(rpc, "ChangeConfiguration", {"status": "RebootRequired"})

    (read,), (written,) = found.response.get_variable_result, changed.response.set_variable_result
    assert spelling_of(provisioning.GetVariableStatusEnum, read.attribute_status) == "UnknownVariable"
    assert spelling_of(provisioning.SetVariableStatusEnum, written.attribute_status) == "RebootRequired"


async def test_EC_18_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that spoke 2.0.1 before a change of its firmware is the same station."""
    async with played_station(station.url, station.station_id, station.password) as newer:
        boot = {"reason": "PowerUp", "chargingStation": {"model": "One", "vendorName": "Example"}}
        assert (await newer.call("BootNotification", boot))["status"] == "Accepted"

    await station.connect()
    await states.booted(station)
    await states.charging(station)

    assert await transactions(station, api) == [station.transaction_id]
    shown = await api.stations.GetStation(GetStationRequest(station_id=station.station_id))
    assert shown.hardware.model == "One"


async def test_EC_19_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """An error of a connector is an event, and shown beside its state."""
    await states.status(
        booted, "Faulted", "OverCurrentFailure", vendorId="Example", vendorErrorCode="E-42", info="fuse"
    )

    assert await states.connector_statuses(booted, api) == ["Faulted"]
