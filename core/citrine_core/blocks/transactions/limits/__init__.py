"""How much transactions may take: money, energy, time, and what is left of a prepaid token (C17, E16, F07).

A limit is a row beside its transaction; transactions without one cost nothing. A job looks at the rows that are due,
and has the station stop what reached its limit. It takes the row before it asks, so that a crash loses nothing, and of
several cores one asks. A transaction that its station does not stop is throttled.
"""

from citrine_core.blocks.transactions.limits.beginning import LimitBeginnings, LimitedEvents
from citrine_core.blocks.transactions.limits.credit import credit_left
from citrine_core.blocks.transactions.limits.handlers import LimitHandlers
from citrine_core.blocks.transactions.limits.jobs import INTERVAL, LimitChecks
from citrine_core.blocks.transactions.limits.servicer import TransactionLimitsServicer
from citrine_core.blocks.transactions.limits.throttling import INTERVAL as THROTTLE_INTERVAL
from citrine_core.blocks.transactions.limits.throttling import ThrottleHandlers, Throttling
from citrine_core.blocks.transactions.limits.tokens import TokenWatch

__all__ = [
    "INTERVAL",
    "THROTTLE_INTERVAL",
    "LimitBeginnings",
    "LimitChecks",
    "LimitHandlers",
    "LimitedEvents",
    "ThrottleHandlers",
    "Throttling",
    "TokenWatch",
    "TransactionLimitsServicer",
    "credit_left",
]
