"""A day without a connection, and all of it comes at once."""

from typing import Literal

from pydantic import Field

from citrine_simulator.fleets.faults.base import Fault
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Duration

__all__ = ["Backlog"]

SHARE_OF_CHARGING = 0.8
"""Between two EVs there is at least a fifth of the time."""


class Backlog(Fault):
    """Before it first connects the station was offline for long, and EVs charged.

    Its transactions come with the timestamps of then and ``offline: true``, as soon as it is accepted.
    No time is compressed: energy, samples and timestamps are those of EVs that charge for that long.
    """

    kind: Literal["backlog"]
    offline_for: Duration = 24 * 3600
    """How long it was offline."""
    transactions: int = Field(default=5, ge=1, le=200)
    """How many EVs charged in that time, one after the other."""
    charging_for: Duration = 3600
    """How long each of them charged at most."""
    sample_interval: Duration = Field(default=900, ge=1)
    """How often their meter was read."""

    @property
    def comes_first(self) -> bool:
        """It is over when the station connects."""
        return True

    async def run(self, member: Member) -> None:
        """Let the time pass, from the past to the present."""
        slot = self.offline_for / self.transactions
        charging = min(self.charging_for, slot * SHARE_OF_CHARGING)
        member.struck(self.kind, offline_for=self.offline_for, transactions=self.transactions)
        member.clock.turn(-self.offline_for)
        for number in range(self.transactions):
            waiting = slot - charging
            member.clock.skip(waiting / 2)
            self._charge(member, member.tokens[number % len(member.tokens)], charging)
            member.clock.skip(waiting / 2)

    def _charge(self, member: Member, token: str, seconds: float) -> None:
        charging = member.station.parts.charging
        evse = charging.evse(1)
        speed, evse.meter.speed = evse.meter.speed, 1.0
        charging.plug_in(1)
        transaction = charging.authorize(1, {"idToken": token, "type": "ISO14443"})
        passed = 0.0
        while passed + self.sample_interval < seconds:
            member.clock.skip(self.sample_interval)
            passed += self.sample_interval
            charging.meter(transaction)
        member.clock.skip(seconds - passed)
        charging.stop(transaction, "StopAuthorized", "Local", {"idToken": token, "type": "ISO14443"})
        charging.unplug(1)
        evse.meter.speed = speed
