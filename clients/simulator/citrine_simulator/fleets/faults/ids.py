"""The fault of reused ids, as with many stations after a reboot."""

from typing import Literal

from citrine_simulator.events import Event
from citrine_simulator.fleets.faults.base import Fault
from citrine_simulator.fleets.ids import RestartingIds
from citrine_simulator.fleets.member import Member

__all__ = ["RepeatedIds"]


class RepeatedIds(Fault):
    """Message ids and, optionally, transaction ids are numbers that restart.

    This shows whether a CSMS confuses different messages or transactions with the same id.
    """

    kind: Literal["repeated_ids"]
    messages: bool = True
    """Whether message ids restart at 1 with every connection."""
    transactions: bool = False
    """Whether transaction ids, which begin with the station's id, restart at 1 after a power loss. The report lists
    each as a transaction of its own, with its `use_of_id`."""

    def attach(self, member: Member) -> None:
        """Replace the id generators of the station."""
        messages, transactions = RestartingIds(), RestartingIds(f"{member.station_id[-20:]}-")
        if self.messages:
            member.new_message_id = messages
        if self.transactions and member.config.version != "1.6":
            # In 1.6, the CSMS chooses them.
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
        if member.new_transaction_id is transactions:
            member.on_power.append(powered)
