"""Storage that survives a kill or a power loss: one SQLite file for any number of stations."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

__all__ = ["QueuedMessage", "StationStore", "Store"]

_TABLES = """
CREATE TABLE IF NOT EXISTS queue (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    station_id TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    payload BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    message_id TEXT
);
CREATE INDEX IF NOT EXISTS queue_of_station ON queue (station_id, number);
CREATE TABLE IF NOT EXISTS memory (
    station_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (station_id, name)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A TransactionEventRequest that the CSMS has not answered yet."""

    number: int
    payload: dict[str, Any]
    attempts: int
    """Number of failed attempts."""
    message_id: str | None
    """Message id of the last attempt; None before the first."""


class Store:
    """The SQLite file, or an in-memory database without a directory."""

    def __init__(self, directory: Path | None = None) -> None:
        """Open or create ``stations.db`` in the directory.

        Raises:
            OSError: When the directory can't be created.
            sqlite3.Error: When the file can't be used.
        """
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        path = ":memory:" if directory is None else str(directory / "stations.db")
        self._database = sqlite3.connect(path, isolation_level=None)
        # Committed WAL pages are at least in the page cache of the system, so they survive a kill of the process.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_TABLES)

    def station(self, station_id: str) -> "StationStore":
        """Return the store of one station."""
        return StationStore(self._database, station_id)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class StationStore:
    """The queue of transaction messages and the stored values of one station."""

    def __init__(self, database: sqlite3.Connection, station_id: str) -> None:
        self._database = database
        self._station_id = station_id

    def append(self, payload: dict[str, Any], memory: dict[str, Any]) -> None:
        """Add a transaction message to the queue and store values by name, atomically."""
        transaction_id = payload["transactionInfo"]["transactionId"]
        self._database.execute("BEGIN")
        self._database.execute(
            "INSERT INTO queue (station_id, transaction_id, payload) VALUES (?, ?, ?)",
            (self._station_id, transaction_id, orjson.dumps(payload)),
        )
        for name, value in memory.items():
            self.remember(name, value)
        self._database.execute("COMMIT")

    def oldest(self) -> QueuedMessage | None:
        """Return the oldest queued message, or None."""
        row = self._database.execute(
            "SELECT number, payload, attempts, message_id FROM queue WHERE station_id = ? ORDER BY number LIMIT 1",
            (self._station_id,),
        ).fetchone()
        return None if row is None else QueuedMessage(row[0], orjson.loads(row[1]), row[2], row[3])

    def record_attempt(self, number: int, attempts: int, message_id: str) -> None:
        """Store the number of failed attempts and the last message id of a message."""
        self._database.execute(
            "UPDATE queue SET attempts = ?, message_id = ? WHERE number = ?", (attempts, message_id, number)
        )

    def remove(self, number: int) -> None:
        """Remove a message from the queue."""
        self._database.execute("DELETE FROM queue WHERE number = ?", (number,))

    def count(self, transaction_id: str | None = None) -> int:
        """Return the number of queued messages, of one transaction or of all."""
        row = self._database.execute(
            "SELECT count(*) FROM queue WHERE station_id = ? AND transaction_id = coalesce(?, transaction_id)",
            (self._station_id, transaction_id),
        ).fetchone()
        return int(row[0])

    def recall(self, name: str) -> Any:
        """Return the value that is stored under a name, or None."""
        row = self._database.execute(
            "SELECT value FROM memory WHERE station_id = ? AND name = ?", (self._station_id, name)
        ).fetchone()
        return None if row is None else orjson.loads(row[0])

    def remember(self, name: str, value: Any) -> None:
        """Store a JSON value under a name."""
        self._database.execute(
            "INSERT INTO memory VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (self._station_id, name, orjson.dumps(value)),
        )
