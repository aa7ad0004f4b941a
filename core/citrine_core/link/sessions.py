"""The life of sessions: granted, opened, closed, and reconciled with the open sessions of an edge."""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from citrine.edge.v1.link_pb2 import Admitted, Closed, Downstream, HeldSession, Hello, Opened, SessionRef
from citrine.events.v1.events_pb2 import Event, StationConnected, StationDisconnected
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation, RegistrationStatusEnum
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.dispatch import Item
from citrine_core.link.registry import LinkRegistry
from citrine_core.resources.connections import (
    VERSIONS,
    ClosedSession,
    ConnectionRepository,
    EdgeRepository,
    GrantedSession,
)
from citrine_core.resources.connections.queries import OPENING_TIME
from citrine_core.resources.connections.repository import ASSUMED, UNKNOWN_TO_EDGE
from citrine_core.resources.stations.credentials import Credentials

__all__ = [
    "ClosedStage",
    "Grant",
    "GrantStage",
    "OnOpened",
    "OpenedStage",
    "SessionOpener",
    "SessionReconciler",
    "disconnected",
    "end_session",
]

logger = logging.getLogger(__name__)

REPLACED = 1000
"""Close code of a websocket that was replaced by a newer one of its station, or whose station was deleted."""

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


class SessionOpener:
    """Stores sessions as open, and emits one event for each, whether Opened, Hello or a first message reports it.

    Any of the three may arrive first, at any core: an edge sends Opened to the first core in the station's ranking, and
    a message to the first one that serves its action. A station that was answered is therefore open for all cores.
    """

    def __init__(self, on_opened: OnOpened) -> None:
        self._on_opened = on_opened

    async def open(self, work: UnitOfWork, tenant_id: str, reported: Sequence[Opened | HeldSession]) -> None:
        """Store sessions of a tenant as open, by the last report of each, if they may still open."""
        repository = ConnectionRepository(work.session)
        # Locked, because another core may receive another report on the same session at this moment.
        rows = await repository.find_all(tenant_id, {opened.session.station_id for opened in reported}, lock=True)
        fresh = {
            opened.session.station_id: opened
            for opened in reported
            if may_open(rows.get(opened.session.station_id), opened.session.epoch)
        }
        await repository.open_all([_opened(opened) for opened in fresh.values()])
        for opened in fresh.values():
            work.emit(connected(opened))
        await self._on_opened(work, tenant_id, list(fresh))

    async def heard(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Store sessions as open whose messages arrive before the report that they opened."""
        for tenant_id, group in by_tenant(items).items():
            rows = await ConnectionRepository(work.session).find_all(tenant_id, {item.station_id for item in group})
            reported = [_implied(item, rows[item.station_id]) for item in reversed(group) if item.station_id in rows]
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
            await self._opener.open(work, tenant_id, [item.content for item in group])

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Drop it: the next Hello of the edge reports it."""


class ClosedStage:
    """Websockets that closed. Each closes only the session of its own epoch."""

    kinds = (Closed,)

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
            gone = {
                item.station_id: _closed(item.content)
                for item in group
                if is_current(rows.get(item.station_id), item.content.session.epoch)
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


class SessionReconciler:
    """Reconciles the stored sessions of an edge with its open ones, when the edge links."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock, opener: SessionOpener) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._opener = opener

    async def reconcile(self, hello: Hello, hello_time: datetime) -> list[SessionRef]:
        """Store the open sessions that a Hello lists, as of its time; return those that are no longer valid.

        Raises:
            DatabaseUnavailable: When nothing can be stored now.
        """
        now = self._clock()
        open_sessions: dict[str, dict[str, HeldSession]] = defaultdict(dict)
        for session in hello.sessions:
            open_sessions[session.session.tenant_id][session.session.station_id] = session
        async with self._unit_of_work() as work:
            await EdgeRepository(work.session).see_all({hello.edge_id: hello.software_version}, now)
            stale: list[SessionRef] = []
            for tenant_id, sessions in open_sessions.items():
                stale += await self._of_tenant(work, tenant_id, sessions)
            await self._close_missing(work, hello, open_sessions, hello_time)
            await work.commit()
        return stale

    async def _of_tenant(
        self, work: UnitOfWork, tenant_id: str, sessions: Mapping[str, HeldSession]
    ) -> list[SessionRef]:
        repository = ConnectionRepository(work.session)
        rows = await repository.find_all(tenant_id, sessions.keys())
        stale, back = [], []
        for station_id, session in sessions.items():
            row = rows.get(station_id)
            if not is_current(row, session.session.epoch):
                stale.append(session.session)
            # A session that its edge meanwhile reported as closed stays closed.
            elif may_open(row, session.session.epoch):
                back.append(session)
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


def is_current(row: Row[*tuple[Any, ...]] | None, epoch: int) -> bool:
    """Return whether an epoch is that of the newest session."""
    return row is not None and row.epoch == epoch


def may_open(row: Row[*tuple[Any, ...]] | None, epoch: int) -> bool:
    """Return whether a session is the newest of its station, not open yet, and not reported as closed."""
    if row is None or row.epoch != epoch or row.is_open:
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
