"""Refolds transactions with deferred events, which are stored and not folded yet."""

from citrine_core.blocks.transactions.refolding.jobs import INTERVAL, DueRefolds

__all__ = ["INTERVAL", "DueRefolds"]
