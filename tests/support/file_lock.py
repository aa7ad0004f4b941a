"""An SQLite file whose write lock another process holds."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.waiting import WAIT

__all__ = ["file_of", "locked"]

_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def file_of(url: str) -> Path:
    """Return the file of a database URL."""
    return Path(url.removeprefix("sqlite+aiosqlite:///"))


@contextlib.asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Have another process hold the write lock of an SQLite file, for the time of a block.

    It waits for the lock while the event loop runs, and with it a core that may have it.
    """
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HOLD, str(file_of(url)), stdin=pipe, stdout=pipe
    )
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        async with asyncio.timeout(WAIT):
            assert await other.stdout.readline() == b"held\n"
        yield
    finally:
        other.stdin.close()
        await other.wait()
