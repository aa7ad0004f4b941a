"""The reconciliation of stored sessions with those that an edge says it holds, when it links."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from citrine.edge.v1.link_pb2 import HeldSession, Hello, SessionRef
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.errors import PermissionDenied
from citrine_core.link.sessions import SessionOpener, disconnected, is_current, may_open
from citrine_core.resources.connections import ClosedSession, ConnectionRepository, EdgeRepository
from citrine_core.resources.connections.queries import OPENING_TIME
from citrine_core.resources.connections.repository import UNKNOWN_TO_EDGE

__all__ = ["SessionReconciler"]


class SessionReconciler:
    """Reconciles the stored sessions of an edge with its open ones, when the edge links."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock, opener: SessionOpener) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._opener = opener

    async def reconcile(self, hello: Hello, hello_time: datetime, edge_name: str) -> list[SessionRef]:
        """Store the open sessions that a Hello lists, as of its time; return those that are no longer valid.

        Raises:
            DatabaseUnavailable: When nothing can be stored now.
            PermissionDenied: When the id in the Hello is that of an edge with another name.
        """
        now = self._clock()
        open_sessions: dict[str, dict[str, HeldSession]] = defaultdict(dict)
        for session in hello.sessions:
            open_sessions[session.session.tenant_id][session.session.station_id] = session
        async with self._unit_of_work() as work:
            edges = EdgeRepository(work.session)
            if await edges.see(hello.edge_id, edge_name, hello.software_version, now) != edge_name:
                raise PermissionDenied("the edge_id is that of another edge")
            stale: list[SessionRef] = []
            for tenant_id, sessions in open_sessions.items():
                stale += await self._of_tenant(work, hello.edge_id, tenant_id, sessions)
            await self._close_missing(work, hello, open_sessions, hello_time)
            await work.commit()
        return stale

    async def _of_tenant(
        self, work: UnitOfWork, edge_id: str, tenant_id: str, sessions: Mapping[str, HeldSession]
    ) -> list[SessionRef]:
        repository = ConnectionRepository(work.session)
        rows = await repository.find_all(tenant_id, sessions.keys())
        stale, back = [], []
        for station_id, session in sessions.items():
            row = rows.get(station_id)
            if not is_current(row, session.session.epoch, edge_id):
                stale.append(session.session)
            # A session that its edge meanwhile reported as closed stays closed.
            elif may_open(row, session.session.epoch, edge_id):
                back.append((edge_id, session))
        if back:
            await self._opener.open(work, tenant_id, back)
        return stale

    async def _close_missing(
        self,
        work: UnitOfWork,
        hello: Hello,
        open_sessions: Mapping[str, Mapping[str, HeldSession]],
        hello_time: datetime,
    ) -> None:
        now = self._clock()
        repository = ConnectionRepository(work.session)
        gone = [
            ClosedSession(row.tenant_id, row.station_id, row.epoch, now, 1006, UNKNOWN_TO_EDGE)
            for row in await repository.list_of_edge(hello.edge_id)
            if row.station_id not in open_sessions.get(row.tenant_id, {}) and row.admit_time < hello_time - OPENING_TIME
        ]
        await repository.close_all(gone)
        for session in gone:
            work.emit(disconnected(session))
