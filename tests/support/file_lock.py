"""An SQLite file whose write lock another process holds."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.waiting import WAIT

__all__ = ["file_of", "locked"]

_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def file_of(url: str) -> Path:
    """Return the file of a database URL."""
    return Path(url.removeprefix("sqlite+aiosqlite:///"))


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Have another process hold the write lock of an SQLite file, for the time of a block."""
    command = [sys.executable, "-c", _HOLD, str(file_of(url))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        try:
            assert other.stdout.readline() == b"held\n"
            yield
        finally:
            other.stdin.close()
            other.wait(WAIT)
