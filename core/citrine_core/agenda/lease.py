"""A lease: one core at a time does what one core is enough for."""

from datetime import datetime, timedelta

from citrine_core.agenda.repository import LeaseRepository
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWorkFactory

__all__ = ["CHECK_TIME", "LEASE_TIME", "Lease"]

LEASE_TIME = timedelta(seconds=20)
"""Time after its last renewal at which another core may take the lease."""

RENEWAL_TIME = timedelta(seconds=6)
"""Age at which the holder renews it."""

CHECK_TIME = timedelta(seconds=10)
"""Interval at which another core checks that the holder renews it."""


class Lease:
    """A lease on something that every core may do, and one core at a time needs to do.

    It saves work and does not exclude: a core that was suspended may believe for a moment that it still holds the
    lease, and a core that does not see the holder renew it acts at once. What is leased must therefore be safe to be
    done by two cores: rows are claimed by conditional updates, or the work is idempotent.

    Times are those of the cores' clocks. A wrong clock makes the lease move early or late, and nothing worse.

    Args:
        name: What is leased.
        core_id: This core.
        unit_of_work: Opens transactions.
        clock: Returns the time now.
    """

    def __init__(self, name: str, core_id: str, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._name = name
        self._core_id = core_id
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._renewed: datetime | None = None
        self._checked: datetime | None = None
        self._seen: tuple[str, datetime] | None = None
        """The other core that holds it, and when it renewed it, as of the last check."""
        self._lives = False
        """Whether that core renewed it between the last two checks."""

    @property
    def is_valid(self) -> bool:
        """Whether this core holds it, as far as it knows."""
        return self._renewed is not None and self._clock() < self._renewed + LEASE_TIME

    async def acts(self) -> bool:
        """Return whether this core does what is leased: it holds the lease, or sees nobody who does.

        Takes and renews the lease where that is due. Most calls need no statement.

        Raises:
            DatabaseUnavailable: When that is not known now.
        """
        now = self._clock()
        if self.is_valid:
            assert self._renewed is not None
            return self._renewed + RENEWAL_TIME > now >= self._renewed or await self._claim(now)
        if self._checked is not None and self._checked <= now < self._checked + CHECK_TIME:
            return not self._lives
        self._checked, self._renewed = now, None
        async with self._unit_of_work(read_only=True) as work:
            found = await LeaseRepository(work.session).find(self._name)
        if found is None or found.expire_time <= now or found.core_id == self._core_id:
            return await self._claim(now)
        seen = (found.core_id, found.renew_time)
        self._lives = self._seen is not None and self._seen != seen
        self._seen = seen
        return not self._lives

    async def release(self) -> None:
        """Let another core take it at once."""
        if not self.is_valid:
            return
        self._renewed = None
        async with self._unit_of_work() as work:
            work.is_routine = True
            await LeaseRepository(work.session).release(self._name, self._core_id, self._clock())
            await work.commit()

    async def _claim(self, now: datetime) -> bool:
        async with self._unit_of_work() as work:
            work.is_routine = True
            is_claimed = await LeaseRepository(work.session).claim(self._name, self._core_id, now, now + LEASE_TIME)
            await work.commit()
        self._renewed = now if is_claimed else None
        if not is_claimed:
            # Another core was faster, and lives.
            self._checked, self._seen, self._lives = now, None, True
        return is_claimed
