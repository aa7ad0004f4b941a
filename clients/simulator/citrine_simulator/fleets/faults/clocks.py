"""Faults of the clock."""

from datetime import UTC, datetime
from typing import Any, Literal

from citrine_simulator.fleets.faults.base import Fault, TimedFault
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Offset

__all__ = ["ClockJump", "WrongClock"]

FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)
"""Initial time of a clock without a battery."""


class WrongClock(Fault):
    """The clock is wrong from the beginning."""

    kind: Literal["wrong_clock"]
    offset: Offset = 0
    """Time by which it is ahead, or behind if negative."""
    drift: float = 0
    """Share by which it runs too fast, or too slow if negative: 0.01 is 36 s per hour."""
    epoch: bool = False
    """Whether it begins at 1970-01-01 instead, as without a battery."""
    follows_csms: bool = False
    """Whether the CSMS's answers correct the clock, as they should. It is wrong until the first of them anyway."""

    def settings(self) -> dict[str, Any]:
        """Return whether the station sets its clock."""
        return {"set_clock": self.follows_csms}

    def attach(self, member: Member) -> None:
        """Set the clock wrong."""
        if self.epoch:
            member.clock.turn_to(FIRST_DAY)
        member.clock.turn(self.offset)

    async def run(self, member: Member) -> None:
        """Begin the drift."""
        member.clock.drift(self.drift)
        member.struck(self.kind, offset=self.offset, drift=self.drift, epoch=self.epoch)


class ClockJump(TimedFault):
    """The clock jumps, as if somebody set it. The CSMS's next answer with a time corrects it."""

    kind: Literal["clock_jump"]
    by: Offset
    """Time by which it jumps forward, or back if negative."""

    async def strike(self, member: Member) -> None:
        """Set the clock forward or back."""
        member.struck(self.kind, by=self.by)
        member.clock.turn(self.by)
