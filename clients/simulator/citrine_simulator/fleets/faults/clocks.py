"""The clock is wrong."""

from datetime import UTC, datetime
from typing import Any, Literal

from citrine_simulator.fleets.faults.base import Fault, TimedFault
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Offset

__all__ = ["ClockJump", "WrongClock"]

FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a clock begins whose battery is empty."""


class WrongClock(Fault):
    """The clock is wrong from the beginning."""

    kind: Literal["wrong_clock"]
    offset: Offset = 0
    """How far it is ahead, or behind where negative."""
    drift: float = 0
    """By which share it runs too fast, or too slow where negative: 0.01 is 36 s an hour."""
    epoch: bool = False
    """Whether it begins on 1970-01-01 instead, as without a battery."""
    follows_csms: bool = False
    """Whether it is put right by the CSMS's answers, as it should be; until the first of them it is wrong anyway."""

    def settings(self) -> dict[str, Any]:
        """Say whether the station sets its clock."""
        return {"set_clock": self.follows_csms}

    def attach(self, member: Member) -> None:
        """Put the clock wrong."""
        if self.epoch:
            member.clock.turn_to(FIRST_DAY)
        member.clock.turn(self.offset)

    async def run(self, member: Member) -> None:
        """Let it drift."""
        member.clock.drift(self.drift)
        member.struck(self.kind, offset=self.offset, drift=self.drift, epoch=self.epoch)


class ClockJump(TimedFault):
    """The clock jumps, as when somebody sets it by hand; the CSMS's next answer with a time puts it right."""

    kind: Literal["clock_jump"]
    by: Offset
    """How far it jumps forward, or back where negative."""

    async def strike(self, member: Member) -> None:
        """Turn the clock."""
        member.struck(self.kind, by=self.by)
        member.clock.turn(self.by)
