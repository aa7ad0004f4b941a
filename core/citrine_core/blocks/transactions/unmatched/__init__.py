"""Unnumbered events that belong to no transaction of their station: kept aside, and never applied to another."""

from citrine_core.blocks.transactions.unmatched.repository import UnmatchedEndRepository, forget_unmatched
from citrine_core.blocks.transactions.unmatched.storing import store_unmatched

__all__ = ["UnmatchedEndRepository", "forget_unmatched", "store_unmatched"]
