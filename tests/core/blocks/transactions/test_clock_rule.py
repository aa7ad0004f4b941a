"""By which clock transactions are billed, on a whole core with stations whose clocks are wrong (docs/adr/0012)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1 import transactions_pb2
from citrine.api.v1.stations_pb2 import GetStationRequest, Station
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_BLOCKED, CreateTokenRequest, Token, UpdateTokenRequest
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_core.blocks.transactions.clock_rule import billed_times
from citrine_core.blocks.transactions.fold import Occurrence
from citrine_core.resources.stations.clock_skews import ClockSkews
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_corrections import Bills
from tests.support.blocks import events
from tests.support.charging import BEGINNING, at, ended, started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.statements import statements

PER_HOUR = tariff(element(component("CHARGING_TIME", "6.00"), component("IDLE_TIME", "6.00")))

HOUR = 60.0
"""Minutes."""


class Clocks:
    """A station with a wrong clock, and what comes of it."""

    def __init__(self, core: RunningCore, session: FakeSession) -> None:
        self.core = core
        self.session = session

    async def says(self, message: TransactionEventRequest, arrives: float) -> Any:
        """Send a message that arrives some minutes after the beginning, by our clock."""
        return await self.session.call(message, receive_time=BEGINNING + timedelta(minutes=arrives))

    async def cost(self, transaction_id: str = "T-1") -> cost_pb.TransactionCost:
        costs: Any = self.core.stub(TariffAndCostServiceStub)
        request = cost_pb.GetTransactionCostRequest(transaction_id=transaction_id)
        found: cost_pb.TransactionCost = await costs.GetTransactionCost(request)
        return found

    async def transaction(self, transaction_id: str = "T-1") -> transactions_pb2.Transaction:
        transactions: Any = self.core.stub(TransactionsServiceStub)
        request = transactions_pb2.GetTransactionRequest(transaction_id=transaction_id)
        found: transactions_pb2.Transaction = await transactions.GetTransaction(request)
        return found

    async def station(self) -> Station:
        stations: Any = self.core.stub(StationsServiceStub)
        found: Station = await stations.GetStation(GetStationRequest(station_id="CS-1"))
        return found

    async def skews_are_stored(self) -> list[bool]:
        """Store what was measured, and return what subscribers were told: whether the clock is off."""
        await ClockSkews.of(self.core.core.services).store()
        told = await events(self.core.core.unit_of_work)
        return [one.station_clock_changed.clock_off for one in told if one.HasField("station_clock_changed")]


async def assign(core: RunningCore, wanted: pb.Tariff) -> None:
    tariffs: Any = core.stub(TariffsServiceStub)
    await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=wanted))
    assignment = pb.TariffAssignment(tariff_id=wanted.tariff_id)
    await tariffs.AssignTariff(pb.AssignTariffRequest(assignment=assignment))


async def connect(core: RunningCore, edge: FakeEdge, wanted: pb.Tariff = PER_HOUR) -> Clocks:
    await core.add_station("CS-1", registration=1)
    await assign(core, wanted)
    return Clocks(core, await edge.connect("CS-1", PASSWORD))


async def test_a_clock_that_is_set_during_a_transaction_bills_no_time_that_did_not_pass(core: RunningCore) -> None:
    """The clock is 10 h behind, and set 3 s later (the station believed it, and billed 60.00)."""
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=-10 * HOUR), arrives=0)
        end = await station.says(ended(1, 100, minutes=0.05), arrives=0.05)

    assert end.total_cost == 0.01
    cost = await station.cost()
    assert (cost.state, cost.cost.total.after_tax) == (cost_pb.COST_STATE_FINAL, "0.01")
    assert cost.cost.charging_time.ToTimedelta() == timedelta(seconds=3)
    assert (await station.transaction()).clock_skew.ToTimedelta() == timedelta(hours=-10)
    [told] = await Bills(core).events("transaction_anomaly_found")
    assert (name_in(told, "kind"), told.transaction.transaction_id) == ("CLOCK_JUMPED", "T-1")


async def test_a_clock_that_is_set_back_makes_nothing_free(core: RunningCore) -> None:
    """The clock is 2 h ahead at the beginning, and set before the end: one hour passed, and costs 6.00."""
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=2 * HOUR), arrives=0)
        await station.says(updated(1, 100, minutes=2.5 * HOUR), arrives=0.5 * HOUR)
        end = await station.says(ended(2, 200, minutes=HOUR), arrives=HOUR)

    assert end.total_cost == 6.0
    assert (await station.cost()).cost.total.after_tax == "6.00"


async def test_a_clock_that_goes_off_in_the_middle_has_all_of_the_transaction_billed_by_ours(core: RunningCore) -> None:
    """What was answered before was right by the station's clock; the end is by ours from the beginning on."""
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=2), arrives=0)
        running = await station.says(updated(1, 100, minutes=32), arrives=0.5 * HOUR)
        end = await station.says(ended(2, 200, minutes=-HOUR), arrives=HOUR)

    assert running.total_cost == 3.0
    assert end.total_cost == 6.0


async def test_a_difference_that_is_tolerated_changes_nothing(core: RunningCore) -> None:
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=4), arrives=0)
        end = await station.says(ended(1, 100, minutes=HOUR + 4.5), arrives=HOUR)

    assert end.total_cost == 6.05
    assert not (await station.transaction()).HasField("clock_skew")


async def test_times_of_day_go_by_the_corrected_time(core: RunningCore) -> None:
    """Noon is dear; the station believes that it is night."""
    night = element(component("CHARGING_TIME", "1.00"), start_time="20:00", end_time="06:00")
    wanted = tariff(night, element(component("CHARGING_TIME", "6.00")), time_zone="UTC")
    async with core.edge() as edge:
        station = await connect(core, edge, wanted)
        await station.says(started(0, 0, minutes=-12 * HOUR), arrives=0)
        end = await station.says(ended(1, 100, minutes=-11 * HOUR), arrives=HOUR)

    assert end.total_cost == 6.0


async def test_queued_messages_count_relative_to_each_other_by_the_skew_that_is_known(core: RunningCore) -> None:
    """A clock 12 h behind; the station charges a whole hour while it is offline."""
    night = element(component("CHARGING_TIME", "1.00"), start_time="20:00", end_time="06:00")
    wanted = tariff(night, element(component("CHARGING_TIME", "6.00")), time_zone="UTC")
    async with core.edge() as edge:
        station = await connect(core, edge, wanted)
        await station.says(started(0, 0, minutes=-12 * HOUR, transaction_id="T-0"), arrives=0)
        await station.says(started(0, 0, minutes=-11 * HOUR, offline=True), arrives=5 * HOUR)
        end = await station.says(ended(1, 100, minutes=-10 * HOUR, offline=True), arrives=5 * HOUR)

    assert end.total_cost == 6.0
    assert (await station.transaction()).clock_skew.ToTimedelta() == timedelta(hours=-12)


async def test_queued_messages_of_a_clock_that_was_never_set_count_up_to_their_arrival(core: RunningCore) -> None:
    """Two hours by a clock that began in 1970; nothing is known of it."""
    first = (datetime(1970, 1, 1, tzinfo=BEGINNING.tzinfo) - BEGINNING) / timedelta(minutes=1)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=first, offline=True), arrives=0)
        await station.says(updated(1, 100, minutes=first + HOUR, offline=True), arrives=0)
        end = await station.says(ended(2, 200, minutes=first + 2 * HOUR, offline=True), arrives=0)

    assert end.total_cost == 12.0
    periods = (await station.cost()).cost.periods
    assert periods[-1].end_time.ToDatetime(BEGINNING.tzinfo) == BEGINNING


async def test_an_honest_transaction_that_was_queued_is_billed_by_its_own_times(core: RunningCore) -> None:
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=0, offline=True), arrives=30 * HOUR)
        end = await station.says(ended(1, 100, minutes=HOUR, offline=True), arrives=30 * HOUR)

    assert end.total_cost == 6.0
    assert not (await station.transaction()).HasField("clock_skew")


async def test_a_late_message_bills_the_same_however_it_is_folded(core: RunningCore) -> None:
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=-10 * HOUR), arrives=0)
        await station.says(ended(2, 200, minutes=HOUR), arrives=HOUR)
        again = updated(1, 100, minutes=-9.5 * HOUR)
        await station.says(again, arrives=HOUR + 1)
        await station.says(again, arrives=HOUR + 2)

    cost = await station.cost()
    assert (cost.state, cost.cost.total.after_tax) == (cost_pb.COST_STATE_FINAL, "6.00")


async def test_the_skew_of_a_station_is_measured_and_shown_and_told(core: RunningCore) -> None:
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=2 * HOUR), arrives=0)
        told = await station.skews_are_stored()
        off = await station.station()
        for seq_no in range(1, 4):
            await station.says(updated(seq_no, 0, minutes=seq_no), arrives=seq_no)
        told_later = await station.skews_are_stored()
        right = await station.station()

    assert told == [True]
    assert (off.clock_off, off.clock_skew.ToTimedelta()) == (True, timedelta(hours=2))
    assert off.HasField("clock_skew_time")
    assert told_later == [True, False]
    assert (right.clock_off, right.clock_skew.ToTimedelta()) == (False, timedelta(0))


async def test_one_message_that_was_delayed_is_no_clock_that_is_off(core: RunningCore) -> None:
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=0), arrives=0)
        await station.says(updated(1, 0, minutes=1), arrives=20)
        told = await station.skews_are_stored()

    assert told == []
    assert not (await station.station()).clock_off


async def test_a_core_that_was_restarted_knows_the_skew(core: RunningCore) -> None:
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=2 * HOUR, transaction_id="T-0"), arrives=0)
        await station.skews_are_stored()
        ClockSkews.of(core.core.services).forget(("default", "CS-1"))
        await station.says(started(0, 0, minutes=2 * HOUR, offline=True), arrives=0)

    assert (await station.transaction()).clock_skew.ToTimedelta() == timedelta(hours=2)


async def test_a_clock_that_is_right_costs_no_statement(core: RunningCore) -> None:
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.says(started(0, 0, minutes=0), arrives=0)
        await station.skews_are_stored()
        await station.says(updated(1, 0, minutes=1), arrives=1)
        with statements(core.core.engine) as seen:
            await station.skews_are_stored()

    assert not [text for text, _ in seen if "stations" in text]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("expires", "status"),
    [(30.0, "EXPIRED"), (90.0, "ACCEPTED")],
    ids=["before the start", "after the start and before the arrival"],
)
async def test_an_offline_start_is_judged_by_the_token_as_it_was(
    core: RunningCore, expires: float, status: str
) -> None:
    tokens: Any = core.stub(TokensServiceStub)
    token = Token(id_token="AA00BB11", type="ISO14443", expire_time=at(expires))
    await tokens.CreateToken(CreateTokenRequest(token=token))
    async with core.edge() as edge:
        station = await connect(core, edge)
        start = started(0, 0, minutes=HOUR, id_token="AA00BB11", offline=True)
        answer = await station.says(start, arrives=5 * HOUR)

    assert AuthorizationStatusEnum.Name(answer.id_token_info.status) == f"AUTHORIZATION_STATUS_ENUM_{status}"


async def test_an_offline_start_before_a_token_was_blocked_is_accepted(core: RunningCore) -> None:
    tokens: Any = core.stub(TokensServiceStub)
    token = Token(id_token="AA00BB11", type="ISO14443")
    await tokens.CreateToken(CreateTokenRequest(token=token))
    blocked = Token(id_token="AA00BB11", type="ISO14443", status=TOKEN_STATUS_BLOCKED)
    await tokens.UpdateToken(UpdateTokenRequest(token=blocked))
    async with core.edge() as edge:
        station = await connect(core, edge)
        before = await station.says(started(0, 0, id_token="AA00BB11", offline=True), arrives=5 * HOUR)
        online = await station.says(started(0, 0, id_token="AA00BB11", transaction_id="T-2"), arrives=0)

    assert before.id_token_info.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
    assert online.id_token_info.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_BLOCKED


@given(
    st.lists(st.floats(0, 600), min_size=2, max_size=6).map(sorted),
    st.lists(st.floats(-100_000, 100_000), min_size=6, max_size=6),
    st.floats(-100_000, 100_000).filter(bool),
)
def test_what_is_billed_by_our_clock_depends_on_no_other(
    arrivals: list[float], clocks: list[float], skew: float
) -> None:
    """Whatever the station's clock says: from the first to the last message passes what passed by ours."""
    occurrences = []
    for seq_no, (arrives, off) in enumerate(zip(arrivals, clocks, strict=False)):
        occurrence = Occurrence.of("default", "CS-1", updated(seq_no, minutes=arrives + off))
        occurrence.receive_time = BEGINNING + timedelta(minutes=arrives)
        occurrences.append(occurrence)

    times = billed_times(occurrences, timedelta(minutes=skew))

    assert times == [BEGINNING + timedelta(minutes=arrives) for arrives in arrivals]
