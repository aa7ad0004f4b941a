"""How many examples a test with drawn values takes: few and the same in each run, or many new ones."""

from hypothesis import settings

__all__ = ["MORE", "examples"]

MORE = 20
"""Times as many where `make explore` looks for what no run has seen."""


def examples(count: int) -> int:
    """Return the number of examples of a test that takes so many in each run."""
    return count if settings().derandomize else MORE * count
