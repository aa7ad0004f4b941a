"""Base classes of faults: those that strike at certain times, and those that strike on some occasions."""

import asyncio
from typing import Any, Self

from pydantic import model_validator

from citrine_simulator.errors import UsageError
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Duration, Share, Table

__all__ = ["Fault", "OccasionalFault", "TimedFault"]


class Fault(Table):
    """A fault as described in the fleet file. State about a station belongs into closures, not into the fault.

    A subclass adds ``kind: Literal["its_name"]`` and its keys.
    """

    share: Share = 1
    """Share of the group's stations with this fault. The seed determines which ones."""

    @property
    def comes_first(self) -> bool:
        """Whether it happens before the station first connects."""
        return False

    def settings(self) -> dict[str, Any]:
        """Return the fields of StationConfig that the fault requires."""
        return {}

    def attach(self, member: Member) -> None:
        """Install the hooks of the fault, before the station is built."""

    async def run(self, member: Member) -> None:
        """Strike until cancelled, while the station is in use."""


class TimedFault(Fault):
    """A fault that strikes at certain times."""

    at: list[Duration] = []
    """Times at which it strikes, counted from the station's start."""
    every: Duration | None = None
    """Average interval at which it strikes; each interval varies by up to half."""

    @model_validator(mode="after")
    def _strikes_at_all(self) -> Self:
        if not self.at and not self.every:
            raise ValueError("needs at, every or both")
        return self

    async def run(self, member: Member) -> None:
        """Strike at each of the times and at the interval."""
        async with asyncio.TaskGroup() as tasks:
            for time in self.at:
                tasks.create_task(self._strike_in(time - member.elapsed, member))
            if self.every:
                tasks.create_task(self._strike_again_and_again(self.every, member))

    async def strike(self, member: Member) -> None:
        """Strike once. A UsageError, as of a station without power, is ignored."""
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
            # The station is switched off.
            return


class OccasionalFault(Fault):
    """A fault that strikes on some occasions, at random."""

    probability: Share = 0.1
    """Probability that it strikes on an occasion."""
    after: Duration = 0
    """Time from which it strikes, counted from the station's start."""
    until: Duration | None = None
    """Time until which it strikes; by default until the end of the run."""

    def strikes(self, member: Member, chance: float) -> bool:
        """Return whether it strikes now; ``chance`` is a random number from 0 to 1."""
        return (
            chance < self.probability
            and self.after <= member.elapsed
            and (self.until is None or member.elapsed < self.until)
        )
