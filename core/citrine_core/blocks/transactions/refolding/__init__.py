"""Folds transactions of which events are stored and not taken in yet."""

from citrine_core.blocks.transactions.refolding.jobs import INTERVAL, DueRefolds

__all__ = ["INTERVAL", "DueRefolds"]
