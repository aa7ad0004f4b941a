"""Limits of transactions: money, energy, time, and the credit of a prepaid token (C17, E16, F07).

A limit is a row beside its transaction; a transaction without a limit has no cost for it. A job checks the rows that
are due, and makes stations stop transactions that reached their limit. It claims a row before it asks the station, so
that only one core asks, and a crash loses nothing. A transaction that its station does not stop is throttled.
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
