"""The fault of a long time offline, whose messages arrive all at once."""

from typing import Literal

from pydantic import Field

from citrine_simulator.fleets.faults.base import Fault
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Duration

__all__ = ["Backlog"]

SHARE_OF_CHARGING = 0.8
"""Largest share of the time in which EVs charge; the rest is between two EVs."""


class Backlog(Fault):
    """The station was offline before its first connection, and EVs charged.

    It sends these transactions when it is accepted, with past timestamps and ``offline: true``. Energy, samples and
    timestamps are those of real charging times.
    """

    kind: Literal["backlog"]
    offline_for: Duration = 24 * 3600
    """Time for which the station was offline."""
    transactions: int = Field(default=5, ge=1, le=200)
    """Number of EVs that charged in that time, one after the other."""
    charging_for: Duration = 3600
    """Longest charging time of each EV."""
    sample_interval: Duration = Field(default=900, ge=1)
    """Interval between samples."""

    @property
    def comes_first(self) -> bool:
        """Always True: it ends before the station connects."""
        return True

    async def run(self, member: Member) -> None:
        """Simulate the offline time on the station's clock, up to the present."""
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
