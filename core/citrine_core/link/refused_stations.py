"""Tells subscribers which stations are not let in, and why."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from citrine.edge.v1.link_pb2 import HandshakeRefused
from citrine.events.v1.events_pb2 import Event, StationRefused
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable
from citrine_core.ids import DEFAULT_TENANT
from citrine_core.jobs import Job
from citrine_core.resources.tenants import TenantDirectory

__all__ = ["QUIET", "RefusedStations"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=1)
"""How often it is looked for what to tell."""

QUIET = timedelta(minutes=1)
"""How long attempts of the same kind are only counted."""

MOST_EVENTS = 60
"""Events of this core in the time of QUIET: whoever tries names by the thousand must not fill the database."""

MOST_KINDS = 1000
"""Kinds of attempts that are counted at a time."""

MOST_OFFERED = 100
"""Characters of the subprotocols that are told."""

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
    count: int = 0


class RefusedStations:
    """Counts attempts, and tells of them once a minute for each station and reason.

    Args:
        unit_of_work: Opens transactions.
        now: Returns seconds that never go back.
        observe: Is told of the reason of each attempt.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        now: Callable[[], float] = time.monotonic,
        observe: Callable[[int], None] | None = None,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._tenants = TenantDirectory(unit_of_work)
        self._now = now
        self._observe = observe
        self._waiting: dict[Key, _Attempts] = {}
        self._told: dict[Key, float] = {}
        """When each kind was told last, the oldest first."""
        self.job = Job("refused stations", INTERVAL, self.tell)

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
        key = (tenant_id or DEFAULT_TENANT, station_id, reason)
        found = self._waiting.get(key)
        if found is None:
            if len(self._waiting) >= MOST_KINDS:
                return
            found = self._waiting[key] = _Attempts(remote_address, offered)
        found.remote_address, found.offered, found.count = remote_address[:100], offered[:MOST_OFFERED], found.count + 1

    def add_of_edge(self, refused: HandshakeRefused) -> None:
        """Count an attempt that an edge refused."""
        reason = _CAUSES.get(refused.cause, StationRefused.REASON_UNSPECIFIED)
        self.add(refused.tenant_id, refused.station_id, reason, refused.remote_address, refused.offered)

    async def tell(self) -> None:
        """Tell of what is due.

        Raises:
            DatabaseUnavailable: When it can't be stored now; it is told later.
        """
        now = self._now()
        while self._told and next(iter(self._told.values())) + QUIET.total_seconds() <= now:
            del self._told[next(iter(self._told))]
        due = [key for key in self._waiting if key not in self._told][: max(0, MOST_EVENTS - len(self._told))]
        if not due:
            return
        events = []
        for tenant_id, station_id, reason in due:
            attempts = self._waiting[tenant_id, station_id, reason]
            name = StationRefused.Reason.Name(reason).removeprefix("REASON_").lower().replace("_", " ")
            about = {"tenant_id": tenant_id, "station_id": station_id, "address": attempts.remote_address}
            logger.info("a station was refused: %s", name, extra={**about, "attempts": attempts.count})
            body = StationRefused(
                reason=reason,
                remote_address=attempts.remote_address,
                attempts=attempts.count,
                offered=attempts.offered,
            )
            if not await self._tenants.exists(tenant_id):
                # Whoever mistyped the tenant in the URL looks for it somewhere.
                body.reason, body.unknown_tenant_id = StationRefused.REASON_UNKNOWN_TENANT, tenant_id
                tenant_id = DEFAULT_TENANT
            events.append(Event(tenant_id=tenant_id, station_id=station_id, station_refused=body))
        # What is counted while they are stored is of the next time.
        counted = {key: self._waiting.pop(key) for key in due}
        self._told |= dict.fromkeys(due, now)
        try:
            await self._store(events)
        except DatabaseUnavailable:
            for key, attempts in counted.items():
                del self._told[key]
                self._waiting.setdefault(key, _Attempts(attempts.remote_address, attempts.offered))
                self._waiting[key].count += attempts.count
            raise

    async def _store(self, events: list[Event]) -> None:
        if not events:
            return
        async with self._unit_of_work() as work:
            for event in events:
                work.emit(event)
            await work.commit()
