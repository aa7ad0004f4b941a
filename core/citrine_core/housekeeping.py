"""Housekeeping: deletes old rows, and creates partitions for new ones."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from citrine_core.background import defect, waits_for_database
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.db.partitions import (
    PARTITIONED,
    add_partitions,
    drop_partitions_before,
    find_rows_before,
    remove_rows_before,
)
from citrine_core.dispatch.repository import HandledMessages
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events import OutboxRepository
from citrine_core.resources.commands import CommandRepository
from citrine_core.resources.connections import EdgeRepository
from citrine_core.resources.keys import KeyRepository

__all__ = ["Housekeeping"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

FIRST_PAUSE = 30.0
"""Seconds from the start to the first run."""

INTERVAL = 3600.0
"""Seconds between runs."""

REPLY_RETENTION = timedelta(days=30)
"""How long a message that a station resends is deduplicated."""

EDGE_RETENTION = timedelta(days=1)
"""How long an edge without sessions is retained after it is gone."""

FILE_KEY_RETENTION = timedelta(days=30)
"""How long a key of a key file is retained after its end: each start without the file creates another one."""

MAX_ROWS = 2000
"""Largest number of rows deleted in one transaction, except with a partition."""


class Housekeeping:
    """Deletes old rows and maintains partitions. Several cores may run it concurrently.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        event_retention: How long events are retained.
        command_retention: How long commands are retained after their end. None: for ever.
        meter_value_retention: How long meter values are retained. None: for ever.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock,
        event_retention: timedelta,
        command_retention: timedelta | None = None,
        meter_value_retention: timedelta | None = None,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._event_retention = event_retention
        self._command_retention = command_retention
        self._meter_value_retention = meter_value_retention

    async def run(self) -> None:
        """Run every hour until cancelled."""
        await asyncio.sleep(FIRST_PAUSE)
        while True:
            try:
                await self.tidy()
            except DatabaseUnavailable:
                waits_for_database("housekeeping")
            except Exception as error:
                defect("housekeeping", error)
            await asyncio.sleep(INTERVAL)

    async def tidy(self) -> None:
        """Run once, in transactions that are too small to delay stations for long."""
        now = self._clock()
        while await self._do(lambda work: HandledMessages(work.session).remove_before(now - REPLY_RETENTION, MAX_ROWS)):
            pass
        events_before = now - self._event_retention
        while await self._do(lambda work: OutboxRepository(work.session).remove_before(events_before, MAX_ROWS)):
            pass
        if self._command_retention is not None:
            ended_before = now - self._command_retention
            while await self._do(lambda work: CommandRepository(work.session).remove_before(ended_before, MAX_ROWS)):
                pass
        await self._do(lambda work: EdgeRepository(work.session).remove_before(now - EDGE_RETENTION))
        await self._do(lambda work: KeyRepository(work.session).remove_of_files(now - FILE_KEY_RETENTION))
        await self._do(lambda work: add_partitions(work.session, now))
        if self._meter_value_retention is not None:
            await self._forget_meter_values(now - self._meter_value_retention)

    async def _forget_meter_values(self, before: datetime) -> None:
        await self._do(lambda work: drop_partitions_before(work.session, before))
        for table in PARTITIONED:
            while await self._remove_rows(table, before):
                pass

    async def _remove_rows(self, table: str, before: datetime) -> bool:
        # Queried without a writing transaction first: on SQLite this may scan the table.
        async with self._unit_of_work(read_only=True) as work:
            rows = await find_rows_before(work.session, table, before, MAX_ROWS)
        if rows:
            await self._do(lambda work: remove_rows_before(work.session, table, before, rows))
        return bool(rows)

    async def _do(self, task: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
        async with self._unit_of_work() as work:
            result = await task(work)
            await work.commit()
        return result
