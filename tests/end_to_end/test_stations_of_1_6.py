"""A station of OCPP 1.6, built on the `ocpp` package, charges through real edge and core processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp.v16 import ChargePoint, call
from websockets.asyncio.client import connect

from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest
from citrine.api.v1.refusals_pb2 import (
    ListRefusalsRequest,
    ListToleranceRulesRequest,
    Refusal,
    SetToleranceRuleRequest,
)
from citrine.api.v1.stations_pb2 import CreateStationRequest, GetStationRequest, Station
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionEventsRequest, ListTransactionsRequest
from citrine.ocpp.v2.availability_pb2 import CONNECTOR_STATUS_ENUM_OCCUPIED
from citrine.ocpp.v2.transactions_pb2 import REASON_ENUM_EV_DISCONNECTED
from citrine_sdk import Citrine
from citrine_words.quirks import find_profile
from tests.support.deployment import Deployment
from tests.support.raw_station import basic, raw_station
from tests.support.waiting import PAUSE, WAIT

pytestmark = pytest.mark.timeout(120)

PASSWORD = "correct-horse-battery"
BEGAN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def at(minutes: int) -> str:
    return (BEGAN + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def connected(deployment: Deployment, station_id: str, password: str = PASSWORD) -> AsyncIterator[Any]:
    """Connect a charge point of the `ocpp` package that has booted."""
    subprotocols: Any = ["ocpp1.6"]
    headers = basic(station_id, password)
    async with connect(
        f"{deployment.url()}/{station_id}", subprotocols=subprotocols, additional_headers=headers
    ) as websocket:
        station = ChargePoint(station_id, websocket)
        loop = asyncio.create_task(station.start())
        boot = await station.call(
            call.BootNotification(charge_point_vendor="Acme", charge_point_model="One", firmware_version="1.2")
        )
        assert boot.status == "Accepted"
        yield station
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop


async def register(citrine: Citrine, station_id: str) -> None:
    """Register a station, and a token in a group."""
    await citrine.stations.CreateStation(
        CreateStationRequest(station=Station(station_id=station_id), password=PASSWORD)
    )
    token = Token(id_token="CARD-1", type="Central", group_id="FLEET")
    await citrine.tokens.CreateToken(CreateTokenRequest(token=token))


def meter_values(minutes: int, value: str, unit: str = "kWh") -> list[dict[str, Any]]:
    register = {"value": value, "unit": unit, "measurand": "Energy.Active.Import.Register"}
    power = {"value": "11000", "unit": "W", "measurand": "Power.Active.Import"}
    return [{"timestamp": at(minutes), "sampled_value": [register, power]}]


async def test_a_station_charges(shared: Deployment) -> None:
    """What the station says is stored, and read back through the API as that of other versions."""
    async with shared.client() as citrine:
        await register(citrine, "CP-1")
        async with connected(shared, "CP-1") as station:
            preparing = call.StatusNotification(
                connector_id=1, error_code="NoError", status="Preparing", timestamp=at(0)
            )
            await station.call(preparing)
            authorized = await station.call(call.Authorize(id_tag="card-1"))
            started = await station.call(
                call.StartTransaction(connector_id=1, id_tag="card-1", meter_start=1000500, timestamp=at(0))
            )
            number = started.transaction_id
            await station.call(
                call.MeterValues(connector_id=1, transaction_id=number, meter_value=meter_values(1, "1001.25"))
            )
            stopped = await station.call(
                call.StopTransaction(
                    transaction_id=number, meter_stop=1002750, timestamp=at(2), reason="EVDisconnected", id_tag="card-1"
                )
            )

        transaction = await citrine.transactions.GetTransaction(
            GetTransactionRequest(station_id="CP-1", transaction_id=str(number))
        )
        events = await citrine.transactions.ListTransactionEvents(
            ListTransactionEventsRequest(station_id="CP-1", transaction_id=str(number))
        )
        samples = await citrine.meter_values.ListSamples(ListSamplesRequest(station_id="CP-1"))
        connectors = await citrine.availability.ListConnectors(ListConnectorsRequest(station_id="CP-1"))
        shown = await citrine.stations.GetStation(GetStationRequest(station_id="CP-1"))

    assert authorized.id_tag_info == {"status": "Accepted", "parent_id_tag": "FLEET"}
    assert started.id_tag_info["status"] == "Accepted"
    assert 1 <= number < 2**31
    assert stopped.id_tag_info["status"] == "Accepted"
    assert transaction.energy_wh == 2250.0
    assert transaction.stopped_reason == REASON_ENUM_EV_DISCONNECTED
    assert transaction.end_time.ToDatetime(UTC) == BEGAN + timedelta(minutes=2)
    assert len(events.events) == 3
    assert len(samples.samples) == 4
    assert [each.status for each in connectors.connectors] == [CONNECTOR_STATUS_ENUM_OCCUPIED]
    assert (shown.hardware.vendor_name, shown.hardware.firmware_version) == ("Acme", "1.2")


async def test_a_start_that_is_sent_again_is_the_same_transaction(shared: Deployment) -> None:
    """A station that was offline repeats what it did not hear the answer of, on another connection too."""
    start = call.StartTransaction(connector_id=1, id_tag="CARD-1", meter_start=100, timestamp=at(0))
    async with shared.client() as citrine:
        await register(citrine, "CP-1")
        numbers = []
        for _ in range(2):
            async with connected(shared, "CP-1") as station:
                numbers += [(await station.call(start)).transaction_id for _ in range(2)]
                other = await station.call(
                    call.StartTransaction(connector_id=2, id_tag="CARD-1", meter_start=100, timestamp=at(0))
                )
        listed = await citrine.transactions.ListTransactions(ListTransactionsRequest(station_id="CP-1"))

    assert len(set(numbers)) == 1
    assert other.transaction_id not in numbers
    assert len(listed.transactions) == 2


async def test_an_unknown_token_starts_a_transaction_that_is_not_accepted(shared: Deployment) -> None:
    async with shared.client() as citrine:
        await register(citrine, "CP-1")
        async with connected(shared, "CP-1") as station:
            started = await station.call(
                call.StartTransaction(connector_id=1, id_tag="NOBODY", meter_start=100, timestamp=at(0))
            )

    assert started.id_tag_info["status"] == "Invalid"
    assert started.transaction_id > 0


@pytest.mark.in_turn
@pytest.mark.parametrize("number", [-1, 0, 4711])
async def test_a_stop_of_no_transaction_is_answered(shared: Deployment, number: int) -> None:
    async with shared.client() as citrine:
        await register(citrine, "CP-1")
        async with connected(shared, "CP-1") as station:
            stopped = await station.call(
                call.StopTransaction(transaction_id=number, meter_stop=100, timestamp=at(1)), suppress=False
            )
            values = await station.call(
                call.MeterValues(connector_id=1, transaction_id=number, meter_value=meter_values(1, "1", "Wh")),
                suppress=False,
            )

    assert stopped is not None
    assert values is not None


async def test_a_station_logs_in_with_its_key_as_hexadecimal_text(shared: Deployment) -> None:
    async with shared.client() as citrine:
        await register(citrine, "CP-1")
        async with connected(shared, "CP-1", PASSWORD.encode().hex()) as station:
            assert (await station.call(call.Heartbeat())).current_time


async def test_a_quirk_profile_lets_pass_what_was_refused(shared: Deployment) -> None:
    """The refusal names what the profile accepts, and each use of its rule is counted."""
    boot = {"chargePointVendor": "VESTEL", "chargePointModel": "EVC04"}
    empty = {"connectorId": 1, "meterValue": [{"timestamp": at(0), "sampledValue": []}]}
    profile = find_profile("vestel-evc04")
    assert profile is not None
    async with shared.client() as citrine:
        await register(citrine, "CP-1")
        async with raw_station(shared.url(), "CP-1", PASSWORD, "1.6", patient=True) as station:
            await station.result("BootNotification", boot)
            refused = await station.ask("MeterValues", empty)
            refusals: Sequence[Refusal] = []
            async with asyncio.timeout(WAIT):
                while not refusals:
                    refusals = (await citrine.refusals.ListRefusals(ListRefusalsRequest(station_id="CP-1"))).refusals
                    await asyncio.sleep(PAUSE)
            for rule in profile.rules:
                await citrine.refusals.SetToleranceRule(SetToleranceRuleRequest(rule=rule))
            async with asyncio.timeout(WAIT):
                while (await station.ask("MeterValues", empty))[0] != 3:
                    await asyncio.sleep(PAUSE)
                while not (await citrine.refusals.ListToleranceRules(ListToleranceRulesRequest())).rules[0].uses:
                    await asyncio.sleep(PAUSE)

    assert refused[2] == "OccurenceConstraintViolation"
    assert [list(one.remedies) for one in refusals] == [list(profile.rules[0].kinds)]


async def test_a_reading_of_the_begin_that_comes_after_the_fact_bills_nothing(shared: Deployment) -> None:
    """Some stations send the first reading again, or label a later one as the first."""

    def reading(minutes: int, value: str, context: str) -> dict[str, Any]:
        return {"timestamp": at(minutes), "sampled_value": [{"value": value, "unit": "Wh", "context": context}]}

    async with shared.client() as citrine:
        await register(citrine, "CP-1")
        async with connected(shared, "CP-1") as station:
            started = await station.call(
                call.StartTransaction(connector_id=1, id_tag="CARD-1", meter_start=1000, timestamp=at(0))
            )
            number = started.transaction_id
            for values in (
                reading(1, "1100", "Sample.Periodic"),
                reading(2, "1200", "Transaction.Begin"),
                reading(0, "1000", "Transaction.Begin"),
            ):
                await station.call(call.MeterValues(connector_id=1, transaction_id=number, meter_value=[values]))
            data = [reading(0, "1000", "Transaction.Begin"), reading(4, "1500", "Transaction.End")]
            await station.call(
                call.StopTransaction(transaction_id=number, meter_stop=1500, timestamp=at(4), transaction_data=data)
            )
        transaction = await citrine.transactions.GetTransaction(
            GetTransactionRequest(station_id="CP-1", transaction_id=str(number))
        )

    assert (transaction.meter_start_wh, transaction.energy_wh) == (1000.0, 500.0)
