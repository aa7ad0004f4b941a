"""Engines are set up so that several processes may begin on the same file."""

import asyncio
import sqlite3
from pathlib import Path

from sqlalchemy import text

from citrine_core.db import create_engine


async def test_a_new_file_that_somebody_writes_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses at once to switch such a file to its write-ahead log, whatever its busy timeout."""
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None)
    other.execute("CREATE TABLE things (name TEXT)")
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO things VALUES ('a')")
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path}/new.db")

    async def journal_mode() -> str:
        async with engine.connect() as connection:
            return str(await connection.scalar(text("PRAGMA journal_mode")))

    asking = asyncio.create_task(journal_mode())
    asyncio.get_running_loop().call_later(0.2, other.execute, "COMMIT")

    assert await asking == "wal"
    await engine.dispose()
    other.close()
