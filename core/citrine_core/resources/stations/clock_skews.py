"""The skew of stations' clocks: measured from their messages, stored in batches."""

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.events.v1.events_pb2 import Event, StationClockChanged
from citrine_core.clock import utc_now
from citrine_core.db import UnitOfWork
from citrine_core.db.changes import change_time
from citrine_core.db.one_of import one_of
from citrine_core.resources.stations.models import Station
from citrine_core.rpc import to_duration
from citrine_core.services import Services

__all__ = ["INTERVAL", "ClockSkews", "StationKey"]

logger = logging.getLogger(__name__)

StationKey = tuple[str, str]
"""Tenant and station."""

INTERVAL = timedelta(seconds=15)
"""Interval at which measurements are stored."""

SAMPLES = 3
"""Messages in a measurement. A delayed message makes a clock look slow, so the message with the fastest clock
counts."""

NOTABLE = timedelta(seconds=1)
"""Smallest change that is stored: smaller ones are within the transmission time of messages."""

MAX_ROWS = 1000
"""Most stations stored in one transaction."""

_TABLE = Station.metadata.tables["stations"]

_KEY = (_TABLE.c.tenant_id, _TABLE.c.station_id)


class ClockSkews:
    """The clock skews of stations that this process has measured. All blocks share one instance.

    A measurement costs no statement: `store` writes the changes, and publishes an event if a clock goes out of
    tolerance or returns to it.
    """

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._tolerance = services.settings.station_clock_tolerance
        self._measured: dict[StationKey, tuple[timedelta, ...]] = {}
        self._stored: dict[StationKey, timedelta | None] = {}
        self._changed: set[StationKey] = set()

    @classmethod
    def of(cls, services: Services) -> "ClockSkews":
        """Return the instance of this process."""
        found: ClockSkews | None = services.shared.get(cls)
        if found is None:
            found = services.shared[cls] = cls(services)
        return found

    def measure(self, key: StationKey, skew: timedelta) -> None:
        """Record how far the time of a message, which was not queued, is ahead of its arrival."""
        self._measured[key] = (skew, *self._measured.get(key, ())[: SAMPLES - 1])
        self._changed.add(key)

    def get(self, key: StationKey) -> timedelta | None:
        """Return how far a clock is ahead of ours; None if this process does not know it (see `load`)."""
        measured = self._measured.get(key)
        return max(measured) if measured is not None else self._stored.get(key)

    async def load(self, session: AsyncSession, keys: Collection[StationKey]) -> None:
        """Load the stored skews of stations that this process does not know; usually there are none."""
        missing = [key for key in keys if key not in self._measured and key not in self._stored]
        if missing:
            self._stored |= dict.fromkeys(missing)
            self._stored |= {(row[0], row[1]): _skew_of(row[2]) for row in await _read(session, missing)}

    def forget(self, key: StationKey) -> None:
        """Discard the skew of a station that is removed."""
        for known in (self._measured, self._stored):
            known.pop(key, None)
        self._changed.discard(key)

    async def store(self) -> None:
        """Store the changes since the last call; called by a job."""
        while self._changed:
            keys = list(self._changed)[:MAX_ROWS]
            notable = [key for key in keys if self._is_notable(key)]
            if notable:
                async with self._unit_of_work() as work:
                    stored = await self._store(work, notable)
                    await work.commit()
                self._stored |= stored
            self._changed.difference_update(keys)

    def _is_notable(self, key: StationKey) -> bool:
        stored, measured = self._stored.get(key), self.get(key)
        return measured is not None and (stored is None or abs(measured - stored) >= NOTABLE)

    async def _store(self, work: UnitOfWork, keys: Sequence[StationKey]) -> dict[StationKey, timedelta]:
        now, stored, changes = self._clock(), {}, []
        for row in await _read(work.session, keys, for_update=True):
            key = (row[0], row[1])
            measured, before = self.get(key), _skew_of(row[2])
            if measured is None:
                continue
            stored[key] = measured
            is_off = self._tolerance is not None and abs(measured) > self._tolerance
            if before is not None and abs(measured - before) < NOTABLE and is_off == row[3]:
                continue
            milliseconds = measured // timedelta(milliseconds=1)
            changes.append((*key, milliseconds, now, is_off))
            if is_off != row[3]:
                self._publish(work, key, measured, is_off=is_off)
        await _write(work.session, changes)
        return stored

    @staticmethod
    def _publish(work: UnitOfWork, key: StationKey, skew: timedelta, *, is_off: bool) -> None:
        changed = StationClockChanged(clock_skew=to_duration(skew), clock_off=is_off)
        work.emit(Event(tenant_id=key[0], station_id=key[1], station_clock_changed=changed))
        logger.warning(
            "the clock of a station is off" if is_off else "the clock of a station is right again",
            extra={"station_id": key[1], "seconds": skew.total_seconds()},
        )


def _skew_of(milliseconds: int | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)


async def _read(session: AsyncSession, keys: Iterable[StationKey], *, for_update: bool = False) -> Sequence[Any]:
    query = select(*_KEY, _TABLE.c.clock_skew_ms, _TABLE.c.clock_is_off).where(one_of(_KEY, list(keys)))
    if for_update:
        query = query.order_by(*_KEY).with_for_update()
    return (await (await session.connection()).execute(query)).all()


async def _write(session: AsyncSession, changes: Sequence[tuple[Any, ...]]) -> None:
    if changes:
        names = ("b_tenant_id", "b_station_id", "skew", "time", "is_off")
        changed = await change_time(session, utc_now)
        await (await session.connection()).execute(
            update(_TABLE)
            .where(_TABLE.c.tenant_id == bindparam("b_tenant_id"), _TABLE.c.station_id == bindparam("b_station_id"))
            .values(
                clock_skew_ms=bindparam("skew"),
                clock_skew_time=bindparam("time"),
                clock_is_off=bindparam("is_off"),
                update_time=changed,
            ),
            [dict(zip(names, change, strict=True)) for change in changes],
        )
