"""Times of the last use of keys: collected in memory, stored in batches."""

from collections import defaultdict
from datetime import datetime, timedelta

from citrine_core.db import UnitOfWorkFactory
from citrine_core.jobs import Job
from citrine_core.resources.keys.repository import KeyRepository

__all__ = ["KeyUses"]

INTERVAL = timedelta(minutes=1)
"""Interval at which they are stored."""


class KeyUses:
    """Collects the uses of keys, so that an rpc costs no query.

    Args:
        unit_of_work: Opens units of work to store them.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self._unit_of_work = unit_of_work
        self._minutes: dict[str, datetime] = {}
        self.job = Job("last uses of keys", INTERVAL, self.store)

    def add(self, key_id: str, time: datetime) -> None:
        """Record a use."""
        self._minutes[key_id] = time

    async def store(self) -> None:
        """Store the collected uses, with one statement per minute of use.

        Raises:
            DatabaseUnavailable: When they can't be stored now; the next call stores them.
        """
        if not self._minutes:
            return
        used, self._minutes = self._minutes, {}
        by_minute: dict[datetime, list[str]] = defaultdict(list)
        for key_id, time in sorted(used.items()):
            by_minute[time.replace(second=0, microsecond=0)].append(key_id)
        try:
            async with self._unit_of_work() as work:
                work.is_routine = True
                for minute, key_ids in sorted(by_minute.items()):
                    await KeyRepository(work.session).use_all(key_ids, minute)
                await work.commit()
        except BaseException:
            self._minutes = used | self._minutes
            raise
