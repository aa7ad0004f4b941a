"""What every fault has, and the two ways in which faults strike."""

import asyncio
from typing import Any, Self

from pydantic import model_validator

from citrine_simulator.errors import UsageError
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Duration, Share, Table

__all__ = ["Fault", "OccasionalFault", "TimedFault"]


class Fault(Table):
    """A fault as the file describes it; what it needs to know of a station it keeps in closures.

    A subclass adds ``kind: Literal["its_name"]`` and the keys it understands.
    """

    share: Share = 1
    """Share of the group's stations that have this fault; which ones follows from the seed."""

    @property
    def comes_first(self) -> bool:
        """Whether it has happened before the station first connects."""
        return False

    def settings(self) -> dict[str, Any]:
        """Return fields of StationConfig that the station must have for it."""
        return {}

    def attach(self, member: Member) -> None:
        """Get ready on a station that is not built yet."""

    async def run(self, member: Member) -> None:
        """Strike while the station is in use, until cancelled."""


class TimedFault(Fault):
    """A fault that strikes at certain times."""

    at: list[Duration] = []
    """When it strikes, counted from when the station is switched on."""
    every: Duration | None = None
    """About how often it strikes; each time as long as this, more or less by half."""

    @model_validator(mode="after")
    def _strikes_at_all(self) -> Self:
        if not self.at and not self.every:
            raise ValueError("needs at, every or both")
        return self

    async def run(self, member: Member) -> None:
        """Strike at each of the times, and every so often."""
        async with asyncio.TaskGroup() as tasks:
            for time in self.at:
                tasks.create_task(self._strike_in(time - member.elapsed, member))
            if self.every:
                tasks.create_task(self._strike_again_and_again(self.every, member))

    async def strike(self, member: Member) -> None:
        """Strike once; a station without power is spared."""
        raise NotImplementedError

    async def _strike_again_and_again(self, every: float, member: Member) -> None:
        rng = member.random_of(f"every {self!r}")
        while True:
            await self._strike_in(every * rng.uniform(0.5, 1.5), member)

    async def _strike_in(self, seconds: float, member: Member) -> None:
        await asyncio.sleep(max(0.0, seconds))
        try:
            await self.strike(member)
        except UsageError:
            # It is switched off at this moment.
            return


class OccasionalFault(Fault):
    """A fault that strikes on some of the occasions it has."""

    probability: Share = 0.1
    """How likely it strikes on each occasion."""
    after: Duration = 0
    """Since when it strikes, counted from when the station is switched on."""
    until: Duration | None = None
    """Until when it strikes; to the end by default."""

    def strikes(self, member: Member, chance: float) -> bool:
        """Return whether it strikes now; ``chance`` is a random number from 0 to 1."""
        return (
            chance < self.probability
            and self.after <= member.elapsed
            and (self.until is None or member.elapsed < self.until)
        )
