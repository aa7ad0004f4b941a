"""Ids and randomness: made here and nowhere else."""

import random
import uuid

__all__ = ["jitter", "new_id"]


def new_id() -> str:
    """Return a random UUID, of 36 characters."""
    return str(uuid.uuid4())


def jitter(low: float, high: float) -> float:
    """Return a random number between the two, so that many do not do the same at the same time."""
    return random.uniform(low, high)
