"""What is done now and then: forget what nobody asks for any more, make room for what comes."""

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
"""Seconds after the start until it is done for the first time."""

INTERVAL = 3600.0
"""Seconds between one time and the next."""

REPLY_RETENTION = timedelta(days=30)
"""How long a station may take to repeat a message and be given the same reply."""

EDGE_RETENTION = timedelta(days=1)
"""How long an edge is remembered that is gone and holds no session."""

FILE_KEY_RETENTION = timedelta(days=30)
"""How long a key that was in a key file is shown after its end: there is one more for each start without the file."""

MAX_ROWS = 2000
"""Rows removed in one transaction at most, where they do not go with their partition."""


class Housekeeping:
    """Keeps the database tidy; several cores may do so at the same time.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        event_retention: How long events are kept.
        command_retention: How long commands are kept after their end. None: for ever.
        meter_value_retention: How long meter values are kept. None: for ever.
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
        """Do it every hour until cancelled."""
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
        """Do all of it once, in transactions so small that none holds up the stations for long."""
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
        # Looked for before it is a writer's turn: on SQLite that may be a walk through the table.
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
