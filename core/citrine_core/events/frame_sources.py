"""Which edges are believed about the frames of a station: the one that holds its session."""

from citrine.edge.v1.link_pb2 import ObservedFrame
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events.frames import ForeignFrame
from citrine_core.resources.connections import newest_sessions

__all__ = ["FrameSources"]


class FrameSources:
    """Says of each frame that one watcher would see whether its edge holds the session.

    Every edge knows which stations are watched, since they may connect to any of them, so each could make frames up.

    Args:
        unit_of_work: Opens transactions. Asked once for each session and edge.
        tenant_id: Tenant of the stations.
        foreign: Called with a frame of the newest session of a station, which another edge holds.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory, tenant_id: str, foreign: ForeignFrame) -> None:
        self._unit_of_work = unit_of_work
        self._tenant_id = tenant_id
        self._foreign = foreign
        self._believed: dict[tuple[str, str], int] = {}
        """The session that an edge holds, by station and edge."""

    async def holds(self, edge_id: str, frame: ObservedFrame) -> bool:
        """Return whether to show a frame. While the database can't say, only those of known sessions are."""
        station_id, epoch = frame.session.station_id, frame.session.epoch
        if self._believed.get((station_id, edge_id)) == epoch:
            return True
        try:
            async with self._unit_of_work(read_only=True) as work:
                newest = (await newest_sessions(work, self._tenant_id, [station_id])).get(station_id)
        except DatabaseUnavailable:
            return False
        if newest is not None and newest.epoch == epoch and newest.edge_id == edge_id:
            self._believed[station_id, edge_id] = epoch
            return True
        if newest is None or newest.epoch <= epoch:
            self._foreign(edge_id, "observed", self._tenant_id, station_id)
        return False
