"""Numbers of transactions whose stations leave the id to the CSMS (docs/adr/0037)."""

from citrine_core.blocks.transactions.numbers.assignment import assign_numbers, queued_offline
from citrine_core.blocks.transactions.numbers.repository import forget_numbers

__all__ = ["assign_numbers", "forget_numbers", "queued_offline"]
