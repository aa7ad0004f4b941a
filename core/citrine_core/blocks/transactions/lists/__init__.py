"""Lists of transactions and of their events, by what those who read them look for."""

from citrine_core.blocks.transactions.lists.repository import Looked, TransactionLists

__all__ = ["Looked", "TransactionLists"]
