"""The events of transactions by month: a month goes as a whole, and nothing is lost or doubled by where events are."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_COMPLETE
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.blocks.transactions.settlement import SettlementRepository
from citrine_core.clock import utc_now
from citrine_core.config import read_settings
from citrine_core.db.partitions import month_of
from citrine_core.housekeeping import Housekeeping
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeSession

LASTING = "transaction_events_lasting"


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    settings = {"transaction_check_delay": timedelta(hours=1), "transaction_silence": None}
    async with running_core(database_url, tmp_path, station_clock_tolerance=None, **settings) as running:
        yield running


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield await edge.connect("CS-1", PASSWORD)


@pytest.fixture
def api(core: RunningCore) -> Any:
    return core.stub(TransactionsServiceStub)


async def tidy(core: RunningCore, days: int) -> None:
    """Have housekeeping run as if so many days had passed."""
    settings = read_settings(["--transaction-event-retention=P30D"], {})
    later = utc_now() + timedelta(days=days)
    await Housekeeping(core.core.unit_of_work, lambda: later, settings).tidy()


async def transaction(api: Any, transaction_id: str) -> pb.Transaction:
    found: pb.Transaction = await api.GetTransaction(pb.GetTransactionRequest(transaction_id=transaction_id))
    return found


async def listed(api: Any, transaction_id: str) -> list[int]:
    request = pb.ListTransactionEventsRequest(station_id="CS-1", transaction_id=transaction_id)
    return [one.request.seq_no for one in (await api.ListTransactionEvents(request)).events]


async def query(core: RunningCore, statement: str) -> list[Any]:
    async with core.core.unit_of_work(read_only=True) as work:
        return list(await work.session.execute(text(statement)))


def has_partitions(core: RunningCore) -> bool:
    return core.core.services.settings.database.startswith("postgresql")


async def places(core: RunningCore) -> dict[str, set[str]]:
    """Return the partitions in which the events of each transaction are."""
    found: dict[str, set[str]] = {}
    for name, partition in await query(
        core, "SELECT DISTINCT transaction_id, tableoid\\:\\:regclass\\:\\:text FROM transaction_events"
    ):
        found.setdefault(name, set()).add(partition)
    return found


async def test_a_month_is_dropped_once_it_is_old_and_what_waits_leaves_it_before(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    await station.call_all([started(0, 0.0), updated(1, 500.0), ended(2, 10_000.0)])
    await station.call_all(
        [started(0, 0.0, transaction_id="OPEN", evse=(2, 1)), updated(1, 500.0, transaction_id="OPEN", evse=(2, 1))]
    )
    month = f"transaction_events_{utc_now():%Y_%m}"
    if has_partitions(core):
        assert await places(core) == {"T-1": {month}, "OPEN": {month}}

    await tidy(core, 31)

    # Removed for all who ask, although the month is there until its transactions need it no more.
    assert (await listed(api, "T-1"), await listed(api, "OPEN")) == ([], [0, 1])
    assert (await transaction(api, "T-1")).HasField("events_removed_time")

    await tidy(core, 75)

    if has_partitions(core):
        assert await places(core) == {"OPEN": {LASTING}}
        assert await query(core, f"SELECT to_regclass('{month}')") == [(None,)]
    assert (await listed(api, "T-1"), await listed(api, "OPEN")) == ([], [0, 1])
    repeated, end = (
        updated(1, 500.0, transaction_id="OPEN", evse=(2, 1)),
        ended(2, 8_000.0, transaction_id="OPEN", evse=(2, 1)),
    )
    await station.call_all([repeated, end, end])
    assert await listed(api, "OPEN") == [0, 1, 2]
    found = await transaction(api, "OPEN")
    assert (found.energy_wh, found.settlement) == (8_000, SETTLEMENT_COMPLETE)

    # Of the dropped month there may be more, from a core whose clock is behind.
    await station.call_all([started(0, 0.0, transaction_id="NEXT"), ended(1, 1_000.0, transaction_id="NEXT")])
    if has_partitions(core):
        assert (await places(core))["NEXT"] == {"transaction_events_default"}
    assert await listed(api, "NEXT") == [0, 1]
    await tidy(core, 110)
    assert await query(core, "SELECT count(*) FROM transaction_events") == [(0,)]


async def test_what_waits_leaves_its_month_in_parts_and_is_whole_at_any_time(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    """While events move nobody else writes any, so it is not for long."""
    if not has_partitions(core):
        return
    await station.call_all([started(0, 0.0), updated(1, 500.0), updated(2, 1_000.0), updated(3, 2_000.0)])
    month, later = f"transaction_events_{utc_now():%Y_%m}", utc_now() + timedelta(days=75)

    async def move() -> bool:
        async with core.core.unit_of_work() as work:
            moved = await SettlementRepository(work.session).move_events_before(later, 2)
            await work.commit()
        return moved

    assert await move()
    assert await query(
        core, "SELECT tableoid\\:\\:regclass\\:\\:text, count(*) FROM transaction_events GROUP BY 1 ORDER BY 1"
    ) == [(month, 2), (LASTING, 2)]

    await station.call_all([updated(1, 500.0), updated(3, 2_000.0), updated(4, 3_000.0)])
    assert await listed(api, "T-1") == [0, 1, 2, 3, 4]
    await tidy(core, 75)

    assert await places(core) == {"T-1": {LASTING}}
    assert await query(core, f"SELECT to_regclass('{month}')") == [(None,)]
    await station.call_all([started(0, 0.0), ended(5, 4_000.0)])
    found = await transaction(api, "T-1")
    assert (found.energy_wh, found.missing_events, found.settlement) == (4_000, 0, SETTLEMENT_COMPLETE)
    assert not await move()


async def test_events_that_a_core_of_before_stored_count_like_all_others(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    """It knows no months: what it adds is in none, and it finds all that is there."""
    await station.call_all([started(0, 0.0), updated(1, 500.0)])
    async with core.core.unit_of_work() as work:
        await work.session.execute(text("UPDATE transaction_events SET events_month = 0 WHERE seq_no = 1"))
        await work.commit()

    # A repetition, and one out of order, for which all are read.
    await station.call_all([updated(1, 500.0), updated(3, 4_000.0), updated(2, 3_000.0), ended(4, 5_000.0)])

    assert await listed(api, "T-1") == [0, 1, 2, 3, 4]
    found = await transaction(api, "T-1")
    assert (found.energy_wh, found.missing_events, found.settlement) == (5_000, 0, SETTLEMENT_COMPLETE)
    assert await query(core, "SELECT events FROM transactions") == [(5,)]
    if has_partitions(core):
        assert len((await places(core))["T-1"]) == 2

    await tidy(core, 31)
    assert await listed(api, "T-1") == []
    await tidy(core, 75)
    assert await query(core, "SELECT count(*) FROM transaction_events") == [(0,)]


async def test_who_reads_the_events_of_a_transaction_looks_into_its_month_only(
    core: RunningCore, station: FakeSession
) -> None:
    await station.call_all([started(0, 0.0), updated(1, 500.0)])
    async with core.core.unit_of_work(read_only=True) as work:
        repository = TransactionRepository(work.session)
        states = await repository.find_states("default", [("CS-1", "T-1")])
        state = states["CS-1", "T-1"]
        assert len((await repository.load_events("default", [state]))["CS-1", "T-1"]) == 2
        if not has_partitions(core):
            assert state.events_month == 0
            return
        assert state.events_month == month_of(utc_now())
        locked = await work.session.scalars(
            text(
                "SELECT relation\\:\\:regclass\\:\\:text FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
                " WHERE pid = pg_backend_pid() AND relkind = 'r' AND relname LIKE 'transaction\\_events\\_%'"
            )
        )
        assert set(locked) == {LASTING, f"transaction_events_{utc_now():%Y_%m}"}
