"""Long calculations in small steps, so that the event loop, and everybody else on it, has its turn in between."""

import asyncio
from collections.abc import Generator
from typing import TypeVar

from citrine_core.db.unit_of_work import stay_alive

__all__ = ["Steps", "in_one_go", "run_cooperatively"]

_Result = TypeVar("_Result")

Steps = Generator[None, None, _Result]
"""A calculation that yields after each small step, a fraction of a millisecond, and returns its result."""

STEPS = 50
"""Steps from one turn of the others to the next."""


def in_one_go(steps: Steps[_Result]) -> _Result:
    """Do all steps at once, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result


async def run_cooperatively(steps: Steps[_Result]) -> _Result:
    """Do all steps, with turns of the others in between, and return the result.

    What the calculation reads must not be changed meanwhile. Where it is cancelled, the rest of the steps is left out.
    """
    while True:
        # The transaction that it may stand in must not look like one of a process that stands still.
        await stay_alive()
        try:
            for _ in range(STEPS):
                next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result
        await asyncio.sleep(0)
