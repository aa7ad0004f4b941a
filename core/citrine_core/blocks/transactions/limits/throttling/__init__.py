"""Throttling: a TxProfile of limit 0 for transactions that their stations do not stop (F03.FR.01, K01).

A throttle is a row beside the limit of its transaction, created when the station did not agree to stop it. A job makes
the station match the row, step by step: each step reads the recorded state and sends what is missing, so that another
core can continue after a crash.
"""

from citrine_core.blocks.transactions.limits.throttling.handlers import ThrottleHandlers
from citrine_core.blocks.transactions.limits.throttling.jobs import INTERVAL, Throttling
from citrine_core.blocks.transactions.limits.throttling.repository import ThrottleRepository

__all__ = ["INTERVAL", "ThrottleHandlers", "ThrottleRepository", "Throttling"]
