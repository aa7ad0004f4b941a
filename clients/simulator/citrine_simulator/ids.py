"""Ids of messages and transactions."""

import uuid

__all__ = ["new_id"]


def new_id() -> str:
    """Return an id that nobody else has, of 36 characters."""
    return str(uuid.uuid4())
