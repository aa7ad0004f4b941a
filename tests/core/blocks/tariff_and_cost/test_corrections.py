"""What final costs are corrected to, on a whole core, with stations played by the test."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import select

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2
from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.stations_pb2 import DeleteStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.tariff_and_cost_pb2 import CostUpdatedRequest, CostUpdatedResponse
from citrine.ocpp.v2.transactions_pb2 import GetTransactionStatusResponse
from citrine_core.blocks.tariff_and_cost.transaction_costs import RunningCosts
from citrine_core.events import OutboxEvent
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.settling import settle_all

PER_KWH = tariff(element(component("ENERGY", "0.30"), component("FLAT", "0.50")), tariff_id="KWH")
DEARER = tariff(element(component("ENERGY", "1")), tariff_id="DEARER")
FINAL, PROVISIONAL, RUNNING = (
    cost_pb.COST_STATE_FINAL,
    cost_pb.COST_STATE_PROVISIONAL,
    cost_pb.COST_STATE_RUNNING,
)


class Bills:
    """The API as these tests need it."""

    def __init__(self, core: RunningCore) -> None:
        self.core = core
        # Any: the types of stubs are those of synchronous channels.
        self.transactions: Any = core.stub(TransactionsServiceStub)
        self.costs: Any = core.stub(TariffAndCostServiceStub)
        self.tariffs: Any = core.stub(TariffsServiceStub)

    async def assign(self, wanted: tariffs_pb2.Tariff) -> None:
        await self.tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=wanted))
        assignment = tariffs_pb2.TariffAssignment(tariff_id=wanted.tariff_id)
        await self.tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment))

    async def cost(self, transaction_id: str = "T-1") -> cost_pb.TransactionCost:
        request = cost_pb.GetTransactionCostRequest(transaction_id=transaction_id)
        found: cost_pb.TransactionCost = await self.costs.GetTransactionCost(request)
        return found

    async def transaction(self, transaction_id: str = "T-1") -> pb.Transaction:
        request = pb.GetTransactionRequest(transaction_id=transaction_id)
        found: pb.Transaction = await self.transactions.GetTransaction(request)
        return found

    async def corrections(self) -> list[cost_pb.CostCorrection]:
        """Return all corrections, the first first."""
        response = await self.costs.ListCostCorrections(cost_pb.ListCostCorrectionsRequest())
        return list(reversed(response.corrections))

    async def actions(self) -> list[tuple[int, str, str, int]]:
        response = await self.transactions.ListSettlementActions(pb.ListSettlementActionsRequest())
        return [(one.kind, one.requested_by, one.reason, one.correction) for one in reversed(response.actions)]

    async def events(self, body: str) -> list[Any]:
        """Return the events of a kind."""
        async with self.core.core.unit_of_work(read_only=True) as work:
            payloads = await work.session.scalars(select(OutboxEvent.payload).order_by(OutboxEvent.id))
            found = [Event.FromString(payload) for payload in payloads]
        return [getattr(one, body) for one in found if one.WhichOneof("body") == body]

    async def let_time_pass(self) -> None:
        """Settle what is due some time, as if that time had come."""
        await settle_all(self.core)


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    settings = {"transaction_check_delay": timedelta(hours=1), "transaction_silence": None}
    async with running_core(database_url, tmp_path, station_clock_tolerance=None, **settings) as running:
        yield running


@pytest.fixture
async def bills(core: RunningCore) -> Bills:
    found = Bills(core)
    await found.assign(PER_KWH)
    return found


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield edge


@pytest.fixture
async def station(edge: FakeEdge) -> FakeSession:
    return await edge.connect("CS-1", PASSWORD)


def amounts(correction: cost_pb.CostCorrection) -> tuple[int, int, str, str]:
    return (
        correction.number,
        correction.replaces,
        correction.replaced_total.after_tax,
        correction.cost.total.after_tax,
    )


async def test_what_comes_late_changes_no_final_cost_but_makes_a_correction(bills: Bills, station: FakeSession) -> None:
    """A used seqNo after the end: the transaction and its cost stay, and what the bill would be is told apart."""
    await station.call_all([started(0, 1000), updated(1), ended(2, 1000)])

    late = await station.call(updated(1, 151000, minutes=1.5))

    cost, transaction = await bills.cost(), await bills.transaction()
    assert (cost.state, cost.cost.total.after_tax, cost.settlement) == (FINAL, "0.50", cost_pb.SETTLEMENT_COMPLETE)
    assert (transaction.energy_wh, transaction.late_events, transaction.events) == (0, 1, 4)
    assert transaction.missing_events == 0
    assert not late.HasField("total_cost")
    assert [event.final for event in await bills.events("transaction_cost_changed")] == [True]
    listed = await bills.transactions.ListTransactionEvents(
        pb.ListTransactionEventsRequest(station_id="CS-1", transaction_id="T-1")
    )
    assert [(event.request.seq_no, event.late) for event in listed.events] == [
        (0, False),
        (1, False),
        (1, True),
        (2, False),
    ]


async def test_missing_events_that_come_after_all_are_a_numbered_correction(bills: Bills, station: FakeSession) -> None:
    await station.call_all([started(0, 0), ended(3)])
    provisional = await bills.cost()
    await bills.let_time_pass()
    settled = await bills.cost()

    await station.call(updated(1, 10000, offline=True))
    await station.call(updated(2, 20000, offline=True))

    assert (provisional.state, provisional.waits_for) == (PROVISIONAL, cost_pb.COST_WAIT_EVENTS)
    assert provisional.HasField("waits_until")
    transaction = await bills.transaction()
    assert (transaction.missing_events, transaction.late_events, transaction.has_gap) == (0, 2, False)
    assert (settled.state, settled.settlement) == (FINAL, cost_pb.SETTLEMENT_TIMED_OUT)
    after = await bills.cost()
    assert after.cost == settled.cost
    assert (after.corrections, after.corrected_total.after_tax) == (2, "6.50")
    first, second = await bills.corrections()
    assert amounts(first)[:2] == (1, 0)
    assert amounts(first)[3] == "3.50"
    assert amounts(second) == (2, 1, "3.50", "6.50")
    assert second.reason == cost_pb.CostCorrection.REASON_LATE_EVENT
    told = (await bills.events("cost_corrected"))[-1]
    known = (await bills.events("transaction_cost_changed"))[0]
    assert [one.transaction.transaction_id for one in (known, told)] == ["T-1", "T-1"]
    assert [one.transaction.energy_wh for one in (known, told)] == [0, 0]
    assert (told.number, told.replaces, told.replaced_after_tax, told.after_tax) == (2, 1, "3.50", "6.50")
    whole = await bills.costs.GetCostCorrection(
        cost_pb.GetCostCorrectionRequest(station_id="CS-1", transaction_id="T-1")
    )
    assert (whole.number, whole.cost.energy_kwh) == (2, "20")


async def test_a_late_event_fills_its_own_gap_only(bills: Bills, station: FakeSession) -> None:
    await station.call_all([updated(1, 0), updated(2, 100), ended(4, 1000)])
    await bills.let_time_pass()
    before = (await bills.transaction()).missing_events

    await station.call(updated(2, 200, offline=True))
    of_a_used_number = (await bills.transaction()).missing_events
    await station.call(updated(3, 300, offline=True))
    of_the_gap = (await bills.transaction()).missing_events
    await station.call(started(0, 0, offline=True))

    assert (before, of_a_used_number, of_the_gap) == (2, 2, 1)
    assert (await bills.transaction()).missing_events == 0


async def test_a_repetition_of_what_is_final_makes_no_correction(bills: Bills, station: FakeSession) -> None:
    await station.call_all([started(0, 0), updated(1, 10000), ended(2, 20000)])

    answers = await station.call_all([updated(1, 10000, offline=True), ended(2, 20000, offline=True)])

    assert answers[1].total_cost == 6.5
    assert await bills.corrections() == []
    assert (await bills.transaction()).late_events == 0


async def test_what_lies_behind_the_end_or_is_of_another_driver_is_on_no_bill(
    bills: Bills, station: FakeSession
) -> None:
    await station.call_all([started(0, 0, id_token="ANNA"), updated(1, 10000), ended(2, 20000)])

    await station.call(updated(1, 90000, minutes=30))
    await station.call(updated(1, 90000, minutes=1.5, id_token="BERTA", trigger="AUTHORIZED"))

    assert await bills.corrections() == []
    assert (await bills.transaction()).late_events == 2


async def test_a_closed_transaction_is_settled_at_once_and_its_driver_told_nothing_more(
    core: RunningCore, bills: Bills, edge: FakeEdge, station: FakeSession
) -> None:
    edge.on_command = lambda command: CostUpdatedResponse()
    settings = tariffs_pb2.CostSettings(running_cost=tariffs_pb2.RUNNING_COST_COST_UPDATED)
    await bills.tariffs.UpdateCostSettings(tariffs_pb2.UpdateCostSettingsRequest(settings=settings))
    await station.call_all([started(0, 0), updated(1, 10000)])

    closed = await bills.transactions.CloseTransaction(
        pb.CloseTransactionRequest(station_id="CS-1", transaction_id="T-1")
    )
    before = len(edge.commands)
    await bills.tariffs.UpdateCostSettings(tariffs_pb2.UpdateCostSettingsRequest(settings=settings))
    await RunningCosts(core.core.services).run()
    await station.call(HeartbeatRequest())

    sent = [unwrap(command.request) for command in edge.commands[before:]]
    assert not any(isinstance(one, CostUpdatedRequest) for one in sent)
    assert (closed.settlement, closed.HasField("settle_time")) == (cost_pb.SETTLEMENT_OPERATOR, True)
    cost = await bills.cost()
    assert (cost.state, cost.cost.total.after_tax) == (FINAL, "3.50")
    assert [name_in(event, "settlement") for event in await bills.events("transaction_settled")] == ["OPERATOR"]
    assert [event.final for event in await bills.events("transaction_cost_changed")] == [True]


async def test_what_goes_on_after_it_was_closed_is_corrected_once_it_ends(bills: Bills, station: FakeSession) -> None:
    await station.call_all([started(0, 0), updated(1, 10000)])
    await bills.transactions.CloseTransaction(pb.CloseTransactionRequest(station_id="CS-1", transaction_id="T-1"))

    await station.call(updated(2, 15000))
    going_on = await bills.transaction()
    end = await station.call(ended(3, 20000))

    assert (going_on.HasField("close_time"), going_on.HasField("settle_time")) == (False, False)
    assert len(await bills.events("transaction_reopened")) == 1
    assert end.total_cost == 6.5
    cost = await bills.cost()
    assert (cost.state, cost.cost.total.after_tax) == (FINAL, "3.50")
    (correction,) = await bills.corrections()
    assert amounts(correction) == (1, 0, "3.50", "6.50")
    assert correction.reason == cost_pb.CostCorrection.REASON_CONTINUED
    assert (await bills.transaction()).energy_wh == 20000


async def test_a_removed_station_leaves_nothing_open(core: RunningCore, bills: Bills, station: FakeSession) -> None:
    await station.call_all([started(0, 0), updated(1, 10000)])

    await core.stub(StationsServiceStub).DeleteStation(DeleteStationRequest(station_id="CS-1"))

    cost = await bills.cost()
    assert (cost.state, cost.cost.total.after_tax) == (FINAL, "3.50")
    assert cost.settlement == cost_pb.SETTLEMENT_STATION_REMOVED


async def test_E14_FR_05_what_its_station_will_not_send_is_not_waited_for(
    bills: Bills, edge: FakeEdge, station: FakeSession
) -> None:
    edge.on_command = lambda command: GetTransactionStatusResponse(ongoing_indicator=False, messages_in_queue=False)
    await station.call_all([started(0, 0), ended(3, 20000)])

    await edge_asks(bills)
    await station.call(HeartbeatRequest())

    cost = await bills.cost()
    assert (cost.state, cost.cost.total.after_tax) == (FINAL, "6.50")
    assert cost.settlement == cost_pb.SETTLEMENT_NOT_QUEUED
    (event,) = await bills.events("transaction_settled")
    assert (name_in(event, "settlement"), event.missing_events) == ("NOT_QUEUED", 2)


async def edge_asks(bills: Bills) -> None:
    request = pb.GetTransactionStatusRequest()
    request.target.station_id = "CS-1"
    request.request.transaction_id = "T-1"
    await bills.transactions.GetTransactionStatus(request)


async def test_an_operator_settles_waives_reprices_and_reopens(bills: Bills, station: FakeSession) -> None:
    await station.call_all([started(0, 0), ended(2, 10000)])
    names: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1"}
    await bills.tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=DEARER))

    with pytest.raises(grpc.aio.AioRpcError) as early:
        await bills.transactions.WaiveTransactionCost(pb.WaiveTransactionCostRequest(**names, reason="kind"))
    settled = await bills.transactions.SettleTransaction(pb.SettleTransactionRequest(**names, reason="month ends"))
    repriced = await bills.transactions.RepriceTransaction(
        pb.RepriceTransactionRequest(**names, reason="wrong tariff", tariff_id="DEARER")
    )
    waived = await bills.transactions.WaiveTransactionCost(pb.WaiveTransactionCostRequest(**names, reason="sorry"))
    reopened = await bills.transactions.ReopenTransaction(pb.ReopenTransactionRequest(**names, reason="queue found"))
    await station.call(updated(1, 5000))

    assert early.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert (settled.settlement, settled.missing_events) == (cost_pb.SETTLEMENT_OPERATOR, 1)
    assert amounts(repriced) == (1, 0, "3.50", "10.00")
    assert amounts(waived) == (2, 1, "10.00", "0.00")
    assert (waived.requested_by, waived.detail) != ("", "")
    assert (reopened.HasField("settle_time"), reopened.HasField("settle_due_time")) == (False, True)
    last = (await bills.corrections())[-1]
    assert amounts(last) == (3, 2, "0.00", "3.50")
    assert last.reason == cost_pb.CostCorrection.REASON_REOPENED
    assert (await bills.cost()).cost.total.after_tax == "3.50"
    kinds = pb.SettlementAction
    assert [(kind, reason, number) for kind, _, reason, number in await bills.actions()] == [
        (kinds.KIND_SETTLE, "month ends", 0),
        (kinds.KIND_REPRICE, "wrong tariff", 1),
        (kinds.KIND_WAIVE, "sorry", 2),
        (kinds.KIND_REOPEN, "queue found", 0),
    ]
    assert all(author for _, author, _, _ in await bills.actions())


@pytest.mark.in_turn
@pytest.mark.parametrize("waived", [False, True])
async def test_what_comes_late_is_priced_by_the_tariff_that_an_operator_chose(
    bills: Bills, station: FakeSession, waived: bool
) -> None:
    """Also where it changes nothing, or the price was credited since; a waiver stands."""
    await station.call_all([started(0, 0), updated(1, 10000), ended(3)])
    names: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1"}
    await bills.tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=DEARER))
    await bills.transactions.SettleTransaction(pb.SettleTransactionRequest(**names, reason="month ends"))
    await bills.transactions.RepriceTransaction(
        pb.RepriceTransactionRequest(**names, reason="wrong tariff", tariff_id="DEARER")
    )
    await bills.transactions.CreditTransactionCost(
        pb.CreditTransactionCostRequest(**names, reason="a long wait", amount="1.00")
    )
    if waived:
        await bills.transactions.WaiveTransactionCost(pb.WaiveTransactionCostRequest(**names, reason="sorry"))
    before = await bills.corrections()

    await station.call(updated(1, 10000, minutes=1.5))
    unchanged = await bills.corrections()
    await station.call(updated(2, 20000, offline=True))

    assert unchanged == before
    assert {one.tariff_id for one in await bills.corrections()} == {"DEARER"}
    assert (await bills.cost()).corrected_total.after_tax == ("0.00" if waived else "19.00")


async def test_reopening_takes_in_what_came_late(bills: Bills, station: FakeSession) -> None:
    await station.call_all([started(0, 0), updated(1, 10000), ended(2, 10000)])
    await station.call(updated(1, 12000, minutes=1.5))
    names: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1"}

    reopened = await bills.transactions.ReopenTransaction(pb.ReopenTransactionRequest(**names, reason="it is right"))
    await bills.let_time_pass()

    assert (reopened.late_events, reopened.events) == (0, 4)
    again = await bills.transaction()
    assert (again.settlement, again.events) == (cost_pb.SETTLEMENT_COMPLETE, 4)


async def test_a_transaction_without_a_tariff_is_priced_afterwards(
    core: RunningCore, edge: FakeEdge, station: FakeSession
) -> None:
    bills = Bills(core)
    await station.call_all([started(0, 0), ended(1, 10000)])
    await bills.tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=DEARER))
    names: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1"}

    correction = await bills.transactions.RepriceTransaction(
        pb.RepriceTransactionRequest(**names, reason="none was assigned", tariff_id="DEARER")
    )

    assert (correction.number, correction.HasField("replaced_total")) == (1, False)
    assert correction.cost.total.after_tax == "10.00"
    cost = await bills.cost()
    assert (cost.state, cost.unknown, cost.corrected_total.after_tax) == (FINAL, True, "10.00")


async def test_what_was_priced_afterwards_can_be_waived(core: RunningCore, station: FakeSession) -> None:
    bills = Bills(core)
    await bills.tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=DEARER))
    await station.call_all([started(0, 0), ended(1, 10000)])
    names: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1"}
    with pytest.raises(grpc.aio.AioRpcError) as early:
        await bills.transactions.WaiveTransactionCost(pb.WaiveTransactionCostRequest(**names, reason="kind"))
    await bills.transactions.RepriceTransaction(
        pb.RepriceTransactionRequest(**names, reason="none was assigned", tariff_id="DEARER")
    )

    waived = await bills.transactions.WaiveTransactionCost(pb.WaiveTransactionCostRequest(**names, reason="kind"))

    assert early.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert amounts(waived) == (2, 1, "10.00", "0.00")
    assert (waived.tariff_id, waived.cost.currency, waived.replaced_currency) == ("DEARER", "EUR", "EUR")
    cost = await bills.cost()
    assert (cost.corrected_total.after_tax, cost.corrected_currency) == ("0.00", "EUR")


async def test_each_amount_of_a_correction_has_its_currency(bills: Bills, station: FakeSession) -> None:
    same_in_dollars = tariffs_pb2.Tariff()
    same_in_dollars.CopyFrom(PER_KWH)
    same_in_dollars.tariff_id, same_in_dollars.currency = "USD", "USD"
    await bills.tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=same_in_dollars))
    await station.call_all([started(0, 0), ended(1, 10000)])
    names: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1"}

    repriced = await bills.transactions.RepriceTransaction(
        pb.RepriceTransactionRequest(**names, reason="a station abroad", tariff_id="USD")
    )
    waived = await bills.transactions.WaiveTransactionCost(pb.WaiveTransactionCostRequest(**names, reason="sorry"))

    # The same number in another currency is another price.
    assert amounts(repriced) == (1, 0, "3.50", "3.50")
    currencies = [("USD", "EUR"), ("USD", "USD")]
    assert [(one.cost.currency, one.replaced_currency) for one in (repriced, waived)] == currencies
    assert [(one.cost.currency, one.replaced_currency) for one in await bills.corrections()] == currencies
    assert [(one.currency, one.replaced_currency) for one in await bills.events("cost_corrected")] == currencies
    cost = await bills.cost()
    assert (cost.cost.currency, cost.corrected_currency) == ("EUR", "USD")


async def test_I03_FR_04_a_price_of_an_energy_that_is_not_known_is_not_known(
    bills: Bills, station: FakeSession
) -> None:
    end = (await station.call_all([started(0), updated(1), ended(2)]))[-1]

    assert not end.HasField("total_cost")
    cost = await bills.cost()
    assert (cost.state, cost.unknown, cost.HasField("cost")) == (FINAL, True, False)
    (event,) = await bills.events("transaction_cost_changed")
    assert (event.unknown, event.after_tax, event.final) == (True, "", True)
    listed = await bills.costs.ListTransactionCosts(cost_pb.ListTransactionCostsRequest())
    assert [one.unknown for one in listed.costs] == [True]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("first", "last", "unknown"),
    [
        pytest.param((1000,), (), True, id="one reading"),
        pytest.param((1000,), (1000,), False, id="two that say the same"),
    ],
)
async def test_one_reading_tells_nothing_and_two_tell_what_was_charged(
    bills: Bills, station: FakeSession, first: tuple[float, ...], last: tuple[float, ...], unknown: bool
) -> None:
    end = (await station.call_all([started(0, *first), updated(1), ended(2, *last)]))[-1]

    cost = await bills.cost()
    assert (cost.unknown, end.HasField("total_cost")) == (unknown, not unknown)
    assert cost.cost.total.after_tax == ("" if unknown else "0.50")
