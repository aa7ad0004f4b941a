"""Large transactions whose events come out of their order are folded a little later, and come to the same."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1.charge_records_pb2 import ChargeRecord
from citrine.api.v1.transactions_pb2 import GetTransactionRequest
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest, TransactionEventResponse
from citrine_core.blocks.tariff_and_cost.definitions import version_of
from citrine_core.blocks.tariff_and_cost.repository import TariffRepository
from citrine_core.blocks.transactions.deferrals import ENDED_AT_ONCE, FOLDED_AT_ONCE
from citrine_core.blocks.transactions.handlers import TransactionsHandlers
from citrine_core.blocks.transactions.refolding import DueRefolds
from citrine_core.blocks.transactions.refolding.repository import RefoldClaims
from citrine_core.blocks.transactions.settlement import DueSettlements, Operation, SettlementOperations
from citrine_core.config import CoreSettings
from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.tables import metadata
from citrine_core.dispatch import Call
from citrine_core.events import OutboxEvent
from citrine_core.resources.charge_records.jobs import DueRecords
from citrine_core.services import Services
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import at, ended, sampled, started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.statements import statements
from tests.support.waiting import PAUSE, WAIT

NOW = datetime(2025, 3, 1, 13, 0, tzinfo=UTC)
MANY = FOLDED_AT_ONCE + 25
PER_KWH = tariff(element(component("ENERGY", "0.30", "19"), component("CHARGING_TIME", "1.00", "19")), tariff_id="KWH")

_OF_ARRIVAL = {"station_id", "sequence", "update_time", "settle_time", "settle_due_time"}
"""What depends on when and from whom events come."""


def whole(length: int = MANY, **fields: Any) -> list[TransactionEventRequest]:
    """Return a transaction in its order, 100 Wh a minute."""
    between = [
        updated(number, 1000.0 + 100 * number, sampled(30.0 + number / 10, "SOC"), **fields)
        for number in range(1, length - 1)
    ]
    return [started(0, 1000.0, evse=(1, 1), **fields), *between, ended(length - 1, 900.0 + 100 * length, **fields)]


class Bench:
    """Handlers and jobs on a database, and what is in it."""

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self.unit_of_work = unit_of_work
        self.now = NOW
        # Nothing here sends to stations.
        commands: Any = None
        self.services = Services(CoreSettings(), unit_of_work, lambda: self.now, commands)
        self.handlers = TransactionsHandlers(self.services)
        self.refolds = DueRefolds(self.services)

    async def send(
        self, *requests: TransactionEventRequest, station_id: str = "CS-1", ahead: timedelta = timedelta(0)
    ) -> Sequence[TransactionEventResponse]:
        """Have a station whose clock is ahead send messages in one batch, each at its time."""
        return await self.send_all([(station_id, request) for request in requests], ahead)

    async def send_all(
        self, batch: Iterable[tuple[str, TransactionEventRequest]], ahead: timedelta = timedelta(0)
    ) -> Sequence[TransactionEventResponse]:
        calls = [
            Call("default", station_id, 1, "m", request, request.timestamp.ToDatetime(UTC) - ahead)
            for station_id, request in batch
        ]
        async with self.unit_of_work() as work:
            responses = await self.handlers.transaction_events(work, calls)
            await work.commit()
        return responses

    async def refold_due(self) -> datetime | None:
        """Return when the job that folds is due."""
        async with self.unit_of_work(read_only=True) as work:
            return await work.session.scalar(RefoldClaims.due())

    async def fold_due(self) -> None:
        """Have the time come of all that is to be folded, and fold it."""
        self.now += timedelta(minutes=2)
        await self.refolds.run()

    async def price(self) -> None:
        """Have a tariff apply to all."""
        async with self.unit_of_work() as work:
            tariffs = TariffRepository(work.session)
            await tariffs.add(version_of("default", PER_KWH, datetime(2024, 1, 1, tzinfo=UTC)))
            names = (
                "station_id",
                "group_id",
                "id_token",
                "id_token_lookup",
                "id_token_type",
                "location_id",
                "station_group",
                "station_labels",
                "label_digest",
            )
            await tariffs.assign(
                {
                    **dict.fromkeys(names, ""),
                    "tenant_id": "default",
                    "assignment_id": "A",
                    "tariff_id": "KWH",
                    "evse_id": 0,
                    "create_time": datetime(2024, 1, 1, tzinfo=UTC),
                    "from_time": None,
                    "to_time": None,
                }
            )
            await work.commit()

    async def rows(self, table: str) -> Sequence[Row[Any]]:
        async with self.unit_of_work(read_only=True) as work:
            return (await work.session.execute(select(metadata().tables[table]))).all()

    async def transaction(self, station_id: str = "CS-1") -> Row[Any]:
        [found] = [row for row in await self.rows("transactions") if row.station_id == station_id]
        return found

    async def facts(self, station_id: str = "CS-1") -> dict[str, Any]:
        """Return what events say of a transaction, and what it costs."""
        found = (await self.transaction(station_id))._asdict()
        costs = [row for row in await self.rows("transaction_costs") if row.station_id == station_id]
        return {name: value for name, value in found.items() if name not in _OF_ARRIVAL} | {
            "costs": [(row.state, row.after_tax, row.breakdown, row.settlement) for row in costs]
        }

    async def events(self) -> list[Event]:
        async with self.unit_of_work(read_only=True) as work:
            payloads = await work.session.scalars(select(OutboxEvent.payload).order_by(OutboxEvent.id))
            return [Event.FromString(payload) for payload in payloads]


@pytest.fixture
async def bench(unit_of_work: UnitOfWorkFactory) -> Bench:
    return Bench(unit_of_work)


@pytest.fixture
async def priced(bench: Bench) -> Bench:
    await bench.price()
    return bench


async def test_a_late_event_costs_the_same_however_many_were_stored(bench: Bench, engine: AsyncEngine) -> None:
    """1200 events, the newest first, had all of them read and folded 1200 times."""
    *newer, older, _ = reversed(whole(400))
    await bench.send(*newer[:200])
    counts = []
    for one in (newer[200], older):
        with statements(engine) as seen:
            await bench.send(one)
        counts.append(len(seen))
        assert not [statement for statement, _ in seen if "transaction_events.request" in statement]
        await bench.send(*newer[201:])

    assert counts[0] == counts[1] <= 9


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_order_of_many_events_in_any_batches_ends_in_the_same_rows(priced: Bench, seed: int) -> None:
    random, requests = Random(seed), whole()
    await priced.send(*requests, station_id="IN-ORDER")
    stations = [f"CS-{number}" for number in range(3)]
    # Each station keeps an order of its own; some send an event twice.
    queues = {one: random.sample(requests, len(requests)) + random.sample(requests, 5) for one in stations}
    folds = 0
    while any(queues.values()):
        batch = [
            (one, queue.pop())
            for one, queue in queues.items()
            for _ in range(min(len(queue), random.choice([0, 1, 1, 2, 20])))
        ]
        if batch:
            await priced.send_all(batch)
        if random.random() < 0.1:
            await priced.fold_due()
            folds += 1
    await priced.fold_due()

    expected = await priced.facts("IN-ORDER")
    assert folds > 0
    assert (expected["energy_wh"], expected["refold_due_time"], len(expected["costs"])) == (6400.0, None, 1)
    for one in stations:
        assert await priced.facts(one) == expected


async def test_while_events_wait_what_is_counted_is_exact_and_the_rest_is_as_folded_last(bench: Bench) -> None:
    *older, newest = whole()
    await bench.send(newest, *older[10:])
    before = await bench.transaction()
    await bench.send(*reversed(older[:10]))

    found = await bench.transaction()
    assert (before.events, found.events, found.seq_nos, found.first_seq_no) == (MANY - 10, MANY, MANY, 0)
    assert (found.energy_wh, found.start_time, found.settle_time) == (before.energy_wh, None, None)
    assert found.refold_due_time == NOW + timedelta(seconds=1, milliseconds=MANY)
    assert found.last_seq_no == MANY - 1

    await bench.fold_due()

    found = await bench.transaction()
    assert (found.energy_wh, found.start_time) == (6400.0, at(0).ToDatetime(UTC))
    assert (found.refold_due_time, found.settlement) == (None, cost_pb.SETTLEMENT_COMPLETE)


async def test_the_job_is_woken_when_a_fold_is_deferred_and_says_when_none_waits(bench: Bench) -> None:
    woken: list[datetime] = []
    bench.handlers = TransactionsHandlers(bench.services, wake_refolds=lambda: woken.append(bench.now))
    *older, newest = whole()
    await bench.send(newest, *older[10:])
    await bench.refolds.run()
    assert not woken
    waits = [await bench.refold_due()]

    await bench.send(*reversed(older[:10]))
    assert woken == [NOW]
    await bench.refolds.run()
    waits.append(await bench.refold_due())
    await bench.fold_due()
    waits.append(await bench.refold_due())

    assert waits[0] is waits[2] is None
    assert waits[1] is not None
    assert waits[1] > NOW


async def test_subscribers_are_told_of_each_event_and_of_what_came_out(bench: Bench) -> None:
    requests = whole()
    await bench.send(*requests[5:-1])
    await bench.send(requests[4])
    # While events wait, even what is in order waits with them.
    await bench.send(*requests[:4])
    waiting = len(await bench.events())
    await bench.fold_due()

    bodies = [str(event.WhichOneof("body")) for event in await bench.events()]
    assert bodies == ["transaction_started", *["transaction_updated"] * (waiting - 1), "transaction_updated"]
    assert (await bench.events())[-1].transaction_updated.transaction.energy_wh == 6300.0


async def test_the_end_of_a_transaction_is_answered_with_all_that_was_charged(priced: Bench) -> None:
    """I03.FR.02: its driver waits for the total, so that what waits is folded with it."""
    requests = whole()
    await priced.send(*requests[:10], *requests[11:-1])
    [late] = await priced.send(requests[10])
    assert not late.HasField("total_cost")

    [response] = await priced.send(requests[-1])

    found = await priced.facts()
    assert response.total_cost == pytest.approx(float(found["costs"][0][1]))
    assert (found["energy_wh"], found["refold_due_time"]) == (6400.0, None)
    assert (await priced.events())[-1].WhichOneof("body") != "transaction_updated"


async def test_no_answer_has_a_total_that_is_not_reckoned_yet(priced: Bench) -> None:
    requests = whole()
    await priced.send(requests[-1], *requests[20:-1])
    responses = await priced.send(requests[2], requests[1], ended(MANY + 3, 9999.0))

    assert [response.HasField("total_cost") for response in responses] == [False] * 3


async def test_readings_that_are_always_doubtful_are_folded_later(bench: Bench) -> None:
    """A register that goes up and down has all readings reckoned anew with each of them."""
    requests = [
        started(0, 1000.0),
        *(updated(number, 90_000_000.0 if number % 2 else 1000.0 + number) for number in range(1, 100)),
    ]
    for start in range(0, 100, 10):
        await bench.send(*requests[start : start + 10])
    assert (await bench.transaction()).refold_due_time is not None
    await bench.fold_due()
    await bench.send(*requests, station_id="AT-ONCE")

    await bench.fold_due()
    assert (await bench.transaction()).anomalies is not None
    assert await bench.facts() == await bench.facts("AT-ONCE")


async def test_a_clock_that_is_off_has_no_event_priced_with_all_others(priced: Bench, engine: AsyncEngine) -> None:
    """ADR 12: all events say when each of them counts."""
    requests, ahead = whole(), timedelta(hours=2)
    await priced.send(*requests[:60], ahead=ahead)
    with statements(engine) as seen:
        [response] = await priced.send(requests[60], ahead=ahead)

    assert not response.HasField("total_cost")
    assert not [statement for statement, _ in seen if "transaction_events.request" in statement]
    await priced.fold_due()
    await priced.send(*requests[61:], ahead=ahead)
    await priced.send(*requests, station_id="AT-ONCE", ahead=ahead)
    assert await priced.facts() == await priced.facts("AT-ONCE")


async def test_what_is_settled_and_priced_later_has_its_charge_record_then(priced: Bench) -> None:
    *older, newest = whole(ENDED_AT_ONCE + 2)
    records, ahead = DueRecords(priced.services), timedelta(hours=2)
    await priced.send(*older, ahead=ahead)
    await priced.fold_due()
    await priced.send(newest, ahead=ahead)
    settled = await priced.transaction()
    await records.run()
    before = await priced.rows("charge_records")
    await priced.fold_due()
    await records.run()

    assert settled.settle_time is not None
    assert (settled.refold_due_time is not None, before) == (True, [])
    [record] = [ChargeRecord.FromString(row.content) for row in await priced.rows("charge_records")]
    [cost] = await priced.rows("transaction_costs")
    assert (record.cost_unknown, record.total.after_tax, record.energy_kwh) == (False, cost.after_tax, "100.1")
    assert await priced.rows("due_charge_records") == []


async def test_nothing_is_settled_by_time_while_events_wait(bench: Bench) -> None:
    requests = whole()
    await bench.send(*requests[15:])
    await bench.send(requests[10])
    bench.now += timedelta(days=2)

    await DueSettlements(bench.services).run()
    assert (await bench.transaction()).settle_time is None

    await bench.refolds.run()
    await DueSettlements(bench.services).run()
    found = await bench.transaction()
    assert (found.settlement, found.energy_wh) == (cost_pb.SETTLEMENT_TIMED_OUT, 5400.0)


async def test_an_operator_who_settles_has_all_taken_in(priced: Bench) -> None:
    requests = whole()
    await priced.send(*requests[30:-1])
    await priced.send(requests[0])
    async with priced.unit_of_work() as work:
        operation = Operation("default", "CS-1", "T-1", "operator", "no end came")
        await SettlementOperations(priced.services).close(work, operation)
        await work.commit()

    found = await priced.facts()
    assert (found["energy_wh"], found["refold_due_time"]) == (6300.0, None)
    assert [cost[0] for cost in found["costs"]] == [cost_pb.COST_STATE_FINAL]


async def test_what_comes_after_the_end_was_settled_corrects_the_bill_once(priced: Bench, engine: AsyncEngine) -> None:
    """One correction for all that came meanwhile, though each of them lies within the transaction."""
    requests = [one for one in whole(80) if not 70 <= one.seq_no < 79]
    requests[-1] = ended(79, minutes=79)
    await priced.send(*requests)
    priced.now += timedelta(days=2)
    await DueSettlements(priced.services).run()
    final = (await priced.rows("transaction_costs"))[0].after_tax
    with statements(engine) as seen:
        for number in (70, 75, 72):
            await priced.send(updated(number, 1000.0 + 150 * number))

    assert not [statement for statement, _ in seen if "transaction_events.request" in statement]
    assert await priced.rows("cost_corrections") == []
    await priced.fold_due()
    [correction] = await priced.rows("cost_corrections")
    assert correction.reason == cost_pb.CostCorrection.REASON_LATE_EVENT
    assert (await priced.rows("transaction_costs"))[0].after_tax == final
    assert (await priced.transaction()).refold_due_time is None
    await priced.fold_due()
    assert len(await priced.rows("cost_corrections")) == 1


async def test_events_that_come_while_others_are_folded_are_folded_the_next_time(priced: Bench) -> None:
    """Several cores look for what is due, while the station goes on sending."""
    requests = whole(150)
    await priced.send(*requests, station_id="IN-ORDER")
    await priced.send(*requests[80:])
    others = [DueRefolds(priced.services) for _ in range(2)]

    async def fold_again_and_again(one: DueRefolds) -> None:
        while True:
            priced.now += timedelta(seconds=2)
            await one.run()
            await asyncio.sleep(0)

    folding = [asyncio.create_task(fold_again_and_again(one)) for one in others]
    for one in reversed(requests[:80]):
        await priced.send(one)
    for task in folding:
        task.cancel()
    await asyncio.gather(*folding, return_exceptions=True)

    await priced.fold_due()
    assert await priced.facts() == await priced.facts("IN-ORDER")


async def test_others_have_their_turn_while_a_large_transaction_is_folded(priced: Bench) -> None:
    requests = whole(1500)
    await priced.send(*requests[500:])
    await priced.send(*requests[:500])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(others())
    await priced.fold_due()
    other.cancel()

    # Reading, folding, reckoning and pricing: each leaves the loop free after some events.
    assert turns > 4 * 1500 / 50
    assert (await priced.transaction()).settle_time is not None


async def test_a_station_with_many_transactions_holds_no_other_one_up(bench: Bench) -> None:
    """Of each station one transaction is folded in turn."""
    for number in range(3):
        requests = whole(transaction_id=f"T-{number}")
        await bench.send(*requests[2:], station_id="FLOODS")
        await bench.send(requests[1], station_id="FLOODS")
        bench.now += timedelta(seconds=1)
    await bench.send(*whole()[2:], station_id="CS-1")
    await bench.send(whole()[1], station_id="CS-1")
    await bench.fold_due()

    order = [
        (event.station_id, event.transaction_updated.transaction.transaction_id)
        for event in (await bench.events())[-4:]
    ]
    assert order == [("FLOODS", "T-0"), ("CS-1", "T-1"), ("FLOODS", "T-1"), ("FLOODS", "T-2")]


async def test_a_core_folds_by_itself_and_says_what_waits(core: RunningCore) -> None:
    stub: Any = core.stub(TransactionsServiceStub)
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        await station.call_all(whole()[1:])
        await station.call(whole()[0])
        found = await stub.GetTransaction(GetTransactionRequest(transaction_id="T-1"))
        assert (found.events, found.missing_events, found.behind) == (MANY, 1, True)

        async with asyncio.timeout(WAIT):
            while found.behind:
                found = await stub.GetTransaction(GetTransactionRequest(transaction_id="T-1"))
                await asyncio.sleep(PAUSE)

    assert (found.energy_wh, found.missing_events, found.behind) == (6400.0, 0, False)
    assert found.settlement == cost_pb.SETTLEMENT_COMPLETE
