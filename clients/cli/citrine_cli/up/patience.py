"""What is said while something takes longer than was promised."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["said_while_slow"]

PATIENCE = 8.0
"""Seconds until it is said that something takes long, and between two times that it is."""


@asynccontextmanager
async def said_while_slow(
    say: Callable[[str], None], what: str, log: Path, patience: float = PATIENCE
) -> AsyncIterator[None]:
    """Say now and then that something goes on, for how long it has, and where to look, until the block ends.

    Args:
        say: Prints a line.
        what: Which takes its time: "the core".
        log: Where it writes what it does.
        patience: Seconds until it is said first, and between two times.
    """
    task = asyncio.create_task(_say(say, what, log, patience))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _say(say: Callable[[str], None], what: str, log: Path, patience: float) -> None:
    waited = 0.0
    while True:
        await asyncio.sleep(patience)
        waited += patience
        say(f"{what} takes longer, as on a busy machine: {waited:.0f} s so far; it goes on, see {log}")
