"""The life of sessions: granted, opened and closed."""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import Row

from citrine.edge.v1.link_pb2 import Admitted, Closed, Downstream, HeldSession, Opened, SessionRef
from citrine.events.v1.events_pb2 import Event, StationConnected, StationDisconnected
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation, RegistrationStatusEnum
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Item
from citrine_core.link.registry import LinkRegistry
from citrine_core.resources.connections import (
    VERSIONS,
    ClosedSession,
    ConnectionRepository,
    GrantedSession,
)
from citrine_core.resources.connections.repository import ASSUMED
from citrine_core.resources.stations.credentials import Credentials

__all__ = [
    "ClosedStage",
    "Grant",
    "GrantStage",
    "OnForeign",
    "OnOpened",
    "OpenedStage",
    "SessionOpener",
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


@dataclass(slots=True)
class Grant:
    """An accepted handshake that needs an epoch."""

    admit_id: int
    edge_id: str
    version: int
    remote_address: str
    used_next: str | None
    """Hash of the station's next password, if the station used that one."""


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
            opened.session.station_id: opened
            for edge_id, opened in reported
            if may_open(rows.get(opened.session.station_id), opened.session.epoch, edge_id)
        }
        await repository.open_all([_opened(opened) for opened in fresh.values()])
        for opened in fresh.values():
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

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Drop it: the next Hello of the edge reports it."""


class GrantStage:
    """Grants epochs to accepted handshakes.

    Runs last in a batch: all other items of the station in the batch came by an older session, and were read before
    the new one was admitted.
    """

    kinds = (Grant,)

    def __init__(self, clock: Clock, links: LinkRegistry, refuse: Callable[[int], Downstream]) -> None:
        self._clock = clock
        self._links = links
        self._refuse = refuse

    def writes(self, item: Item) -> bool:
        """Return True: connections are written."""
        return True

    def forget_in_outage(self, item: Item) -> bool:
        """Refuse it, and return True: the station retries later."""
        item.reply(self._refuse(item.content.admit_id))
        return True

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Grant each station an epoch one higher than its last; of two handshakes of a station the later is newer."""
        rounds: list[dict[tuple[str, str], Item]] = []
        for item in items:
            key = (item.tenant_id, item.station_id)
            free = next((one for one in rounds if key not in one), None)
            if free is None:
                rounds.append(free := {})
            free[key] = item
        for one in rounds:
            await self._grant(work, one)

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Refuse it: the station retries later."""
        item.reply(self._refuse(item.content.admit_id))

    async def _grant(self, work: UnitOfWork, items: Mapping[tuple[str, str], Item]) -> None:
        repository, credentials = ConnectionRepository(work.session), Credentials(work.session)
        stations: dict[tuple[str, str], Row[*tuple[Any, ...]]] = {}
        older: dict[tuple[str, str], Row[*tuple[Any, ...]]] = {}
        for tenant_id, group in by_tenant(list(items.values())).items():
            ids = {item.station_id for item in group}
            rows = await credentials.find_all(tenant_id, ids, lock=True)
            stations.update({(tenant_id, row.station_id): row for row in rows.values()})
            found = await repository.find_all(tenant_id, ids)
            older.update({(tenant_id, station_id): row for station_id, row in found.items()})
        await credentials.promote_all(
            [(*key, item.content.used_next) for key, item in items.items() if item.content.used_next is not None]
        )
        epochs = await repository.grant_all(
            [
                GrantedSession(*key, item.content.edge_id, item.content.version, item.content.remote_address)
                for key, item in items.items()
                if key in stations
            ],
            self._clock(),
        )
        for key, item in items.items():
            # The station was deleted meanwhile. It is refused for now, and as unknown when it retries.
            if key not in epochs:
                self._after_commit(work, item, self._refuse(item.content.admit_id))
                continue
            session = SessionRef(tenant_id=key[0], station_id=key[1], epoch=epochs[key])
            self._after_commit(work, item, _admitted(item.content.admit_id, session, stations[key]))
            self._disconnect_older(work, older.get(key), item.content.edge_id)

    def _disconnect_older(self, work: UnitOfWork, row: Row[*tuple[Any, ...]] | None, edge_id: str) -> None:
        """Make another edge close the replaced session. The same edge does so by itself."""
        if row is None or row.close_time is not None or row.edge_id == edge_id:
            return
        session = SessionRef(tenant_id=row.tenant_id, station_id=row.station_id, epoch=row.epoch)
        reason = "replaced by a newer connection"
        work.after_commit(lambda: _ignore(self._links.disconnect(row.edge_id, session, REPLACED, reason)))

    @staticmethod
    def _after_commit(work: UnitOfWork, item: Item, reply: Downstream) -> None:
        work.after_commit(lambda: item.reply(reply))


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
    body = StationDisconnected(epoch=session.epoch, code=session.code, reason=session.reason)
    return Event(tenant_id=session.tenant_id, station_id=session.station_id, station_disconnected=body)


def _opened(session: Opened | HeldSession) -> dict[str, Any]:
    return {
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


def _admitted(admit_id: int, session: SessionRef, station: Row[*tuple[Any, ...]]) -> Downstream:
    admitted = Admitted(id=admit_id, session=session)
    if station.registration is not None:
        admitted.registration = RegistrationStatusEnum.ValueType(station.registration)
    if station.hardware is not None:
        hardware = ChargingStation.FromString(station.hardware)
        admitted.vendor_name, admitted.model = hardware.vendor_name, hardware.model
    return Downstream(admitted=admitted)


def _ignore(result: object) -> None:
    return None
