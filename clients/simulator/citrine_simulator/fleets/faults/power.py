"""The power fails."""

from typing import Any, Literal

from citrine_simulator.fleets.faults.base import TimedFault
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Duration

__all__ = ["PowerCut"]


class PowerCut(TimedFault):
    """The station loses its power: no close frame, no farewell, and what it had not stored is forgotten.

    The queue of transaction messages, open transactions and meter registers are stored, as in real stations.
    """

    kind: Literal["power_cut"]
    off_for: Duration = 5
    """How long it has no power."""
    then: Literal["end", "resume", "forget"] = "end"
    """What becomes of open transactions: they end with PowerLoss, go on, or are never heard of again."""

    def settings(self) -> dict[str, Any]:
        """Say what becomes of open transactions."""
        return {"after_power_loss": self.then}

    async def strike(self, member: Member) -> None:
        """Cut the power, and give it back."""
        open_before = [one.transaction_id for one in member.station.parts.charging.transactions]
        member.struck(self.kind, off_for=self.off_for, transactions=open_before)
        await member.without_power(self.off_for)
