"""A record of what became of every transaction message, to be compared with what a CSMS has stored.

One JSON object per line, written before anything else happens, so that a killed simulator has lost
nothing but perhaps a torn last line.
"""

import enum
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

__all__ = ["EventKey", "Journal", "JournalSummary", "Kind", "energy_of", "read_journal"]


class Kind(enum.StrEnum):
    """What happened to a message; the values stand in the file."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    ACKNOWLEDGED = "acknowledged"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """What makes a transaction message the same one, under whatever message id it comes."""

    station_id: str
    transaction_id: str
    seq_no: int
    event_type: str
    timestamp: str


JournalListener = Callable[["Kind", str, Mapping[str, Any]], None]


class Journal:
    """Appends lines to a file; without a file it only counts."""

    def __init__(self, path: Path | None = None, listener: JournalListener | None = None) -> None:
        """Open the file for appending; the listener is called with each line's kind, station and message.

        Raises:
            OSError: When it cannot be opened.
        """
        self._listener = listener
        self.counts: Counter[str] = Counter()
        """Lines so far, by kind, whether or not there is a file."""
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, kind: Kind, station_id: str, event: Mapping[str, Any], **more: Any) -> None:
        """Record what happened to a TransactionEventRequest; ``more`` are fields for people to read."""
        self.counts[kind] += 1
        if self._listener is not None:
            self._listener(kind, station_id, event)
        if self._file is None:
            return
        line = {
            "kind": kind,
            "stationId": station_id,
            "transactionId": event["transactionInfo"]["transactionId"],
            "seqNo": event["seqNo"],
            "eventType": event["eventType"],
            "timestamp": event["timestamp"],
            "energy": energy_of(event),
            "offline": event.get("offline", False),
            **more,
        }
        # One write of one line: nothing is buffered that a kill could take along.
        os.write(self._file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file; further lines go nowhere."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


@dataclass(slots=True)
class JournalSummary:
    """A journal, by message: energy in Wh (None where the message carries none)."""

    queued: dict[EventKey, float | None] = field(default_factory=dict)
    sent: dict[EventKey, int] = field(default_factory=dict)
    """How often each was sent."""
    acknowledged: dict[EventKey, float | None] = field(default_factory=dict)
    failed: dict[EventKey, int] = field(default_factory=dict)
    """How many attempts failed."""
    given_up: dict[EventKey, float | None] = field(default_factory=dict)

    @property
    def pending(self) -> set[EventKey]:
        """Messages that were queued, and neither acknowledged nor given up."""
        return self.queued.keys() - self.acknowledged.keys() - self.given_up.keys()


def read_journal(path: Path) -> JournalSummary:
    """Sum up a journal; a last line that a kill has torn is left out."""
    summary = JournalSummary()
    for line in path.read_bytes().split(b"\n"):
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        key = EventKey(
            entry["stationId"], entry["transactionId"], entry["seqNo"], entry["eventType"], entry["timestamp"]
        )
        match entry["kind"]:
            case Kind.QUEUED:
                summary.queued[key] = entry["energy"]
            case Kind.SENT:
                summary.sent[key] = summary.sent.get(key, 0) + 1
            case Kind.FAILED:
                summary.failed[key] = summary.failed.get(key, 0) + 1
            case Kind.ACKNOWLEDGED:
                summary.acknowledged[key] = entry["energy"]
            case Kind.GIVEN_UP:
                summary.given_up[key] = entry["energy"]
    return summary


def energy_of(event: Mapping[str, Any]) -> float | None:
    """Return the last import register that a TransactionEventRequest carries, in Wh."""
    found = None
    for meter_value in event.get("meterValue", ()):
        for sample in meter_value["sampledValue"]:
            if sample.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register":
                found = float(sample["value"])
    return found
