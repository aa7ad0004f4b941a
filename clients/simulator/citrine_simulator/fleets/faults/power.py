"""The fault of a power cut."""

from typing import Any, Literal

from citrine_simulator.fleets.faults.base import TimedFault
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Duration

__all__ = ["PowerCut"]


class PowerCut(TimedFault):
    """The station loses its power: it sends no close frame, and all state that is not stored is lost.

    The queue of transaction messages, open transactions and meter registers are stored, as in real stations.
    """

    kind: Literal["power_cut"]
    off_for: Duration = 5
    """Time without power."""
    then: Literal["end", "resume", "forget"] = "end"
    """Fate of open transactions: they end with PowerLoss, are resumed, or are never reported again."""

    def settings(self) -> dict[str, Any]:
        """Return the fate of open transactions."""
        return {"after_power_loss": self.then}

    async def strike(self, member: Member) -> None:
        """Cut the power and restore it."""
        open_before = [one.transaction_id for one in member.station.parts.charging.transactions]
        member.struck(self.kind, off_for=self.off_for, transactions=open_before)
        await member.without_power(self.off_for)
