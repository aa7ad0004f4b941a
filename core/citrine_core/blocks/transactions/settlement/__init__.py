"""Settlement of transactions: a settled transaction no longer changes, and its cost is final.

Most transactions are settled by their end, once all events are there. The others are settled from what is known: when
they are closed without an end, when their station says that missing events will not arrive, when they did not arrive in
time, or when an operator requests it.
"""

from citrine_core.blocks.transactions.settlement.jobs import INTERVAL, DueSettlements
from citrine_core.blocks.transactions.settlement.models import SettlementAction
from citrine_core.blocks.transactions.settlement.operations import Operation, SettlementOperations
from citrine_core.blocks.transactions.settlement.proofs import EndProofs
from citrine_core.blocks.transactions.settlement.repository import SettlementRepository
from citrine_core.blocks.transactions.settlement.rules import reopen, settle_by_events
from citrine_core.blocks.transactions.settlement.settlements import Settlements

__all__ = [
    "INTERVAL",
    "DueSettlements",
    "EndProofs",
    "Operation",
    "SettlementAction",
    "SettlementOperations",
    "SettlementRepository",
    "Settlements",
    "reopen",
    "settle_by_events",
]
