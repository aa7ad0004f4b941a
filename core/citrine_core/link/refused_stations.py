"""Tells subscribers which stations are not let in, and why, and stores the last refusal of each."""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeAlias

from citrine.edge.v1.link_pb2 import HandshakeRefused
from citrine.events.v1.events_pb2 import Event, StationRefused
from citrine_core.clock import Clock, utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.ids import DEFAULT_TENANT
from citrine_core.jobs import Job
from citrine_core.resources.stations.handshake_refusals import HandshakeRefusals
from citrine_core.resources.tenants import TenantDirectory

__all__ = ["QUIET", "RefusedStations"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=1)
"""How often it is looked for what to tell."""

QUIET = timedelta(minutes=1)
"""How long attempts of the same kind are only counted."""

MOST_EVENTS = 60
"""Events of this core in the time of QUIET, of known stations and of others each: whoever tries names by the thousand
must not fill the database."""

MOST_ROWS = 500
"""Rows that are stored in one transaction at most."""

MOST_KINDS = 1000
"""Kinds of attempts that are counted at a time, of whoever may be any; they never push out those of known stations."""

MOST_KNOWN = 20_000
"""Kinds of attempts by known stations that are counted at a time."""

MOST_UNREGISTERED = 500
"""Ids without a station whose last refusal a tenant keeps."""

MOST_OFFERED = 100
"""Characters of the subprotocols that are told."""

RETENTION_INTERVAL = timedelta(hours=1)
"""Time from one look for refusals to forget to the next."""

_OF_KNOWN = frozenset(
    {
        StationRefused.REASON_WRONG_PASSWORD,
        StationRefused.REASON_NO_PASSWORD,
        StationRefused.REASON_OTHER_USER_NAME,
        StationRefused.REASON_DISABLED,
    }
)
"""Reasons that are found where there is a station of the id: there are no more kinds of them than stations."""

_CAUSES = {
    HandshakeRefused.CAUSE_CREDENTIALS: StationRefused.REASON_MALFORMED_CREDENTIALS,
    HandshakeRefused.CAUSE_VERSION: StationRefused.REASON_NO_COMMON_VERSION,
    HandshakeRefused.CAUSE_TOO_MANY: StationRefused.REASON_TOO_MANY,
}

Key: TypeAlias = tuple[str, str, "StationRefused.Reason.ValueType"]
"""Tenant, station and reason."""


@dataclass(slots=True)
class _Attempts:
    remote_address: str
    offered: str
    first_time: datetime
    last_time: datetime
    count: int = 1

    def add(self, newer: "_Attempts") -> None:
        """Add attempts that came later."""
        self.remote_address, self.offered, self.last_time = newer.remote_address, newer.offered, newer.last_time
        self.count += newer.count


class _Kinds:
    """Kinds of attempts, of known stations or of others: those that wait, and those that were told lately.

    Args:
        most: Kinds that wait at a time.
        most_told: Kinds that are stored in the time of QUIET.
    """

    def __init__(self, most: int, most_published: int) -> None:
        self._most = most
        self._most_published = most_published
        self._waiting: dict[Key, _Attempts] = {}
        self._published: dict[Key, float] = {}
        """When each kind was told last, the oldest first."""
        self._events: deque[float] = deque()
        """When events were told, the oldest first."""

    def add(self, key: Key, attempts: _Attempts) -> None:
        """Count attempts; of too many kinds, those that are new are not."""
        found = self._waiting.get(key)
        if found is not None:
            found.add(attempts)
        elif len(self._waiting) < self._most:
            self._waiting[key] = attempts

    def dequeue(self, now: float) -> tuple[dict[Key, _Attempts], int]:
        """Take out what is due; also return of how many of it there may be events, the first ones."""
        quiet_since = now - QUIET.total_seconds()
        while self._published and next(iter(self._published.values())) <= quiet_since:
            del self._published[next(iter(self._published))]
        while self._events and self._events[0] <= quiet_since:
            self._events.popleft()
        most = max(0, min(MOST_ROWS, self._most_published - len(self._published)))
        due = list(islice((key for key in self._waiting if key not in self._published), most))
        events = min(len(due), max(0, MOST_EVENTS - len(self._events)))
        self._published |= dict.fromkeys(due, now)
        self._events.extend([now] * events)
        # What is counted while they are stored is of the next time.
        return {key: self._waiting.pop(key) for key in due}, events

    def requeue(self, dequeued: Mapping[Key, _Attempts], events: int) -> None:
        """Have what was taken, and could not be stored, be due again."""
        for _ in range(events):
            self._events.pop()
        for key, attempts in dequeued.items():
            del self._published[key]
            newer = self._waiting.get(key)
            if newer is not None:
                attempts.add(newer)
            self._waiting[key] = attempts


class RefusedStations:
    """Counts attempts, and tells of them and stores them once a minute for each station and reason.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        observe: Is told of the reason of each attempt.
        retention: How long after its last attempt a refusal is kept. None: for ever.
        now: Returns seconds that never go back.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock = utc_now,
        observe: Callable[[int], None] | None = None,
        retention: timedelta | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._tenants = TenantDirectory(unit_of_work)
        self._now = now
        self._observe = observe
        self._clock = clock
        self._retention = retention
        self._of_known = _Kinds(MOST_KNOWN, MOST_KNOWN)
        self._of_others = _Kinds(MOST_KINDS, MOST_EVENTS)
        self.jobs = [
            Job("refused stations", INTERVAL, self.publish),
            Job("refused stations to forget", RETENTION_INTERVAL, self.forget),
        ]

    def add(
        self,
        tenant_id: str,
        station_id: str,
        reason: "StationRefused.Reason.ValueType",
        remote_address: str,
        offered: str = "",
    ) -> None:
        """Count an attempt."""
        if self._observe is not None:
            self._observe(reason)
        now = self._clock()
        # Whoever is not let in writes what he likes, and a column takes no more.
        key = (_cut(tenant_id, 36) or DEFAULT_TENANT, _cut(station_id, 48), reason)
        attempts = _Attempts(_cut(remote_address, 100), _cut(offered, MOST_OFFERED), now, now)
        (self._of_known if reason in _OF_KNOWN else self._of_others).add(key, attempts)

    def add_of_edge(self, refused: HandshakeRefused) -> None:
        """Count an attempt that an edge refused."""
        reason = _CAUSES.get(refused.cause, StationRefused.REASON_UNSPECIFIED)
        self.add(refused.tenant_id, refused.station_id, reason, refused.remote_address, refused.offered)

    async def publish(self) -> None:
        """Tell of what is due.

        Raises:
            DatabaseUnavailable: When it can't be stored now; it is told later.
        """
        now = self._now()
        for kinds in (self._of_known, self._of_others):
            due, events = kinds.dequeue(now)
            if not due:
                continue
            try:
                await self._store(due, events)
            except Exception:
                kinds.requeue(due, events)
                raise

    async def forget(self) -> None:
        """Remove what did not happen for as long as it is kept."""
        if self._retention is None:
            return
        before, found = self._clock() - self._retention, True
        while found:
            async with self._unit_of_work() as work:
                found = await HandshakeRefusals(work.session).remove_before(before, MOST_ROWS)
                await work.commit()

    async def _store(self, due: Mapping[Key, _Attempts], events: int) -> None:
        missing = {tenant_id for tenant_id in {key[0] for key in due} if not await self._tenants.exists(tenant_id)}
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        published: list[Event] = []
        for (tenant_id, station_id, reason), attempts in due.items():
            unknown = ""
            if tenant_id in missing:
                # Whoever mistyped the tenant in the URL looks for it somewhere.
                tenant_id, unknown, reason = DEFAULT_TENANT, tenant_id, StationRefused.REASON_UNKNOWN_TENANT
            _add_row(rows, (tenant_id, station_id, unknown), reason, attempts)
            if len(published) < events:
                published.append(_event(tenant_id, station_id, unknown, reason, attempts))
        async with self._unit_of_work() as work:
            refusals = HandshakeRefusals(work.session)
            await refusals.add_all(rows.values())
            if any(reason not in _OF_KNOWN for _, _, reason in due):
                for tenant_id in sorted({key[0] for key in rows}):
                    await refusals.retain_unregistered(tenant_id, MOST_UNREGISTERED)
            for event in published:
                work.emit(event)
            await work.commit()


def _cut(text: str, most: int) -> str:
    return text.replace("\0", "")[:most]


def _add_row(
    rows: dict[tuple[str, str, str], dict[str, Any]], key: tuple[str, str, str], reason: int, attempts: _Attempts
) -> None:
    row = {
        **dict(zip(("tenant_id", "station_id", "unknown_tenant_id"), key, strict=True)),
        "reason": reason,
        "remote_address": attempts.remote_address,
        "offered": attempts.offered,
        "attempts": attempts.count,
        "first_time": attempts.first_time,
        "last_time": attempts.last_time,
    }
    # A station may have been refused for several reasons; the latest counts.
    other = rows.get(key)
    if other is not None:
        latest = max(row, other, key=lambda one: one["last_time"])
        total = {
            "attempts": row["attempts"] + other["attempts"],
            "first_time": min(row["first_time"], other["first_time"]),
        }
        row = {**latest, **total}
    rows[key] = row


def _event(
    tenant_id: str,
    station_id: str,
    unknown_tenant_id: str,
    reason: "StationRefused.Reason.ValueType",
    attempts: _Attempts,
) -> Event:
    name = StationRefused.Reason.Name(reason).removeprefix("REASON_").lower().replace("_", " ")
    about = {"tenant_id": unknown_tenant_id or tenant_id, "station_id": station_id, "address": attempts.remote_address}
    logger.info("a station was refused: %s", name, extra={**about, "attempts": attempts.count})
    body = StationRefused(
        reason=reason,
        remote_address=attempts.remote_address,
        attempts=attempts.count,
        offered=attempts.offered,
        unknown_tenant_id=unknown_tenant_id,
    )
    return Event(tenant_id=tenant_id, station_id=station_id, station_refused=body)
