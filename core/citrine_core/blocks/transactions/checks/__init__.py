"""Checks of transactions: the core asks stations about them, periodically and on request (E14).

If events are missing, or an open transaction is silent although its station is connected, the core sends
GetTransactionStatus. The answer is stored with the transaction. A transaction that neither continues nor has queued
messages is closed.
"""

from citrine_core.blocks.transactions.checks.models import TransactionCheck
from citrine_core.blocks.transactions.checks.repository import CheckRepository

__all__ = ["CheckRepository", "TransactionCheck"]
