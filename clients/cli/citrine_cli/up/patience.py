"""Messages while something takes longer than announced."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["said_while_slow"]

PATIENCE = 8.0
"""Seconds until the first message, and between two messages."""


@asynccontextmanager
async def said_while_slow(
    say: Callable[[str], None], what: str, log: Path, patience: float = PATIENCE
) -> AsyncIterator[None]:
    """Print at intervals that something is still going on, for how long, and its log file, until the block ends.

    Args:
        say: Prints a line.
        what: The thing that takes long: "the core".
        log: Its log file.
        patience: Seconds until the first message, and between two messages.
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
