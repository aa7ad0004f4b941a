"""What stations remember across a kill or a loss of power: one SQLite file for any number of them."""

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
    """How often its delivery has failed."""
    message_id: str | None
    """Under which it was sent last."""


class Store:
    """The file, or memory where no directory is given."""

    def __init__(self, directory: Path | None = None) -> None:
        """Open or create ``stations.db`` in the directory.

        Raises:
            OSError: When the directory cannot be made.
            sqlite3.Error: When the file cannot be used.
        """
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        path = ":memory:" if directory is None else str(directory / "stations.db")
        self._database = sqlite3.connect(path, isolation_level=None)
        # A committed WAL page is in the system's cache at least, where a kill of the process does not reach.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_TABLES)

    def station(self, station_id: str) -> "StationStore":
        """Return the part of one station."""
        return StationStore(self._database, station_id)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class StationStore:
    """The queue and the memory of one station."""

    def __init__(self, database: sqlite3.Connection, station_id: str) -> None:
        self._database = database
        self._station_id = station_id

    def append(self, payload: dict[str, Any], memory: dict[str, Any]) -> None:
        """Queue a transaction message and remember what goes with it, both or neither."""
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
        """Return the message that is to be delivered next."""
        row = self._database.execute(
            "SELECT number, payload, attempts, message_id FROM queue WHERE station_id = ? ORDER BY number LIMIT 1",
            (self._station_id,),
        ).fetchone()
        return None if row is None else QueuedMessage(row[0], orjson.loads(row[1]), row[2], row[3])

    def record_attempt(self, number: int, attempts: int, message_id: str) -> None:
        """Remember how often a message has failed, and under which id it was sent."""
        self._database.execute(
            "UPDATE queue SET attempts = ?, message_id = ? WHERE number = ?", (attempts, message_id, number)
        )

    def remove(self, number: int) -> None:
        """Take a message out of the queue."""
        self._database.execute("DELETE FROM queue WHERE number = ?", (number,))

    def count(self, transaction_id: str | None = None) -> int:
        """Return how many messages are queued, of one transaction or of all."""
        row = self._database.execute(
            "SELECT count(*) FROM queue WHERE station_id = ? AND transaction_id = coalesce(?, transaction_id)",
            (self._station_id, transaction_id),
        ).fetchone()
        return int(row[0])

    def recall(self, name: str) -> Any:
        """Return what was remembered under a name, or None."""
        row = self._database.execute(
            "SELECT value FROM memory WHERE station_id = ? AND name = ?", (self._station_id, name)
        ).fetchone()
        return None if row is None else orjson.loads(row[0])

    def remember(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self._database.execute(
            "INSERT INTO memory VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (self._station_id, name, orjson.dumps(value)),
        )
