"""Closes websockets of stations on behalf of somebody."""

from citrine.edge.v1.link_pb2 import SessionRef
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWorkFactory
from citrine_core.link.registry import LinkRegistry
from citrine_core.resources.connections import ConnectionRepository
from citrine_core.resources.connections.queries import may_be_open

__all__ = ["Disconnector"]

OPERATOR_CLOSED = 1000
"""Close code of a websocket that an operator closes."""


class Disconnector:
    """Has edges close websockets."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, links: LinkRegistry, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._links = links
        self._clock = clock

    async def disconnect(self, tenant_id: str, station_id: str, reason: str) -> bool:
        """Have the edge close the websocket of a station; return False where there is none, or no link to its edge.

        A session that was admitted a moment ago counts: that it is open may not be stored yet.
        """
        async with self._unit_of_work(read_only=True) as work:
            row = await ConnectionRepository(work.session).find_newest(tenant_id, station_id)
        if row is None or not may_be_open(row, self._clock()):
            return False
        session = SessionRef(tenant_id=tenant_id, station_id=station_id, epoch=row.epoch)
        return self._links.disconnect(row.edge_id, session, OPERATOR_CLOSED, reason)
