"""Housekeeping: removes old rows, and creates partitions for new ones."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, TypeVar

from citrine_core.agenda.repository import LeaseRepository
from citrine_core.blocks.authorization.records import AuthorizationRecords
from citrine_core.blocks.transactions.charging_states import EarlyStateRepository
from citrine_core.blocks.transactions.settlement import SettlementRepository
from citrine_core.blocks.transactions.unmatched import UnmatchedEndRepository
from citrine_core.clock import Clock
from citrine_core.config import CoreSettings
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.db.databases import database_of
from citrine_core.db.outages import is_lock_timeout
from citrine_core.db.partitions import (
    add_partitions,
    advance_sequences,
    drop_partition,
    find_old_partition,
    find_rows_before,
    remove_rows_before,
)
from citrine_core.dispatch.repository import HandledMessages
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events import OutboxRepository
from citrine_core.jobs import Job
from citrine_core.resources.audit import AuditRepository
from citrine_core.resources.commands import CommandRepository
from citrine_core.resources.connections import ConnectionRecords, EdgeRepository
from citrine_core.resources.idempotency import IdempotencyKeys
from citrine_core.resources.keys import KeyRepository
from citrine_core.resources.operations import OperationRepository
from citrine_core.resources.tenants.queries import list_tenant_ids
from citrine_core.retention import SWEPT, find_old, remove_old, remove_transactions
from citrine_core.tenant_removal import purge_removed_tenants

__all__ = ["Housekeeping"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

INTERVAL = timedelta(hours=1)
"""Interval of the job."""

EDGE_RETENTION = timedelta(days=1)
"""How long an edge without sessions is retained after it is gone."""

IDEMPOTENCY_KEY_RETENTION = timedelta(days=1)
"""How long a call can come again with its idempotency key."""

LEASE_RETENTION = timedelta(days=1)
"""How long a lease that no core renews is retained."""

FILE_KEY_RETENTION = timedelta(days=30)
"""How long a key of a key file is retained after its end: each start without the file creates another one."""

EARLY_STATE_RETENTION = timedelta(days=30)
"""How long a charging state is retained whose transaction does not come: a station may be offline for weeks."""

MONTH = timedelta(days=31)
"""How old a month of events is at least when it is dropped, although none of its transactions needs it any more."""

WAITING = timedelta(days=7)
"""How long a month of events waits for transactions that were settled late, before those that wait leave it."""

MAX_ROWS = 2000
"""Largest number of rows deleted in one transaction, except with a partition."""

MAX_TRANSACTIONS = 200
"""Largest number of transactions removed in one transaction of the database, with all that belongs to them."""

LOCK_TRIES = 10
"""How often a table that is in use is waited for, until the next run."""

LOCK_PAUSE = 1.0
"""Seconds between these attempts. In the meantime, those who waited for the table because of us use it."""

_LOCK = 0x6369_7472_0003
"""Advisory lock of the core that removes rows."""

Step = Callable[[UnitOfWork, datetime], Awaitable[bool]]
"""Removes some of what is older than a time; returns whether there may be more."""


class _Sweep(NamedTuple):
    retention: timedelta | None
    """None: for ever."""
    step: Step


class _OtherCoreSweeps(Exception):
    """Another core is at it."""


class Housekeeping:
    """Removes old rows and maintains partitions, on one core at a time.

    Each transaction begins with a lock that only one core gets. A core that does not get it leaves the rest of its run
    to the other one; a core that is suspended loses the lock with its transaction. A step that fails ends none of those
    behind it.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        settings: How long rows are retained.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock, settings: CoreSettings) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._sweeps = (
            _Sweep(settings.deduplication_retention, _remove_handled_messages),
            _Sweep(settings.event_retention, _remove_events),
            _Sweep(settings.command_retention, _remove_commands),
            _Sweep(settings.command_retention, _remove_operations),
            _Sweep(settings.transaction_event_retention, self._remove_transaction_events),
            _Sweep(_and(settings.transaction_event_retention, WAITING), _move_transaction_events),
            _Sweep(MONTH, partial(_drop_oldest, "transaction_events")),
            _Sweep(settings.transaction_event_retention, _remove_unmatched_ends),
            _Sweep(settings.audit_retention, _remove_audit_records),
            _Sweep(settings.history_retention, _remove_connection_records),
            _Sweep(settings.history_retention, _remove_authorization_records),
            _Sweep(settings.billing_retention, _remove_transactions),
            _Sweep(EDGE_RETENTION, _remove_edges),
            _Sweep(IDEMPOTENCY_KEY_RETENTION, _remove_idempotency_keys),
            _Sweep(LEASE_RETENTION, _remove_leases),
            _Sweep(FILE_KEY_RETENTION, _remove_keys_of_files),
            _Sweep(EARLY_STATE_RETENTION, _remove_early_states),
        )
        self._by_rule = {name: getattr(settings, rule.setting) for name, rule in SWEPT.items()}
        self._by_time_of_station = {
            "samples": settings.meter_value_retention,
            "connector_statuses": settings.connector_status_retention,
        }
        self.job = Job("housekeeping", INTERVAL, self.tidy, is_shared=True)

    async def tidy(self) -> None:
        """Run once, in transactions that are too small to delay stations for long."""
        try:
            await self._tidy(self._clock())
        except _OtherCoreSweeps:
            logger.debug("another core is housekeeping")

    async def _tidy(self, now: datetime) -> None:
        failed: list[Exception] = []
        for step in self._steps(now):
            try:
                await step()
            except _OtherCoreSweeps:
                raise
            except Exception as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                # The others don't depend on it.
                failed.append(error)
        if len(failed) > 1:
            raise ExceptionGroup("several steps of housekeeping failed", failed)
        if failed:
            raise failed[0]

    def _steps(self, now: datetime) -> Iterator[Callable[[], Awaitable[object]]]:
        yield partial(self._do, lambda work: add_partitions(work.session, now))
        yield partial(self._do, lambda work: advance_sequences(work.session, now))
        yield partial(self._repeat, lambda work, before: purge_removed_tenants(work, before, MAX_ROWS), now)
        for retention, step in self._sweeps:
            if retention is not None:
                yield partial(self._repeat, step, now - retention)
        for table, retention in self._by_rule.items():
            if retention is not None:
                yield partial(_exhaust, partial(self._remove_old, table, now - retention))
        for table, retention in self._by_time_of_station.items():
            if retention is not None:
                yield partial(self._repeat, partial(_drop_oldest, table), now - retention)
                yield partial(_exhaust, partial(self._remove_rows, table, now - retention))

    async def _repeat(self, step: Step, before: datetime) -> None:
        await _exhaust(lambda: self._do(lambda work: step(work, before)))

    async def _remove_transaction_events(self, work: UnitOfWork, before: datetime) -> bool:
        return await SettlementRepository(work.session).remove_events_before(before, self._clock(), MAX_ROWS)

    async def _remove_rows(self, table: str, before: datetime) -> bool:
        # Queried without a writing transaction first: on SQLite this may scan the table.
        async with self._unit_of_work(read_only=True) as work:
            rows = await find_rows_before(work.session, table, before, MAX_ROWS)
        if rows:
            await self._do(lambda work: remove_rows_before(work.session, table, before, rows))
        return bool(rows)

    async def _remove_old(self, table: str, before: datetime) -> bool:
        async with self._unit_of_work(read_only=True) as work:
            keys = await find_old(work, table, before, MAX_ROWS)
        if keys:
            await self._do(lambda work: remove_old(work, table, keys, before))
        return bool(keys)

    async def _do(self, task: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
        for left in reversed(range(LOCK_TRIES)):
            try:
                return await self._try(task)
            except DatabaseUnavailable as error:
                if not left or not is_lock_timeout(error):
                    raise
            await asyncio.sleep(LOCK_PAUSE)
        raise AssertionError

    async def _try(self, task: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
        async with self._unit_of_work() as work:
            if not await database_of(work.session).try_lock(await work.session.connection(), _LOCK):
                raise _OtherCoreSweeps
            result = await task(work)
            await work.commit()
        return result


async def _exhaust(step: Callable[[], Awaitable[bool]]) -> None:
    while await step():
        pass


async def _remove_handled_messages(work: UnitOfWork, before: datetime) -> bool:
    return await HandledMessages(work.session).remove_before(before, MAX_ROWS)


async def _remove_events(work: UnitOfWork, before: datetime) -> bool:
    return await OutboxRepository(work.session).remove_before(before, MAX_ROWS)


async def _remove_commands(work: UnitOfWork, before: datetime) -> bool:
    return await CommandRepository(work.session).remove_before(before, MAX_ROWS)


async def _remove_operations(work: UnitOfWork, before: datetime) -> bool:
    return await OperationRepository(work.session).remove_before(before, MAX_ROWS)


def _and(retention: timedelta | None, more: timedelta) -> timedelta | None:
    return None if retention is None else retention + more


async def _move_transaction_events(work: UnitOfWork, before: datetime) -> bool:
    return await SettlementRepository(work.session).move_events_before(before, MAX_ROWS)


async def _remove_unmatched_ends(work: UnitOfWork, before: datetime) -> bool:
    return await UnmatchedEndRepository(work.session).remove_before(before, MAX_ROWS)


async def _remove_early_states(work: UnitOfWork, before: datetime) -> bool:
    return await EarlyStateRepository(work.session).remove_before(before, MAX_ROWS)


async def _remove_audit_records(work: UnitOfWork, before: datetime) -> bool:
    return await AuditRepository(work.session).remove_before(before, MAX_ROWS)


async def _remove_connection_records(work: UnitOfWork, before: datetime) -> bool:
    tenant_ids = await list_tenant_ids(work.session)
    return await ConnectionRecords(work.session).remove_before(tenant_ids, before, MAX_ROWS)


async def _remove_authorization_records(work: UnitOfWork, before: datetime) -> bool:
    tenant_ids = await list_tenant_ids(work.session)
    return await AuthorizationRecords(work.session).remove_before(tenant_ids, before, MAX_ROWS)


async def _remove_idempotency_keys(work: UnitOfWork, before: datetime) -> bool:
    return await IdempotencyKeys(work.session).remove_before(before, MAX_ROWS)


async def _remove_leases(work: UnitOfWork, before: datetime) -> bool:
    await LeaseRepository(work.session).remove_before(before)
    return False


async def _remove_transactions(work: UnitOfWork, before: datetime) -> bool:
    return await remove_transactions(work, before, MAX_TRANSACTIONS)


async def _remove_edges(work: UnitOfWork, before: datetime) -> bool:
    await EdgeRepository(work.session).remove_before(before)
    return False


async def _remove_keys_of_files(work: UnitOfWork, before: datetime) -> bool:
    await KeyRepository(work.session).remove_of_files(before)
    return False


async def _drop_oldest(table: str, work: UnitOfWork, before: datetime) -> bool:
    name = await find_old_partition(work.session, table, before)
    if name is not None:
        await drop_partition(work.session, name)
    return name is not None
