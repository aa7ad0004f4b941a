"""The stored events of transactions, as others ask for them."""

from citrine_core.blocks.transactions.stored_events.queries import within_months

__all__ = ["within_months"]
