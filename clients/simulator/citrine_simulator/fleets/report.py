"""The report of a run, in a form that others may rely on.

What a version of the form has stays as it is; keys may be added. Energy is in Wh, waiting times in ms, times are
RFC 3339 in UTC by the clock of the machine, but for those of transactions, which are the station's.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "ActionReport",
    "FaultReport",
    "LatencyReport",
    "MessageReport",
    "Report",
    "StationReport",
    "Totals",
    "TransactionReport",
    "Verdict",
    "ViolationReport",
    "parts",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class LatencyReport(_Part):
    """How long answers took, from when a message was sent."""

    p50: float
    """Half of the answers came within so many ms."""
    p95: float
    """95 of 100 answers came within so many ms."""
    p99: float
    """99 of 100 answers came within so many ms."""
    worst: float
    """The slowest answer, in ms."""


class ActionReport(_Part):
    """What became of the messages of one action; each attempt to send one counts."""

    sent: int
    """How many went into the socket."""
    accepted: int
    """How many were answered with a CALLRESULT that keeps to its schema."""
    invalid: int
    """How many were answered with a CALLRESULT that breaks its schema."""
    call_errors: dict[str, int]
    """How many were answered with a CALLERROR, by code."""
    timeouts: int
    """How many had no answer in time."""
    lost: int
    """How many had no answer because the CSMS or the network closed the connection."""
    lost_by_fault: int
    """How many had no answer because a fault of the fleet cut the connection."""
    latency: LatencyReport | None
    """How long the answers took; missing where there were none."""


class MessageReport(_Part):
    """A transaction message that was not answered well."""

    seq_no: int
    """Its seqNo."""
    event_type: str
    """Started, Updated or Ended."""
    timestamp: str
    """By the station's clock."""
    fate: Literal["given_up", "queued"]
    """Discarded after its last attempt (E13.FR.04), or still in the queue at the end."""
    attempts: int
    """How many attempts failed."""
    meant: bool
    """Whether faults of the fleet alone made its attempts fail."""


class TransactionReport(_Part):
    """One transaction, as its station knows it."""

    transaction_id: str
    """Its id."""
    use_of_id: int
    """Which transaction of this id it is, from 1 on: more than 1 where ids are used again. A CSMS should have each as a
    transaction of its own; what it calls them is its own affair."""
    evse_id: int | None
    """Where it was."""
    started: str | None
    """Timestamp of its Started."""
    ended: str | None
    """Timestamp of its Ended; missing where it is open or was forgotten."""
    stopped_reason: str | None
    """stoppedReason of its Ended."""
    energy_by_meter: float
    """What has really flowed, between its first message and its last."""
    energy_sent: float | None
    """What the registers in its messages say, last less first; missing where none was sent."""
    meter_right: bool
    """Whether all its readings were right: no fault has touched them."""
    offline: bool
    """Whether any of its messages was made while offline."""
    messages: int
    """How many messages it has."""
    acknowledged: int
    """How many of them the CSMS has answered with a CALLRESULT."""
    unacknowledged: list[MessageReport]
    """The others."""


class FaultReport(_Part):
    """A fault that was injected."""

    time: datetime
    """When it struck."""
    kind: str
    """Which one."""
    details: dict[str, Any]
    """What it did, by the names of its keys in the file."""


class ViolationReport(_Part):
    """A payload of the CSMS that breaks the official schema."""

    time: datetime
    """When it came."""
    message: str
    """Name of the schema, as BootNotificationResponse."""
    problem: str
    """Where, and which rule."""


class StationReport(_Part):
    """One station."""

    station_id: str
    """Its id."""
    version: str
    """Its OCPP version."""
    accepted: bool
    """Whether the CSMS has accepted it (B01)."""
    connections: int
    """How many connections it made."""
    refused: dict[str, int]
    """How many attempts to connect failed, by HTTP status, or under `unreachable`."""
    messages: dict[str, ActionReport]
    """What it sent, by action."""
    csms_calls: dict[str, dict[str, int]]
    """What the CSMS sent, by action, and how often that was answered, unanswered, or refused with a code."""
    unusable: dict[str, int]
    """What else came and could not be used, by kind: stray_answers, malformed_frames, ignored_frames and so on."""
    transactions: list[TransactionReport]
    """Its transactions."""
    faults: list[FaultReport]
    """The faults that it had."""
    schema_violations: list[ViolationReport]
    """The first 100 payloads that broke their schema."""


class Totals(_Part):
    """All stations together."""

    stations: int
    """How many."""
    accepted: int
    """How many of them the CSMS has accepted."""
    connections: int
    """How many connections they made."""
    refused: dict[str, int]
    """How many attempts to connect failed, by HTTP status, or under `unreachable`."""
    messages: dict[str, ActionReport]
    """What they sent, by action."""
    latency: LatencyReport | None
    """How long answers took, of all actions."""
    csms_calls: dict[str, dict[str, int]]
    """What the CSMS sent, by action, and how it was answered."""
    transactions: int
    """How many transactions there were."""
    transaction_messages: int
    """How many messages these have."""
    acknowledged: int
    """How many of them were acknowledged."""
    given_up: int
    """How many were discarded after their last attempt, and not because faults of the fleet alone broke it."""
    given_up_by_fault: int
    """How many were discarded because faults of the fleet broke every attempt."""
    undelivered: int
    """How many were still queued at the end."""
    energy_by_meter: float
    """What has really flowed in all transactions."""
    faults: dict[str, int]
    """How many faults were injected, by kind."""
    schema_violations: int
    """How many payloads of the CSMS broke their schema."""


class Verdict(_Part):
    """Whether the run went as it should."""

    passed: bool
    """Whether nothing of `fail_on` happened: the exit code is 0."""
    fail_on: list[str]
    """What was not to happen; see `--fail-on`."""
    problems: dict[str, int]
    """What of that did happen, and how often."""


class Report(_Part):
    """The whole report."""

    report_version: Literal[1] = 1
    """Version of this form: 1."""
    fleet: str
    """Name of the fleet file."""
    url: str
    """Endpoint of the CSMS."""
    seed: int
    """The seed."""
    began: datetime
    """When the run began."""
    ended: datetime
    """When it ended, after the queues had their time to empty."""
    ended_by: Literal["time", "signal"]
    """Whether its time had come, or somebody stopped it."""
    verdict: Verdict
    """Whether it went as it should."""
    totals: Totals
    """All stations together."""
    stations: list[StationReport]
    """Each station."""

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all; raises OSError."""
        temporary = path.with_name(f".{path.name}.part")
        temporary.write_text(self.model_dump_json(indent=2) + "\n", "utf-8")
        temporary.replace(path)


def parts() -> Iterable[type[BaseModel]]:
    """Return every part of a report, for its documentation."""
    return (
        Report,
        Verdict,
        Totals,
        StationReport,
        ActionReport,
        LatencyReport,
        TransactionReport,
        MessageReport,
        FaultReport,
        ViolationReport,
    )
