"""Ids and randomness: made here and nowhere else."""

import random
import uuid

__all__ = ["jitter", "new_id", "new_trace_prefix"]


def new_id() -> str:
    """Return a random UUID, of 36 characters."""
    return str(uuid.uuid4())


def new_trace_prefix() -> str:
    """Return 16 random hexadecimal digits, not all of them 0."""
    return f"{random.SystemRandom().randrange(1, 1 << 64):016x}"


def jitter(low: float, high: float) -> float:
    """Return a random number between the two, so that many do not do the same at the same time."""
    return random.uniform(low, high)
