"""How transactions are settled: from then on nothing changes them, and what they cost is final.

Most are settled by their end, with all of their events. The others are settled from what is known: when they are closed
without an end, when their station says that what is missing will not come, when it did not come in time, or when an
operator wants it.
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
