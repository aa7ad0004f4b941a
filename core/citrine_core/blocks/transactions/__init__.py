"""Functional block E, Transactions: from TransactionEvent to the stored transaction."""

from citrine_core.blocks.transactions.handlers import TransactionsHandlers
from citrine_core.blocks.transactions.models import Transaction, TransactionEvent
from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.blocks.transactions.servicer import TransactionsServicer

__all__ = [
    "Transaction",
    "TransactionEvent",
    "TransactionRepository",
    "TransactionsHandlers",
    "TransactionsServicer",
]
