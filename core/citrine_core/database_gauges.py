"""Gauges that are counted in the database when somebody reads the metrics."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.availability.queries import count_connectors
from citrine_core.blocks.transactions.queries import count_running
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable, Overloaded
from citrine_core.resources.certificate_store.queries import count_certificates
from citrine_core.resources.stations.queries import count_stations

__all__ = ["OF_DATABASE", "DatabaseGauges"]

logger = logging.getLogger(__name__)

INTERVAL = 15.0
"""Seconds between one count and the next at least."""

SHARE = 100
"""The pause after a count is at least so many times as long as it took: a large installation is counted less often."""

PATIENCE = 2.0
"""Seconds that a reader of the metrics waits for a count; then it gets the one before."""


@dataclass(frozen=True, slots=True)
class _Count:
    name: str
    about: str
    label: str
    read: Callable[[AsyncSession], Awaitable[Mapping[str, int]]]
    """Counts in one statement."""


_COUNTS: Sequence[_Count] = (
    _Count(
        "stations",
        "Stations of the whole database: connected and accepted, connected but pending, rejected or not booted,"
        " offline, never_seen, held, or disabled",
        "state",
        count_stations,
    ),
    _Count(
        "connectors",
        "Connectors of the whole database by their last status; offline where their station is not connected",
        "status",
        count_connectors,
    ),
    _Count(
        "certificates",
        "Certificates of the whole database's certificate stores: valid, expiring soon, or expired",
        "state",
        count_certificates,
    ),
    _Count(
        "transactions_running",
        "Transactions of the whole database that are under way, by charging state",
        "charging_state",
        count_running,
    ),
)

OF_DATABASE = frozenset(one.name for one in _COUNTS)
"""Names of the gauges that every core of one database shows alike."""


class DatabaseGauges:
    """Counts what is in the database, for all tenants together, and not more often than it is worth.

    Args:
        unit_of_work: Opens transactions.
        registry: Where the gauges are shown.
        now: Returns seconds that never go back.
    """

    def __init__(
        self, unit_of_work: UnitOfWorkFactory, registry: CollectorRegistry, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._unit_of_work = unit_of_work
        self._now = now
        self._next = float("-inf")
        self._counting: asyncio.Task[None] | None = None
        self._gauges = [
            (one, Gauge(f"citrine_core_{one.name}", one.about, [one.label], registry=registry)) for one in _COUNTS
        ]

    async def refresh(self) -> None:
        """Count anew if it is due, together with others who ask; return once it is done, or after PATIENCE seconds."""
        if self._counting is None:
            if self._now() < self._next:
                return
            self._counting = asyncio.create_task(self._count(), name="count for the metrics")
            self._counting.add_done_callback(self._done)
        await asyncio.wait({self._counting}, timeout=PATIENCE)

    async def stop(self) -> None:
        """Give up a count that is under way."""
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.wait({self._counting})

    async def _count(self) -> None:
        began = self._now()
        counted = []
        try:
            async with self._unit_of_work(read_only=True) as work:
                counted = [(gauge, await one.read(work.session)) for one, gauge in self._gauges]
        except (DatabaseUnavailable, Overloaded):
            logger.warning("what is in the database could not be counted for the metrics")
        finally:
            if not counted:
                # No number is better than one that was true some time ago.
                for _, gauge in self._gauges:
                    gauge.clear()
        for gauge, counts in counted:
            for label, count in counts.items():
                gauge.labels(label).set(count)
        ended = self._now()
        self._next = ended + max(INTERVAL, SHARE * (ended - began))

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._counting = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a count for the metrics failed", exc_info=error)
            self._next = self._now() + INTERVAL
