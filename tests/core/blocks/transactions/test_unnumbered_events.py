"""Transactions of stations that number no events and leave the id to the core, on a whole core and both databases."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest
from citrine.api.v1.meter_values_pb2_grpc import MeterValuesServiceStub
from citrine.api.v1.stations_pb2 import DeleteStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_COMPLETE, GetTransactionCostRequest
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine.api.v1.tariffs_pb2 import AssignTariffRequest, CreateTariffRequest, TariffAssignment
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.provisioning_pb2 import BOOT_REASON_ENUM_POWER_UP, BootNotificationRequest, ChargingStation
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_core.blocks.transactions.charging_states import EarlyStateRepository
from citrine_core.blocks.transactions.checks import CheckRepository
from citrine_core.events import OutboxEvent
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge
from tests.support.unnumbered import UnnumberedStation

ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
UNKNOWN = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN

HIGHEST = 2**31 - 1


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    async with running_core(database_url, tmp_path, station_clock_tolerance=timedelta(minutes=5)) as running:
        yield running


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    await core.add_station("CS-1", registration=1)
    await core.add_station("CS-2", registration=1)
    await core.stub(TokensServiceStub).CreateToken(CreateTokenRequest(token=Token(id_token="CARD", type="Local")))
    async with core.edge() as edge:
        yield edge


@pytest.fixture
async def station(edge: FakeEdge) -> UnnumberedStation:
    return UnnumberedStation(await edge.connect("CS-1", PASSWORD))


@pytest.fixture
def api(core: RunningCore) -> Any:
    return core.stub(TransactionsServiceStub)


async def transaction(api: Any, number: int, station_id: str = "CS-1") -> pb.Transaction:
    request = pb.GetTransactionRequest(transaction_id=str(number), station_id=station_id)
    found: pb.Transaction = await api.GetTransaction(request)
    return found


async def listed(api: Any) -> list[pb.Transaction]:
    return list((await api.ListTransactions(pb.ListTransactionsRequest())).transactions)


async def events(core: RunningCore, body: str) -> list[Any]:
    async with core.core.unit_of_work(read_only=True) as work:
        payloads = await work.session.scalars(select(OutboxEvent.payload).order_by(OutboxEvent.id))
        found = [Event.FromString(payload) for payload in payloads]
    return [getattr(one, body) for one in found if one.WhichOneof("body") == body]


# Numbers.


async def test_a_start_gets_a_number_which_is_the_id_of_its_transaction(station: UnnumberedStation, api: Any) -> None:
    number = await station.start()

    found = await transaction(api, number)
    assert 1 <= number <= HIGHEST
    assert (found.evse_id, found.meter_start_wh, found.unnumbered) == (1, 1000, True)
    assert (found.id_token.id_token, found.id_token.type) == ("CARD", "Local")


async def test_a_start_that_the_station_sends_again_is_the_same_transaction(
    station: UnnumberedStation, api: Any
) -> None:
    first = await station.start()
    again = await station.start()

    assert again == first
    (found,) = await listed(api)
    assert found.events == 1


async def test_another_start_is_another_transaction(station: UnnumberedStation, api: Any) -> None:
    numbers = [
        await station.start(),
        await station.start(evse_id=2),
        await station.start(wh=1001),
        await station.start(minutes=1),
        await station.start(id_token="OTHER"),
    ]

    assert len(set(numbers)) == len(await listed(api)) == 5


async def test_a_start_that_says_the_same_after_the_stop_is_another_transaction(
    station: UnnumberedStation, api: Any
) -> None:
    first = await station.start(received=1)
    await station.stop(first, 0, 1000, received=2)
    second = await station.start(received=3)
    again = await station.start(received=3)
    await station.stop(second, 30, 4000)

    assert first != second == again
    assert [(await transaction(api, number)).energy_wh for number in (first, second)] == [0, 3000]


async def test_a_start_that_was_read_before_the_stop_is_a_repetition(station: UnnumberedStation, api: Any) -> None:
    """As by a core that stood still, while another one answered the station."""
    first = await station.start(received=1)
    await station.stop(first, 0, 1000, received=2)

    assert await station.start(received=1) == first
    assert len(await listed(api)) == 1


async def test_a_start_that_two_cores_get_is_one_transaction(
    edge: FakeEdge, api: Any, database_url: str, tmp_path: Path
) -> None:
    """An edge that does not know what became of a call sends it to another core."""
    (tmp_path / "second").mkdir()
    async with running_core(database_url, tmp_path / "second") as second, second.edge("edge-1") as other:
        station = UnnumberedStation(await edge.connect("CS-2", PASSWORD))
        await station.session.call(HeartbeatRequest())
        call_id = station.put_start(station.start_of())
        other.put_again(edge.calls[call_id])

        numbers = await asyncio.gather(edge.number_in(call_id), other.number_in(call_id))

    (found,) = await listed(api)
    assert [str(number) for number in numbers] == [found.transaction_id] * 2
    assert found.events == 1


async def test_a_refused_start_is_stored_and_has_a_number(station: UnnumberedStation, api: Any) -> None:
    number = await station.start(id_token="NOBODY")

    response = await station.session.edge.answer_to(station.calls[-1])
    assert response.id_token_info.status == UNKNOWN
    assert (await transaction(api, number)).id_token.type == ""


# Order, and what is missing.


async def test_events_are_ordered_by_phase_and_time(station: UnnumberedStation, api: Any) -> None:
    number = await station.start()
    await station.update(number, 20, 3000)
    await station.update(number, 10, 2000)
    await station.stop(number, 30, 4000)

    found = await transaction(api, number)
    assert (found.energy_wh, found.meter_last_wh, found.events) == (3000, 4000, 4)
    assert (found.has_gap, found.missing_events) == (False, 0)
    assert found.settlement == SETTLEMENT_COMPLETE


async def test_a_transaction_without_readings_between_has_no_gap(station: UnnumberedStation, api: Any) -> None:
    number = await station.start()
    await station.stop(number, 30, 4000)

    found = await transaction(api, number)
    assert (found.missing_events, found.energy_wh) == (0, 3000)
    assert found.settlement == SETTLEMENT_COMPLETE


async def test_a_reading_that_comes_again_has_no_second_effect(station: UnnumberedStation, api: Any) -> None:
    number = await station.start()
    await station.update(number, 10, 2000)
    await station.update(number, 20, 3000)
    await station.update(number, 10, 2000)

    assert (await transaction(api, number)).events == 3


async def test_what_was_queued_is_billed_by_the_times_of_the_station(station: UnnumberedStation, api: Any) -> None:
    number = await station.start()
    await station.stop(number, 30, 4000, received=600)

    found = await transaction(api, number)
    assert found.offline
    assert not found.HasField("clock_skew")


async def test_a_whole_transaction_that_was_queued_is_stored_with_a_number(
    station: UnnumberedStation, api: Any
) -> None:
    number = await station.start(received=600)
    await station.update(number, 10, 2000)
    await station.stop(number, 30, 4000, received=600)

    found = await transaction(api, number)
    assert (found.offline, found.energy_wh) == (True, 3000)
    assert found.start_time.ToDatetime() < found.end_time.ToDatetime()


async def test_the_order_in_which_many_readings_arrive_does_not_matter(station: UnnumberedStation, api: Any) -> None:
    """More than are folded at once."""
    number = await station.start()
    minutes = list(range(1, 61))
    random.Random(16).shuffle(minutes)
    for each in minutes:
        await station.update(number, each, 1000 + 50 * each)
    await station.stop(number, 61, 4100)

    found = await transaction(api, number)
    assert (found.energy_wh, found.events, found.behind) == (3100, 62, False)
    assert list(found.anomalies) == []


@pytest.mark.in_turn
@pytest.mark.parametrize("is_numbered", [False, True])
async def test_a_register_that_begins_anew_after_a_boot_is_found(
    station: UnnumberedStation, api: Any, is_numbered: bool
) -> None:
    session, transaction_id = station.session, "T-1"
    if is_numbered:
        await session.call(started(0, 1000, evse=(1, 1)))
        await session.call(updated(1, 3000, minutes=10))
    else:
        transaction_id = str(await station.start())
        await station.update(transaction_id, 10, 3000)
    hardware = ChargingStation(vendor_name="V", model="M")
    await session.call(BootNotificationRequest(charging_station=hardware, reason=BOOT_REASON_ENUM_POWER_UP))
    for number, (minutes, wh) in enumerate(((20, 0), (30, 500), (40, 900)), 2):
        if is_numbered:
            await session.call(updated(number, wh, minutes=minutes))
        else:
            await station.update(transaction_id, minutes, wh)

    found = await api.GetTransaction(pb.GetTransactionRequest(transaction_id=transaction_id))
    assert found.energy_wh == 2900
    assert [one.kind for one in found.anomalies] == [pb.TransactionAnomaly.KIND_RESTART_ASSUMED]


# Ends.


async def test_a_stop_that_comes_again_is_answered_as_the_first(station: UnnumberedStation, api: Any) -> None:
    number = await station.start()
    first = await station.stop(number, 30, 4000, id_token="CARD")
    again = await station.stop(number, 30, 4000, id_token="CARD")

    assert again == first
    assert first.id_token_info.status == ACCEPTED
    found = await transaction(api, number)
    assert (found.events, found.late_events, list(found.anomalies)) == (2, 0, [])
    assert found.stop_id_token.id_token == "CARD"


@pytest.mark.in_turn
@pytest.mark.parametrize("minutes", [20, 40])
async def test_another_stop_is_flagged_and_changes_nothing(
    station: UnnumberedStation, api: Any, core: RunningCore, minutes: float
) -> None:
    number = await station.start()
    await station.stop(number, 30, 4000)
    await station.stop(number, minutes, 9000)

    found = await transaction(api, number)
    assert [one.kind for one in found.anomalies] == [pb.TransactionAnomaly.KIND_SECOND_END]
    assert (found.energy_wh, found.late_events) == (3000, 1)
    assert [name_in(one, "kind") for one in await events(core, "transaction_anomaly_found")] == ["SECOND_END"]
    assert await events(core, "cost_corrected") == []


@pytest.mark.in_turn
@pytest.mark.parametrize("number", ["0", "-1", "4711"])
async def test_a_stop_of_no_transaction_is_answered_and_kept_aside(
    station: UnnumberedStation, api: Any, core: RunningCore, number: str
) -> None:
    await station.stop(number, 30, 4000, id_token="CARD")
    await station.stop(number, 30, 4000, id_token="CARD")

    (end,) = (await api.ListUnmatchedEnds(pb.ListUnmatchedEndsRequest())).ends
    assert (end.station_id, end.transaction_id, end.request.id_token.id_token) == ("CS-1", number, "CARD")
    assert [one.transaction_id for one in await events(core, "transaction_end_unmatched")] == [number]
    assert await listed(api) == []


async def test_a_stop_is_never_applied_to_the_transaction_of_another_station(
    station: UnnumberedStation, edge: FakeEdge, api: Any
) -> None:
    number = await station.start()
    other = UnnumberedStation(await edge.connect("CS-2", PASSWORD))
    await other.stop(number, 30, 4000)

    assert not (await transaction(api, number)).HasField("end_time")
    request = pb.ListUnmatchedEndsRequest(station_id="CS-2")
    assert [one.transaction_id for one in (await api.ListUnmatchedEnds(request)).ends] == [str(number)]


async def test_readings_of_no_transaction_are_meter_values_of_the_evse(
    station: UnnumberedStation, api: Any, core: RunningCore
) -> None:
    await station.update(4711, 10, 2000)

    assert await listed(api) == []
    request = ListSamplesRequest(station_id="CS-1", evse_id=1)
    found = (await core.stub(MeterValuesServiceStub).ListSamples(request)).samples
    assert [one.sampled_value.value for one in found] == [2000]


# Open transactions.


async def test_a_transaction_is_over_once_another_begins_at_its_connector(station: UnnumberedStation, api: Any) -> None:
    number = await station.start()
    await station.start(minutes=60, wh=5000)

    assert (await transaction(api, number)).HasField("over_time")


async def test_a_transaction_is_over_once_its_connector_is_available(station: UnnumberedStation, api: Any) -> None:
    number = await station.start()
    await station.status("OCCUPIED", 10, state="SUSPENDED_EV")
    assert not (await transaction(api, number)).HasField("over_time")
    await station.status("AVAILABLE", 60)

    assert (await transaction(api, number)).HasField("over_time")


async def test_no_station_is_asked_what_its_version_can_not_say(station: UnnumberedStation, core: RunningCore) -> None:
    await station.start()
    await station.start(minutes=60, wh=5000)

    now = core.core.services.clock() + timedelta(days=30)
    async with core.core.unit_of_work(read_only=True) as work:
        assert await CheckRepository(work.session).find_silent(now, timedelta(0), timedelta(hours=1), 10) == {}


async def test_a_station_that_is_registered_again_begins_anew(
    station: UnnumberedStation, core: RunningCore, edge: FakeEdge, api: Any
) -> None:
    first = await station.start()
    await core.stub(StationsServiceStub).DeleteStation(DeleteStationRequest(station_id="CS-1"))
    await core.add_station("CS-1", registration=1)
    second = await UnnumberedStation(await edge.connect("CS-1", PASSWORD)).start()

    assert first != second
    assert len(await listed(api)) == 2


# Charging states.


async def charging_state(api: Any, number: int) -> str:
    return ChargingStateEnum.Name((await transaction(api, number)).charging_state).removeprefix("CHARGING_STATE_ENUM_")


@pytest.mark.in_turn
@pytest.mark.parametrize("state", ["CHARGING", "SUSPENDED_EV", "SUSPENDED_EVSE"])
async def test_the_detail_of_the_connector_is_the_charging_state_of_its_transaction(
    station: UnnumberedStation, api: Any, state: str
) -> None:
    number = await station.start()
    await station.status("OCCUPIED", 10, state=state)

    assert await charging_state(api, number) == state


async def test_a_transaction_that_ended_charges_no_more(station: UnnumberedStation, api: Any) -> None:
    number = await station.start()
    await station.status("OCCUPIED", 1, state="CHARGING")
    await station.stop(number, 10, 2000)

    assert not (await transaction(api, number)).HasField("charging_state")


async def test_a_status_from_before_the_start_says_nothing_of_the_transaction(
    station: UnnumberedStation, api: Any
) -> None:
    number = await station.start()
    await station.status("OCCUPIED", -10, state="SUSPENDED_EV")

    assert not (await transaction(api, number)).HasField("charging_state")


async def test_what_the_connector_says_now_is_the_state_in_which_a_transaction_begins(
    station: UnnumberedStation, api: Any
) -> None:
    await station.status("OCCUPIED", -1, state="PREPARING")
    await station.status("OCCUPIED", -0.5, state="SUSPENDED_EV")
    number = await station.start()

    assert await charging_state(api, number) == "SUSPENDED_EV"


async def test_a_state_of_before_says_nothing_once_the_connector_was_something_else(
    station: UnnumberedStation, api: Any
) -> None:
    await station.status("OCCUPIED", -10, state="SUSPENDED_EV")
    await station.status("OCCUPIED", -5, state="FINISHING")
    number = await station.start()

    assert not (await transaction(api, number)).HasField("charging_state")


async def test_early_states_are_of_the_transaction_in_whose_time_they_are(
    station: UnnumberedStation, core: RunningCore, api: Any
) -> None:
    """Statuses of two transactions come before both, as from a station that was offline."""
    for minutes, status, state in (
        (1, "OCCUPIED", "CHARGING"),
        (20, "OCCUPIED", "SUSPENDED_EV"),
        (30, "AVAILABLE", "UNSPECIFIED"),
        (61, "OCCUPIED", "CHARGING"),
        (70, "OCCUPIED", "SUSPENDED_EVSE"),
        (80, "AVAILABLE", "UNSPECIFIED"),
    ):
        await station.status(status, minutes, state=state)
    first = await station.start()
    states = [await charging_state(api, first)]
    await station.stop(first, 25, 4000)
    second = await station.start(60, 4000)
    states.append(await charging_state(api, second))

    assert states == ["SUSPENDED_EV", "SUSPENDED_EVSE"]
    assert [(await transaction(api, number)).events for number in (first, second)] == [4, 3]
    async with core.core.unit_of_work(read_only=True) as work:
        assert await EarlyStateRepository(work.session).find("default", {("CS-1", 1)}) == []


@pytest.mark.in_turn
@pytest.mark.parametrize("is_early", [False, True])
async def test_idle_time_costs_what_it_costs_where_events_say_it(
    station: UnnumberedStation, edge: FakeEdge, core: RunningCore, api: Any, is_early: bool
) -> None:
    """Twenty minutes of charging and ten of idle time, by events of one station and connector details of another."""
    tariffs: Any = core.stub(TariffsServiceStub)
    idle = tariff(element(component("IDLE_TIME", "6.00", "0")), tariff_id="IDLE")
    await tariffs.CreateTariff(CreateTariffRequest(tariff=idle))
    await tariffs.AssignTariff(AssignTariffRequest(assignment=TariffAssignment(tariff_id="IDLE")))
    number = 0 if is_early else await station.start()
    await station.status("OCCUPIED", 0, state="CHARGING")
    await station.status("OCCUPIED", 20, state="SUSPENDED_EV")
    number = number or await station.start()
    await station.stop(number, 30, 4000)

    other = await edge.connect("CS-2", PASSWORD)
    charging, suspended = ({"charging_state": f"CHARGING_STATE_ENUM_{state}"} for state in ("CHARGING", "SUSPENDED_EV"))
    begun = started(0, 1000, id_token="CARD", evse=(1, 1))
    begun.id_token.type = "Local"
    await other.call(begun)
    await other.call(updated(1, minutes=0, info=charging, trigger="CHARGING_STATE_CHANGED"))
    await other.call(updated(2, minutes=20, info=suspended, trigger="CHARGING_STATE_CHANGED"))
    await other.call(ended(3, 4000, minutes=30))

    costs = core.stub(TariffAndCostServiceStub)
    totals = [
        (await costs.GetTransactionCost(GetTransactionCostRequest(transaction_id=one))).cost.total.after_tax
        for one in (str(number), "T-1")
    ]
    assert totals == ["1.00", "1.00"]
