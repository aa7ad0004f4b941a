"""The journal of the fate of every transaction message, for comparison with the data of a CSMS.

It has one JSON object per line. Lines are written unbuffered, so a killed simulator loses at most an incomplete last
line.
"""

import enum
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

__all__ = ["EventKey", "Journal", "JournalSummary", "Kind", "energy_of", "read_journal"]


_ORDER = {"Started": 0, "Updated": 1, "Ended": 2}
"""seqNo of messages that a station does not number, as the CSMS stores them."""


class Kind(enum.StrEnum):
    """What happened to a message. The file contains the values."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    ACKNOWLEDGED = "acknowledged"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """The identity of a transaction message, regardless of its message id."""

    station_id: str
    transaction_id: str
    seq_no: int
    event_type: str
    timestamp: str


JournalListener = Callable[["Kind", str, Mapping[str, Any], Mapping[str, Any]], None]
"""Called with the kind, the station, the message and the other fields of a line."""


class Journal:
    """Appends lines to a file. Without a file it only counts them."""

    def __init__(self, path: Path | None = None, listener: JournalListener | None = None) -> None:
        """Open the file for appending. The listener is called for each line.

        Raises:
            OSError: When the file can't be opened.
        """
        self._listener = listener
        self.counts: Counter[str] = Counter()
        """Number of lines by kind, with or without a file."""
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, kind: Kind, station_id: str, event: Mapping[str, Any], **more: Any) -> None:
        """Record what happened to a TransactionEventRequest; ``more`` are fields for people to read."""
        self.counts[kind] += 1
        if self._listener is not None:
            self._listener(kind, station_id, event, more)
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
        # One unbuffered write per line, so that a kill loses no complete line.
        os.write(self._file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file. Further lines are only counted."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


@dataclass(slots=True)
class JournalSummary:
    """The content of a journal by message; energy in Wh (None if the message has none)."""

    queued: dict[EventKey, float | None] = field(default_factory=dict)
    sent: dict[EventKey, int] = field(default_factory=dict)
    """Number of times each message was sent."""
    acknowledged: dict[EventKey, float | None] = field(default_factory=dict)
    failed: dict[EventKey, int] = field(default_factory=dict)
    """Number of failed attempts of each message."""
    given_up: dict[EventKey, float | None] = field(default_factory=dict)

    @property
    def pending(self) -> set[EventKey]:
        """Messages that were queued and are neither acknowledged nor given up."""
        return self.queued.keys() - self.acknowledged.keys() - self.given_up.keys()


def read_journal(path: Path) -> JournalSummary:
    """Read a journal. Incomplete lines, from a kill, are ignored."""
    summary = JournalSummary()
    entries = list(_entries(path))
    numbers = {
        (entry["stationId"], entry["transactionId"]): str(entry["transactionNumber"])
        for entry in entries
        if "transactionNumber" in entry
    }
    for entry in entries:
        key = _key(entry, numbers.get((entry["stationId"], entry["transactionId"])))
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


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().split(b"\n"):
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            continue


def _key(entry: Mapping[str, Any], number: str | None) -> EventKey:
    """Return the identity of a message: in 1.6, by the CSMS's number of the transaction and the order of types."""
    event_type, transaction_id, seq_no = entry["eventType"], entry["transactionId"], entry["seqNo"]
    if number is not None:
        transaction_id, seq_no = number, _ORDER[event_type]
    return EventKey(entry["stationId"], transaction_id, seq_no, event_type, entry["timestamp"])


def energy_of(event: Mapping[str, Any]) -> float | None:
    """Return the last import register in a TransactionEventRequest, in Wh, or None."""
    found = None
    for meter_value in event.get("meterValue", ()):
        for sample in meter_value["sampledValue"]:
            if sample.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register":
                found = float(sample["value"])
    return found
