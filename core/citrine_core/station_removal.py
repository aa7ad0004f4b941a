"""What is to be removed with a station, and whoever has to do with it."""

from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Registry
from citrine_core.dispatch.repository import forget_answered_call
from citrine_core.link import LinkRegistry, end_session
from citrine_core.resources.commands import CommandQueue

__all__ = ["StationRemoval"]


class StationRemoval:
    """Ends what is under way with a station, and removes what a later one of the same id must not inherit."""

    def __init__(self, links: LinkRegistry, queue: CommandQueue, registry: Registry, clock: Clock) -> None:
        self._links = links
        self._queue = queue
        self._registry = registry
        self._clock = clock

    async def forget(self, work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        """Do all of it in the transaction that removes the station; its websocket is closed after the commit."""
        await end_session(work, self._links, tenant_id, station_id, self._clock(), "the station was deleted")
        # Blocks are told of the commands that end, so they must know them yet.
        await self._queue.forget_station(work, tenant_id, station_id)
        await forget_answered_call(work, tenant_id, station_id)
        for forget in self._registry.forget_station:
            await forget(work, tenant_id, station_id)
