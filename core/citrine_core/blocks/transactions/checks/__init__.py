"""What the core asks stations about their transactions, by itself and on request (E14).

Where events are missing, and where an open transaction is silent although its station is connected, the station is
asked with GetTransactionStatus. What it says is kept with the transaction; one that the station neither goes on with
nor has messages of is closed.
"""

from citrine_core.blocks.transactions.checks.models import TransactionCheck
from citrine_core.blocks.transactions.checks.repository import CheckRepository

__all__ = ["CheckRepository", "TransactionCheck"]
