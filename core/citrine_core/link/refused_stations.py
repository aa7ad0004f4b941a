"""Refused handshakes: published as events with their reason, and the last one of each station is stored."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeAlias

from citrine.api.v1.stations_pb2 import HandshakeRefusal
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
"""Interval of publication."""

IDLE_INTERVAL = timedelta(minutes=1)
"""Interval while there is nothing to publish: an attempt ends it."""

QUIET = timedelta(minutes=1)
"""Time for which further attempts of the same kind are only counted."""

MOST_EVENTS = 60
"""Events of this core within QUIET, for known stations and for others each: a client that tries names by the thousand
must not fill the database."""

MOST_ROWS = 500
"""Largest number of rows stored in one transaction."""

MOST_KINDS = 1000
"""Kinds of attempts by unknown stations that are counted at a time. They never displace those of known stations."""

MOST_KNOWN = 20_000
"""Kinds of attempts by known stations that are counted at a time."""

MOST_SOURCES = 200
"""Sources of failed TLS handshakes that are counted at a time, and whose last refusal is retained."""

MOST_UNREGISTERED = 500
"""Ids without a station whose last refusal is retained, per tenant."""

MOST_DETAIL = 100
"""Characters of what TLS says that are stored."""

MOST_OFFERED = 100
"""Characters of the offered subprotocols that are stored."""

RETENTION_INTERVAL = timedelta(hours=1)
"""Interval of the job that deletes old refusals."""

_OF_KNOWN = frozenset(
    {
        HandshakeRefusal.REASON_WRONG_PASSWORD,
        HandshakeRefusal.REASON_NO_PASSWORD,
        HandshakeRefusal.REASON_OTHER_USER_NAME,
        HandshakeRefusal.REASON_DISABLED,
        HandshakeRefusal.REASON_CERTIFICATE_NAME,
        HandshakeRefusal.REASON_CERTIFICATE_OWNER,
        HandshakeRefusal.REASON_CERTIFICATE_EXPIRED,
        HandshakeRefusal.REASON_CERTIFICATE_REVOKED,
        HandshakeRefusal.REASON_CERTIFICATE_OF_OTHER_STATION,
        HandshakeRefusal.REASON_CERTIFICATE_MALFORMED,
        HandshakeRefusal.REASON_LOWER_SECURITY_PROFILE,
        HandshakeRefusal.REASON_VERSION_NOT_ALLOWED,
        HandshakeRefusal.REASON_CERTIFICATE_STATUS_UNKNOWN,
        HandshakeRefusal.REASON_QUOTA,
    }
)
"""Reasons that imply a station of this id, so their number of kinds is bounded by the number of stations."""

_CAUSES = {
    HandshakeRefused.CAUSE_CREDENTIALS: HandshakeRefusal.REASON_MALFORMED_CREDENTIALS,
    HandshakeRefused.CAUSE_VERSION: HandshakeRefusal.REASON_NO_COMMON_VERSION,
    HandshakeRefused.CAUSE_TOO_MANY: HandshakeRefusal.REASON_TOO_MANY,
}

_TLS_CAUSES = {
    HandshakeRefused.CAUSE_TLS: HandshakeRefusal.REASON_TLS,
    HandshakeRefused.CAUSE_NO_CERTIFICATE: HandshakeRefusal.REASON_NO_CERTIFICATE,
    HandshakeRefused.CAUSE_CERTIFICATE_UNTRUSTED: HandshakeRefusal.REASON_CERTIFICATE_UNTRUSTED,
    HandshakeRefused.CAUSE_CERTIFICATE_EXPIRED: HandshakeRefusal.REASON_CERTIFICATE_EXPIRED,
    HandshakeRefused.CAUSE_CERTIFICATE_REVOKED: HandshakeRefusal.REASON_CERTIFICATE_REVOKED,
}

Key: TypeAlias = tuple[str, str, "HandshakeRefusal.Reason.ValueType", str]
"""Tenant, station and reason; and the host where TLS failed, so that no station is known."""


@dataclass(slots=True)
class _Attempts:
    remote_address: str
    offered: str
    detail: str
    first_time: datetime
    last_time: datetime
    count: int = 1

    def add(self, newer: "_Attempts") -> None:
        """Add attempts that came later."""
        self.remote_address, self.offered, self.detail = newer.remote_address, newer.offered, newer.detail
        self.last_time = newer.last_time
        self.count += newer.count


class _Kinds:
    """Kinds of attempts, by known stations or by others: those that wait, and those that were published recently.

    Args:
        most: Largest number of kinds that wait.
        most_published: Largest number of kinds that are stored within QUIET.
        most_events: Largest number of events within QUIET.
    """

    def __init__(self, most: int, most_published: int, most_events: int = MOST_EVENTS) -> None:
        self._most_events = most_events
        self._most = most
        self._most_published = most_published
        self._waiting: dict[Key, _Attempts] = {}
        self._published: dict[Key, float] = {}
        """When each kind was last published, the oldest first."""
        self._events: deque[float] = deque()
        """When events were published, the oldest first."""

    def add(self, key: Key, attempts: _Attempts) -> None:
        """Count attempts. If too many kinds wait, a new kind is dropped."""
        found = self._waiting.get(key)
        if found is not None:
            found.add(attempts)
        elif len(self._waiting) < self._most:
            self._waiting[key] = attempts

    def __len__(self) -> int:
        return len(self._waiting)

    def dequeue(self, now: float) -> tuple[dict[Key, _Attempts], int]:
        """Dequeue the due kinds; also return for how many of them, from the first, an event may be published."""
        quiet_since = now - QUIET.total_seconds()
        while self._published and next(iter(self._published.values())) <= quiet_since:
            del self._published[next(iter(self._published))]
        while self._events and self._events[0] <= quiet_since:
            self._events.popleft()
        most = max(0, min(MOST_ROWS, self._most_published - len(self._published)))
        due = list(islice((key for key in self._waiting if key not in self._published), most))
        events = min(len(due), max(0, self._most_events - len(self._events)))
        self._published |= dict.fromkeys(due, now)
        self._events.extend([now] * events)
        # Attempts that arrive while these are stored belong to the next publication.
        return {key: self._waiting.pop(key) for key in due}, events

    def requeue(self, dequeued: Mapping[Key, _Attempts], events: int) -> None:
        """Requeue what was dequeued and could not be stored."""
        for _ in range(events):
            self._events.pop()
        for key, attempts in dequeued.items():
            del self._published[key]
            newer = self._waiting.get(key)
            if newer is not None:
                attempts.add(newer)
            self._waiting[key] = attempts


class RefusedStations:
    """Counts refused attempts; publishes and stores them once a minute for each station and reason.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        observe: Called with the reason of each attempt.
        retention: How long after its last attempt a refusal is retained. None: for ever.
        now: Returns monotonic seconds.
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
        self._of_sources = _Kinds(MOST_SOURCES, MOST_SOURCES, most_events=0)
        self._one_at_a_time = asyncio.Lock()
        self._publishing = Job("refused stations", INTERVAL, self.publish, idle_interval=IDLE_INTERVAL)
        self.jobs = [
            self._publishing,
            Job("refused stations to forget", RETENTION_INTERVAL, self.forget, is_shared=True),
        ]

    def add(
        self,
        tenant_id: str,
        station_id: str,
        reason: "HandshakeRefusal.Reason.ValueType",
        remote_address: str,
        offered: str = "",
    ) -> None:
        """Count an attempt."""
        if self._observe is not None:
            self._observe(reason)
        now = self._clock()
        # A refused client may send any text. Columns have limits.
        key = (_cut(tenant_id, 36) or DEFAULT_TENANT, _cut(station_id, 48), reason, "")
        attempts = _Attempts(_cut(remote_address, 100), _cut(offered, MOST_OFFERED), "", now, now)
        (self._of_known if reason in _OF_KNOWN else self._of_others).add(key, attempts)
        self._publishing.rouse()

    def add_failed_tls(self, reason: "HandshakeRefusal.Reason.ValueType", remote_address: str, detail: str) -> None:
        """Count a TLS handshake that failed. Nobody knows of which station: it is shown to the default tenant."""
        if self._observe is not None:
            self._observe(reason)
        now = self._clock()
        host = remote_address.rpartition(":")[0].removeprefix("[").removesuffix("]")
        attempts = _Attempts(_cut(remote_address, 100), "", _cut(detail, MOST_DETAIL), now, now)
        self._of_sources.add((DEFAULT_TENANT, "", reason, _cut(host, 45) or "unknown"), attempts)
        self._publishing.rouse()

    def add_of_edge(self, refused: HandshakeRefused) -> None:
        """Count an attempt that an edge refused."""
        if refused.cause in _TLS_CAUSES:
            self.add_failed_tls(_TLS_CAUSES[refused.cause], refused.remote_address, refused.detail)
            return
        reason = _CAUSES.get(refused.cause, HandshakeRefusal.REASON_UNSPECIFIED)
        self.add(refused.tenant_id, refused.station_id, reason, refused.remote_address, refused.offered)

    async def publish(self) -> bool:
        """Publish and store what is due; return whether anything waits for its turn.

        What was counted before the call is stored when it returns, also if another call dequeued it.

        Raises:
            DatabaseUnavailable: When it can't be stored now. It is requeued.
        """
        async with self._one_at_a_time:
            now = self._now()
            for kinds in (self._of_known, self._of_others, self._of_sources):
                due, events = kinds.dequeue(now)
                if not due:
                    continue
                try:
                    await self._store(due, events)
                except Exception:
                    kinds.requeue(due, events)
                    raise
        return bool(self._of_known or self._of_others or self._of_sources)

    async def forget(self) -> None:
        """Delete refusals without an attempt within the retention."""
        if self._retention is None:
            return
        before, found = self._clock() - self._retention, True
        while found:
            async with self._unit_of_work() as work:
                found = await HandshakeRefusals(work.session).remove_before(before, MOST_ROWS)
                await work.commit()

    async def _store(self, due: Mapping[Key, _Attempts], events: int) -> None:
        missing = {tenant_id for tenant_id in {key[0] for key in due} if not await self._tenants.exists(tenant_id)}
        rows: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        published: list[Event] = []
        for (tenant_id, station_id, reason, source), attempts in due.items():
            unknown = ""
            if tenant_id in missing:
                # The URL names no tenant that exists. The refusal is shown to the default tenant.
                tenant_id, unknown, reason = DEFAULT_TENANT, tenant_id, HandshakeRefusal.REASON_UNKNOWN_TENANT
            _add_row(rows, (tenant_id, station_id, unknown, source), reason, attempts)
            if len(published) < events:
                published.append(_event(tenant_id, station_id, unknown, reason, attempts))
        async with self._unit_of_work() as work:
            refusals = HandshakeRefusals(work.session)
            await refusals.add_all(rows.values())
            if any(source for *_, source in due):
                await refusals.retain_sources(DEFAULT_TENANT, MOST_SOURCES)
            elif any(reason not in _OF_KNOWN for _, _, reason, _ in due):
                for tenant_id in sorted({key[0] for key in rows}):
                    await refusals.retain_unregistered(tenant_id, MOST_UNREGISTERED)
            for event in published:
                work.emit(event)
            await work.commit()


def _cut(text: str, most: int) -> str:
    return text.replace("\0", "")[:most]


def _add_row(
    rows: dict[tuple[str, str, str, str], dict[str, Any]],
    key: tuple[str, str, str, str],
    reason: int,
    attempts: _Attempts,
) -> None:
    row = {
        **dict(zip(("tenant_id", "station_id", "unknown_tenant_id", "source"), key, strict=True)),
        "reason": reason,
        "remote_address": attempts.remote_address,
        "offered": attempts.offered,
        "detail": attempts.detail,
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
    reason: "HandshakeRefusal.Reason.ValueType",
    attempts: _Attempts,
) -> Event:
    name = HandshakeRefusal.Reason.Name(reason).removeprefix("REASON_").lower().replace("_", " ")
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
