"""Ids of messages and transactions."""

import uuid

__all__ = ["new_id"]


def new_id() -> str:
    """Return a new unique id of 36 characters."""
    return str(uuid.uuid4())
