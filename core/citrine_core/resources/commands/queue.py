"""Waiting commands: sent when their station connects, ended when they expire or their core is gone."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from citrine.api.v1 import common_pb2 as common
from citrine_core.background import defect
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.dispatch import CommandEnd
from citrine_core.encryption import SecretUnreadable
from citrine_core.errors import CoreError
from citrine_core.jobs import Job
from citrine_core.resources.commands.outcomes import ABANDONED, EXPIRED, UNREADABLE, Ending
from citrine_core.resources.commands.repository import CHANGING, CommandRepository, StoredCommand
from citrine_core.resources.commands.sender import CommandSender

__all__ = ["CommandQueue"]

logger = logging.getLogger(__name__)

END_INTERVAL = timedelta(seconds=2)
"""Shortest interval between two searches for expired and abandoned commands."""

BACK_INTERVAL = timedelta(seconds=2)
"""Interval between searches for connected stations with waiting commands: those that wait again because their link was
lost. Else their connection wakes them."""

MAX_ROWS = 500
"""Largest number of commands ended in one transaction."""


class CommandQueue:
    """Sends waiting commands, those of one station in order and one at a time."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock, sender: CommandSender) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._sender = sender
        self._ends = sender.ends
        self._ready: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._active: set[tuple[str, str]] = set()

    async def stations_are_back(self, work: UnitOfWork, tenant_id: str, station_ids: Sequence[str]) -> None:
        """After the commit, send what waits for these stations, if they may receive commands."""
        if station_ids:
            waited_for = await CommandRepository(work.session).stations_waited_for(tenant_id, station_ids)
            for station_id in waited_for:
                self._wake_after_commit(work, (tenant_id, station_id))

    async def forget_station(self, work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        """Cancel the unsent commands of a station that is removed."""
        for row in await CommandRepository(work.session).cancel_queued(tenant_id, station_id, self._clock()):
            # A command that a core passed to an edge may be written by now.
            end = CommandEnd.WITHDRAWN if row.core_id is None else CommandEnd.UNCERTAIN
            ending = Ending(common.COMMAND_STATE_CANCELLED, end, row.error_code, row.error_description)
            await self._ends.failed(work, row, ending, row.finish_time)

    async def run(self) -> None:
        """Send waiting commands of woken stations until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                key = await self._ready.get()
                tasks.create_task(self._send_all(key), name="send waiting commands")

    @property
    def jobs(self) -> list[Job]:
        """The jobs to run."""
        return [
            Job("commands that end by themselves", END_INTERVAL, self.end_due, due=CommandRepository.due()),
            Job("commands of connected stations", BACK_INTERVAL, self.find_back, is_shared=True),
        ]

    async def sweep(self) -> None:
        """End expired and abandoned commands, and find stations that connected."""
        await self.end_due()
        await self.find_back()

    async def end_due(self) -> None:
        """End expired and abandoned commands."""
        now = self._clock()
        async with self._unit_of_work(read_only=True) as work:
            repository = CommandRepository(work.session)
            expired = await repository.expired(now, MAX_ROWS)
            abandoned = await repository.abandoned(now, MAX_ROWS)
        await self._end(expired, EXPIRED)
        await self._end(abandoned, ABANDONED)

    async def find_back(self) -> None:
        """Send the waiting commands of connected stations."""
        async with self._unit_of_work(read_only=True) as work:
            back = await CommandRepository(work.session).stations_to_send_to(self._clock(), MAX_ROWS)
        for key in back:
            self._wake(key)

    async def _end(self, rows: Sequence[StoredCommand], ending: Ending) -> None:
        if not rows:
            return
        now = self._clock()
        async with self._unit_of_work() as work:
            repository = CommandRepository(work.session)
            for row in rows:
                # Read again: another core may have ended it, or its station may be back.
                current = (await repository.find_for_update(row.tenant_id, [row.command_id])).get(row.command_id)
                if current is None or current.state != row.state or current.core_id != row.core_id:
                    continue
                change = _change(
                    current,
                    state=ending.state,
                    error_code=ending.code,
                    error_description=ending.text,
                    finish_time=now,
                    secret_payload=None,
                )
                await repository.change_all([change])
                await self._ends.failed(work, current, ending, now)
            await work.commit()

    async def _send_all(self, key: tuple[str, str]) -> None:
        try:
            while await self._send_next(*key):
                pass
        except CoreError as error:
            logger.warning("waiting commands could not be sent", extra={"station_id": key[1], "problem": str(error)})
        except Exception as error:
            # Deliveries to other stations must not end with it. The next sweep finds it again.
            defect("send waiting commands", error)
        finally:
            self._active.discard(key)

    async def _send_next(self, tenant_id: str, station_id: str) -> bool:
        async with self._unit_of_work(read_only=True) as work:
            row = await CommandRepository(work.session).next_waiting(tenant_id, station_id, self._clock())
        if row is None:
            return False
        try:
            outcome = await self._sender.deliver(row, row.edge_id, row.open_epoch)
        except SecretUnreadable as error:
            await self._end([row], replace(UNREADABLE, text=str(error)))
            return True
        # A command that waits again is not resent at once: the station is disconnected, and its row not updated yet.
        return outcome is not None and outcome.command.state != common.COMMAND_STATE_QUEUED

    def _wake_after_commit(self, work: UnitOfWork, key: tuple[str, str]) -> None:
        work.after_commit(lambda: self._wake(key))

    def _wake(self, key: tuple[str, str]) -> None:
        if key not in self._active:
            self._active.add(key)
            self._ready.put_nowait(key)


def _change(row: StoredCommand, **values: Any) -> dict[str, Any]:
    names = ("tenant_id", "command_id", *CHANGING)
    return {**{name: getattr(row, name) for name in names}, **values}
