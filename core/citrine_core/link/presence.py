"""Presence of stations and edges: collected in memory, and stored in batches."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from citrine_core.background import defect, waits_for_database
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable
from citrine_core.link.registry import LinkRegistry
from citrine_core.link.sessions import disconnected
from citrine_core.resources.connections import ConnectionRepository, EdgeRepository
from citrine_core.resources.stations.sightings import Sightings

__all__ = ["Presence"]

logger = logging.getLogger(__name__)

EDGE_INTERVAL = 5.0
"""Seconds between stores of the edges that have a link."""

EDGE_SILENT_AFTER = timedelta(seconds=15)
"""An edge without a link to any core for this long counts as gone, and its sessions as closed."""

STATION_INTERVAL = 30.0
"""Seconds between stores of last_seen_time of stations."""

MAX_ROWS = 5000
"""Largest number of stations stored in one transaction."""


class Presence:
    """Stores when stations and edges were last seen, and closes the sessions of edges that are gone."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock, links: LinkRegistry) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._links = links
        self.seen: dict[tuple[str, str], datetime] = {}
        """Time of the last message of each station, by tenant and id. Links write it; `store_stations` empties it."""
        self.watching_since: datetime | None = None
        """Time since which every living edge would have been seen. None: just started, or an outage just ended."""

    async def run(self) -> None:
        """Store until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self.store_edges, EDGE_INTERVAL), name="store edges")
            tasks.create_task(self._repeat(self.store_stations, STATION_INTERVAL), name="store stations")

    async def store_edges(self) -> None:
        """Store the edges that have a link as alive, and close the sessions of edges that are silent."""
        now, silent_since = self._clock(), self._clock() - EDGE_SILENT_AFTER
        alive = {link.edge_id: (link.peer.edge_name, link.software_version) for link in self._links}
        # After a start or an outage, edges get some time to link first.
        looks = self.watching_since is not None and self.watching_since <= silent_since
        closes = False
        if looks:
            async with self._unit_of_work(read_only=True) as work:
                closes = await ConnectionRepository(work.session).has_silent_edges(silent_since)
        if alive or closes:
            async with self._unit_of_work() as work:
                work.is_routine = not closes
                await EdgeRepository(work.session).see_all(alive, now)
                if closes:
                    for session in await ConnectionRepository(work.session).close_of_silent_edges(silent_since, now):
                        work.emit(disconnected(session))
                await work.commit()
        if self.watching_since is None:
            self.watching_since = now

    async def store_stations(self) -> None:
        """Store when stations were last seen."""
        while self.seen:
            keys = list(self.seen)[:MAX_ROWS]
            batch = {key: self.seen.pop(key) for key in keys}
            try:
                async with self._unit_of_work() as work:
                    await Sightings(work.session).see_all(batch)
                    await work.commit()
            except Exception:
                # Times that were added meanwhile are newer.
                for key, time in batch.items():
                    self.seen.setdefault(key, time)
                raise

    async def _repeat(self, store: Callable[[], Awaitable[None]], interval: float) -> None:
        while True:
            try:
                await store()
            except DatabaseUnavailable:
                self.watching_since = None
                waits_for_database("presence")
            except Exception as error:
                self.watching_since = None
                defect("presence", error)
            await asyncio.sleep(interval)
