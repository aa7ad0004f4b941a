"""OCPP 1.6, edge cases of transactions: what is kept aside, flagged, late, priced, or over without an end."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import tariffs_pb2
from citrine.api.v1.availability_pb2 import ConnectorDetail, ListConnectorsRequest
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest
from citrine.api.v1.provisioning_pb2 import GetBaseReportRequest
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest
from citrine.api.v1.reports_pb2 import REPORT_KIND_DEVICE_MODEL, GetReportRunRequest
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import ListUnmatchedEndsRequest, TransactionAnomaly
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import remote_control_pb2 as remote
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum
from citrine.ocpp.v2.types_pb2 import IdToken, ReadingContextEnum
from citrine_sdk import Citrine
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation, now
from tests.support.waiting import WAIT

ACCEPTED = {"status": "Accepted"}

COSTS = "org.openchargealliance.costmsg"


@pytest.fixture
async def booted(station: ConformanceStation) -> ConformanceStation:
    await states.booted(station)
    return station


async def meter(station: ConformanceStation, wh: int, context: str, **more: Any) -> None:
    """Send a reading of the register."""
    sampled = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh", "context": context}
    meter_value = [{"timestamp": now(), "sampledValue": [sampled]}]
    payload = {"connectorId": station.connector_id, "meterValue": meter_value, **more}
    assert await station.call("MeterValues", payload) == {}


async def charging_state(station: ConformanceStation, api: Citrine) -> str:
    """Return the charging state of the transaction begun last."""
    return spelling_of(ChargingStateEnum, (await states.transaction(station, api)).charging_state)


async def test_EC_28_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """The finer state of a connector is shown beside its status."""
    found = []
    for state in ("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"):
        await states.status(booted, state)
        listed = await api.availability.ListConnectors(ListConnectorsRequest(station_id=booted.station_id))
        found += [ConnectorDetail.State.Name(one.detail.state) for one in listed.connectors if one.evse_id]
        assert await states.connector_statuses(booted, api) == ["Occupied"]

    wanted = ["PREPARING", "CHARGING", "SUSPENDED_EV", "SUSPENDED_EVSE", "FINISHING"]
    assert found == [f"STATE_{state}" for state in wanted]


async def test_EC_29_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """The stop of no transaction is kept aside, once, for an operator to see."""
    payload = {"meterStop": 9999, "timestamp": now(), "reason": "Local"}
    for number in (0, -1, 4711, 4711):
        await booted.call("StopTransaction", {"transactionId": number, **payload})

    listed = await api.transactions.ListUnmatchedEnds(ListUnmatchedEndsRequest(station_id=booted.station_id))
    assert sorted(end.transaction_id for end in listed.ends) == ["-1", "0", "4711"]


async def test_EC_30_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A second stop that says something else is flagged, and one that says the same is not."""
    await states.charging(booted)
    time = now()
    first = await states.stopped(booted, "Local", timestamp=time)
    assert await states.stopped(booted, "Local", timestamp=time) == first
    assert not (await states.transaction(booted, api)).anomalies

    await states.stopped(booted, "Local", timestamp=time, meterStop=999_999)

    (anomaly,) = (await states.transaction(booted, api)).anomalies
    assert anomaly.kind == TransactionAnomaly.KIND_SECOND_END


async def test_EC_31_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A transaction without an end is over once its connector is available."""
    await states.charging(booted)
    assert not (await states.transaction(booted, api)).HasField("over_time")

    await states.status(booted, "Available")

    assert (await states.transaction(booted, api)).HasField("over_time")


async def test_EC_32_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A transaction that began offline gets a real number, by which what was queued behind it is known."""
    begin = states.ago(7200)
    await states.started(booted, timestamp=begin)
    await meter(booted, 1400, "Sample.Periodic", transactionId=states.number_of(booted))
    await states.stopped(booted, "Local")

    found = await states.transaction(booted, api)
    assert (found.offline, states.energy_of(found)) == (True, 750)
    assert found.start_time.ToDatetime(UTC) == datetime.fromisoformat(begin)


async def test_EC_33_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """Clock-aligned readings count for their transaction, and are stored as what they are without one."""
    await meter(booted, 900, "Sample.Clock")
    await states.charging(booted)
    await meter(booted, 1600, "Sample.Clock", transactionId=states.number_of(booted))

    assert states.energy_of(await states.transaction(booted, api)) == 600
    listed = await api.meter_values.ListSamples(ListSamplesRequest(station_id=booted.station_id))
    found = {
        one.sampled_value.value: (spelling_of(ReadingContextEnum, one.sampled_value.context), one.transaction_id)
        for one in listed.samples
    }
    assert found[900] == ("Sample.Clock", "")
    assert found[1600] == ("Sample.Clock", booted.transaction_id)


async def test_EC_34_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A status that arrives before the start of its transaction is of that transaction all the same."""
    await states.status(booted, "Charging", timestamp=states.ago(50))
    await states.status(booted, "SuspendedEV", timestamp=states.ago(30))

    await states.started(booted, timestamp=states.ago(60))

    assert await charging_state(booted, api) == "SuspendedEV"


async def test_EC_35_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A start that says what one before said is another transaction, once the stop of that one has arrived."""
    time = now()
    await states.started(booted, timestamp=time)
    first = booted.transaction_id
    await states.started(booted, timestamp=time)
    assert booted.transaction_id == first
    await states.stopped(booted, "Local", meterStop=states.METER_START)

    await states.started(booted, timestamp=time)
    assert booted.transaction_id != first
    await states.stopped(booted, "Local")

    assert states.energy_of(await states.transaction(booted, api, int(first))) == 0
    assert states.energy_of(await states.transaction(booted, api)) == 750


async def test_EC_36_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A card of ten bytes that was typed with separators goes to the station as its digits, and is known by them."""
    digits = booted.id_token["idToken"].rjust(20, "0")
    typed = ":".join(digits[at : at + 2] for at in range(0, 20, 2))
    await api.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=typed, type="ISO14443")))
    request = remote.RequestStartTransactionRequest(
        id_token=IdToken(id_token=typed, type="ISO14443"), evse_id=booted.connector_id, remote_start_id=1
    )
    rpc = api.remote_control.RequestStartTransaction(
        RequestStartTransactionRequest(target=states.target(booted), request=request)
    )

    asked, _ = await booted.asked_by(rpc, "RemoteStartTransaction", ACCEPTED)
    await states.authorized(booted, digits)

    assert asked["idTag"] == digits


async def assign_prices(station: ConformanceStation, api: Citrine) -> None:
    """Have energy cost 0.40 a kWh, from 10 kWh on 0.30; idle time 6.00 an hour."""

    def element(dimension: Any, price: str, **restrictions: Any) -> tariffs_pb2.TariffElement:
        component = tariffs_pb2.PriceComponent(dimension=dimension, price=price)
        limits = tariffs_pb2.TariffRestrictions(**restrictions)
        return tariffs_pb2.TariffElement(price_components=[component], restrictions=limits)

    elements = [
        element(tariffs_pb2.TARIFF_DIMENSION_ENERGY, "0.40", max_kwh="10"),
        element(tariffs_pb2.TARIFF_DIMENSION_ENERGY, "0.30"),
        element(tariffs_pb2.TARIFF_DIMENSION_IDLE_TIME, "6.00"),
    ]
    tariff = tariffs_pb2.Tariff(tariff_id=station.station_id, currency="EUR", elements=elements)
    await api.tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=tariff))
    assignment = tariffs_pb2.TariffAssignment(tariff_id=station.station_id, station_id=station.station_id)
    await api.tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment))


async def reports_that_it_shows_costs(station: ConformanceStation, api: Citrine) -> None:
    """Have the station report its keys, by which it can tell drivers what charging costs."""
    request = provisioning.GetBaseReportRequest(request_id=5, report_base=provisioning.REPORT_BASE_ENUM_FULL_INVENTORY)
    rpc = api.provisioning.GetBaseReport(GetBaseReportRequest(target=states.target(station), request=request))
    keys = [{"key": "CustomDisplayCostAndPrice", "readonly": True, "value": "true"}]
    await station.asked_by(rpc, "GetConfiguration", {"configurationKey": keys})
    run = GetReportRunRequest(station_id=station.station_id, kind=REPORT_KIND_DEVICE_MODEL, request_id=5)
    async with asyncio.timeout(WAIT):
        while not (await api.reports.GetReportRun(run)).complete:
            pass


async def told(station: ConformanceStation) -> tuple[str, dict[str, Any]]:
    """Return message and data of what the station is told of costs next."""
    payload = await station.asked("DataTransfer", ACCEPTED)
    assert payload["vendorId"] == COSTS
    return payload["messageId"], orjson.loads(payload["data"])


async def test_EC_37_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """Prices and costs go over DataTransfer, with what the station is to send meter values at."""
    await assign_prices(booted, api)
    await reports_that_it_shows_costs(booted, api)

    await states.authorized(booted)
    price = await told(booted)
    await states.started(booted, timestamp=states.ago(60))
    assert (await told(booted))[0] == "SetUserPrice"
    await states.status(booted, "Charging", timestamp=states.ago(60))
    await meter(booted, 6000, "Sample.Periodic", transactionId=states.number_of(booted))
    running = await told(booted)
    await states.status(booted, "SuspendedEV")
    await meter(booted, 13_000, "Other", transactionId=states.number_of(booted))
    idle = await told(booted)
    await states.stopped(booted, "Local", meterStop=13_000)
    final = await told(booted)

    assert price[0] == "SetUserPrice"
    assert (price[1]["idToken"], bool(price[1]["priceText"])) == (booted.id_token["idToken"], True)
    number = states.number_of(booted)
    assert (running[0], running[1]["transactionId"], running[1]["cost"]) == ("RunningCost", number, 2)
    assert (running[1]["state"], running[1]["meterValue"]) == ("Charging", 6000)
    assert running[1]["triggerMeterValue"] == {"atEnergykWh": 11.0, "atCPStatus": ["SuspendedEV"]}
    assert (idle[1]["state"], idle[1]["triggerMeterValue"]) == ("Idle", {"atCPStatus": ["Charging", "SuspendedEVSE"]})
    assert (final[0], final[1]["transactionId"]) == ("FinalCost", number)
    assert final[1]["cost"] >= 4.6


async def test_EC_38_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A station is told the group of a token and until when it holds with a stop, too."""
    uid, group = f"{booted.id_token['idToken'][:12]}38", f"G{booted.id_token['idToken'][:10]}"
    until = Timestamp(seconds=int(datetime.now(UTC).timestamp()) + 86_400)
    token = Token(id_token=uid, type="ISO14443", group_id=group, expire_time=until)
    await api.tokens.CreateToken(CreateTokenRequest(token=token))
    await states.started(booted, id_tag=uid)

    info = (await states.stopped(booted, "Local", id_tag=uid))["idTagInfo"]

    assert (info["status"], info["parentIdTag"]) == ("Accepted", group)
    assert datetime.fromisoformat(info["expiryDate"]) <= until.ToDatetime(UTC)
