"""The life of sessions: opened and closed."""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import Row

from citrine.edge.v1.link_pb2 import Closed, HeldSession, Opened, SessionRef
from citrine.events.v1.events_pb2 import Event, StationConnected, StationDisconnected
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Item
from citrine_core.link.registry import LinkRegistry
from citrine_core.resources.connections import (
    VERSIONS,
    ClosedSession,
    ConnectionRepository,
)
from citrine_core.resources.connections.records import ConnectionRecords, SessionEnd
from citrine_core.resources.connections.repository import ASSUMED

__all__ = [
    "REPLACED",
    "ClosedStage",
    "OnForeign",
    "OnOpened",
    "OpenedStage",
    "SessionOpener",
    "by_tenant",
    "disconnected",
    "end_session",
    "is_current",
    "may_open",
]

logger = logging.getLogger(__name__)

REPLACED = 1000
"""Close code of a websocket that was replaced by a newer one of its station, or whose station was deleted."""

Reported: TypeAlias = tuple[str, Opened | HeldSession]
"""The id of an edge, and its report that a session is open."""

OnOpened = Callable[[UnitOfWork, str, Sequence[str]], Awaitable[None]]
"""Called with stations of a tenant whose websocket opened, in the transaction that stores it."""


OnForeign: TypeAlias = Callable[[str, str, str, str], None]
"""Called with an edge, the kind of its report, tenant and station, where another edge holds the session."""


class SessionOpener:
    """Stores sessions as open, and emits one event for each, whether Opened, Hello or a first message reports it.

    Any of the three may arrive first, at any core: an edge sends Opened to the first core in the station's ranking, and
    a message to the first one that serves its action. A station that was answered is therefore open for all cores.
    """

    def __init__(self, on_opened: OnOpened, on_foreign: OnForeign) -> None:
        self._on_opened = on_opened
        self._on_foreign = on_foreign

    async def open(self, work: UnitOfWork, tenant_id: str, reported: Sequence[Reported]) -> None:
        """Store sessions of a tenant as open, by the last report of each, if they may still open."""
        repository = ConnectionRepository(work.session)
        # Locked, because another core may receive another report on the same session at this moment.
        rows = await repository.find_all(tenant_id, {opened.session.station_id for _, opened in reported}, lock=True)
        for edge_id, opened in reported:
            if is_foreign(rows.get(opened.session.station_id), opened.session.epoch, edge_id):
                self._on_foreign(edge_id, "opened", tenant_id, opened.session.station_id)
        fresh = {
            opened.session.station_id: (edge_id, opened)
            for edge_id, opened in reported
            if may_open(rows.get(opened.session.station_id), opened.session.epoch, edge_id)
        }
        await repository.open_all([_opened(*one) for one in fresh.values()])
        for _, opened in fresh.values():
            work.emit(connected(opened))
        await self._on_opened(work, tenant_id, list(fresh))

    async def heard(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Store sessions as open whose messages arrive before the report that they opened."""
        for tenant_id, group in by_tenant(items).items():
            rows = await ConnectionRepository(work.session).find_all(tenant_id, {item.station_id for item in group})
            reported = [
                (item.edge_id, _implied(item, rows[item.station_id]))
                for item in reversed(group)
                if item.station_id in rows
            ]
            await self.open(work, tenant_id, reported)


class OpenedStage:
    """Websockets that opened."""

    kinds = (Opened,)

    def __init__(self, opener: SessionOpener) -> None:
        self._opener = opener

    def writes(self, item: Item) -> bool:
        """Return True: connections are written."""
        return True

    def forget_in_outage(self, item: Item) -> bool:
        """Return False: the edge does not resend it."""
        return False

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Mark the newest sessions as open."""
        # An edge resends Opened if its link ended. The close may be stored by then, or the first message of the session
        # may be in the same batch.
        for tenant_id, group in by_tenant(items).items():
            reported = [(item.edge_id, item.content) for item in group]
            await self._opener.open(work, tenant_id, reported)

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Drop it: the next Hello of the edge reports it."""


class ClosedStage:
    """Websockets that closed. Each closes only the session of its own epoch."""

    kinds = (Closed,)

    def __init__(self, on_foreign: OnForeign) -> None:
        self._on_foreign = on_foreign

    def writes(self, item: Item) -> bool:
        """Return True: connections are written."""
        return True

    def forget_in_outage(self, item: Item) -> bool:
        """Return False: the edge does not resend it."""
        return False

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Mark the newest sessions as closed."""
        repository = ConnectionRepository(work.session)
        for tenant_id, group in by_tenant(items).items():
            rows = await repository.find_all(tenant_id, {item.station_id for item in group})
            for item in group:
                if is_foreign(rows.get(item.station_id), item.content.session.epoch, item.edge_id):
                    self._on_foreign(item.edge_id, "closed", tenant_id, item.station_id)
            gone = {
                item.station_id: _closed(item.content)
                for item in group
                if is_current(rows.get(item.station_id), item.content.session.epoch, item.edge_id)
                and rows[item.station_id].close_time is None
            }
            await repository.close_all(list(gone.values()))
            for session in gone.values():
                work.emit(disconnected(session))
            await ConnectionRecords(work.session).close_all(
                [_end_of_replaced(item.content) for item in group if _is_replaced(rows.get(item.station_id), item)]
            )

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Drop it: the next Hello of the edge reports it."""


async def end_session(
    work: UnitOfWork, links: LinkRegistry, tenant_id: str, station_id: str, now: datetime, reason: str
) -> None:
    """Invalidate the session of a station; its websocket is closed after the commit.

    Messages that it still sends are dropped. Without a link from here, its edge learns of it at its next Hello.
    """
    repository = ConnectionRepository(work.session)
    row = (await repository.find_all(tenant_id, [station_id])).get(station_id)
    if row is None:
        return
    await repository.revoke(tenant_id, station_id, now, reason)
    if row.is_open:
        work.emit(disconnected(ClosedSession(tenant_id, station_id, row.epoch, now, REPLACED, reason)))
    if row.close_time is None:
        session = SessionRef(tenant_id=tenant_id, station_id=station_id, epoch=row.epoch)
        work.after_commit(lambda: _ignore(links.disconnect(row.edge_id, session, REPLACED, reason)))


def by_tenant(items: Sequence[Item]) -> dict[str, list[Item]]:
    """Return items grouped by tenant, in their order."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.tenant_id].append(item)
    return groups


def is_current(row: Row[*tuple[Any, ...]] | None, epoch: int, edge_id: str) -> bool:
    """Return whether an epoch is that of the newest session, and an edge the one that holds it."""
    return row is not None and row.epoch == epoch and row.edge_id == edge_id


def is_foreign(row: Row[*tuple[Any, ...]] | None, epoch: int, edge_id: str) -> bool:
    """Return whether an epoch is that of the newest session, and another edge holds it."""
    return row is not None and row.epoch == epoch and row.edge_id != edge_id


def may_open(row: Row[*tuple[Any, ...]] | None, epoch: int, edge_id: str) -> bool:
    """Return whether an edge's session is the newest of its station, not open yet, and not reported as closed."""
    if row is None or not is_current(row, epoch, edge_id) or row.is_open:
        return False
    return row.close_reason is None or row.close_reason in ASSUMED


def connected(session: Opened | HeldSession) -> Event:
    """Return the event of a websocket that opened."""
    body = StationConnected(
        epoch=session.session.epoch,
        ocpp_version=VERSIONS.get(session.version, ""),
        remote_address=session.remote_address,
    )
    return Event(tenant_id=session.session.tenant_id, station_id=session.session.station_id, station_connected=body)


def disconnected(session: ClosedSession) -> Event:
    """Return the event of a websocket that is gone."""
    body = StationDisconnected(epoch=session.epoch, close_code=session.code, close_reason=session.reason)
    return Event(tenant_id=session.tenant_id, station_id=session.station_id, station_disconnected=body)


def _opened(edge_id: str, session: Opened | HeldSession) -> dict[str, Any]:
    return {
        "edge_id": edge_id,
        "tenant_id": session.session.tenant_id,
        "station_id": session.session.station_id,
        "epoch": session.session.epoch,
        "ocpp_version": session.version,
        "remote_address": session.remote_address[:100],
        "open_time": session.open_time.ToDatetime(UTC),
    }


def _implied(item: Item, row: Row[*tuple[Any, ...]]) -> Opened:
    return Opened(
        session=item.content.session,
        version=row.ocpp_version,
        remote_address=row.remote_address,
        open_time=item.content.receive_time,
    )


def _closed(closed: Closed) -> ClosedSession:
    session = closed.session
    time = closed.close_time.ToDatetime(UTC)
    # PostgreSQL can't hold NUL, and the reason is the peer's.
    reason = closed.reason.replace("\0", "\N{REPLACEMENT CHARACTER}")[:125]
    return ClosedSession(session.tenant_id, session.station_id, session.epoch, time, closed.code, reason)


def _is_replaced(row: Row[*tuple[Any, ...]] | None, item: Item) -> bool:
    """Return whether the session of a Closed was replaced by a newer one of its station."""
    return row is not None and row.epoch > item.content.session.epoch


def _end_of_replaced(closed: Closed) -> SessionEnd:
    one = _closed(closed)
    return SessionEnd(one.close_time, one.code, one.reason, one.tenant_id, one.station_id, one.epoch)


def _ignore(result: object) -> None:
    return None
