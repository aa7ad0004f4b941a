"""Long calculations in small steps, between which the event loop runs other tasks."""

import asyncio
from collections.abc import Generator
from typing import TypeVar

from citrine_core.db.unit_of_work import stay_alive

__all__ = ["Steps", "in_one_go", "run_cooperatively"]

_Result = TypeVar("_Result")

Steps = Generator[None, None, _Result]
"""A calculation that yields after each small step, a fraction of a millisecond, and returns its result."""

STEPS = 50
"""Number of steps between two switches to other tasks."""


def in_one_go(steps: Steps[_Result]) -> _Result:
    """Do all steps at once, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result


async def run_cooperatively(steps: Steps[_Result]) -> _Result:
    """Run all steps, with switches to other tasks in between, and return the result.

    The inputs of the calculation must not change meanwhile. A cancellation skips the remaining steps.
    """
    while True:
        # A surrounding transaction must not look idle, as that of a suspended process does.
        await stay_alive()
        try:
            for _ in range(STEPS):
                next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result
        await asyncio.sleep(0)
