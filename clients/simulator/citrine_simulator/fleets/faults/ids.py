"""Ids are used again, as many stations do after a reboot."""

from typing import Literal

from citrine_simulator.events import Event
from citrine_simulator.fleets.faults.base import Fault
from citrine_simulator.fleets.ids import RestartingIds
from citrine_simulator.fleets.member import Member

__all__ = ["RepeatedIds"]


class RepeatedIds(Fault):
    """Message ids, and transaction ids where wanted, are numbers that begin again.

    Whether a CSMS takes something else under a known id for the same is what this finds out.
    """

    kind: Literal["repeated_ids"]
    messages: bool = True
    """Whether message ids count from 1 again with every connection."""
    transactions: bool = False
    """Whether transaction ids count from 1 again after a loss of power; they begin with the station's id. The
    report has each as a transaction of its own, with its `use_of_id`."""

    def attach(self, member: Member) -> None:
        """Make ids that count."""
        messages, transactions = RestartingIds(), RestartingIds(f"{member.station_id[-20:]}-")
        if self.messages:
            member.new_message_id = messages
        if self.transactions:
            member.new_transaction_id = transactions

        def happened(event: Event) -> None:
            if event.name == "connected":
                messages.restart()
                member.struck(self.kind, ids="messages")

        def powered() -> None:
            transactions.restart()
            member.struck(self.kind, ids="transactions")

        if self.messages:
            member.on_event.append(happened)
        if self.transactions:
            member.on_power.append(powered)
