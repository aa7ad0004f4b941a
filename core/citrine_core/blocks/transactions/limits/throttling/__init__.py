"""Transactions whose stations do not stop them take no power: a TxProfile of limit 0 is set for them (F03.FR.01, K01).

A throttle is a row beside the limit of its transaction, made when the station did not agree to stop it. A job brings
the station to what the row wants, step by step: each look reads what is on record and sends what is missing, so a core
that dies in between leaves it to the next.
"""

from citrine_core.blocks.transactions.limits.throttling.handlers import ThrottleHandlers
from citrine_core.blocks.transactions.limits.throttling.jobs import INTERVAL, Throttling
from citrine_core.blocks.transactions.limits.throttling.repository import ThrottleRepository

__all__ = ["INTERVAL", "ThrottleHandlers", "ThrottleRepository", "Throttling"]
