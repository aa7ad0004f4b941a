"""How long tests wait for what must come."""

__all__ = ["PAUSE", "WAIT"]

WAIT = 60.0
"""Seconds after which what must come does not: many times what it takes on a busy machine, and free where it comes.

What must not come, and what must come soon, has a limit of its own, which says why.
"""

PAUSE = 0.05
"""Seconds until a test looks again: a look takes the processor from what it waits for."""
