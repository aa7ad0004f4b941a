"""The report of a run, in a stable JSON format.

Within a version of the format keys are only added. Energy is in Wh, latency in ms. Times are RFC 3339 in UTC, by the
machine's clock; those of transactions are by the station's clock.
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
    """Latency of answers, from the sending of the message, in ms."""

    p50: float
    """50th percentile."""
    p95: float
    """95th percentile."""
    p99: float
    """99th percentile."""
    worst: float
    """The slowest answer."""


class ActionReport(_Part):
    """Outcomes of the messages of one action. Each attempt to send one counts."""

    sent: int
    """Number of sent messages."""
    accepted: int
    """Number answered with a CALLRESULT that complies with its schema."""
    invalid: int
    """Number answered with a CALLRESULT that violates its schema."""
    call_errors: dict[str, int]
    """Number answered with a CALLERROR, by errorCode."""
    timeouts: int
    """Number not answered in time."""
    lost: int
    """Number not answered because the CSMS or the network closed the connection."""
    lost_by_fault: int
    """Number not answered because a fault of the fleet cut the connection."""
    latency: LatencyReport | None
    """Latency of the answers; missing if there were none."""


class MessageReport(_Part):
    """A transaction message without a CALLRESULT."""

    seq_no: int
    """Its seqNo."""
    event_type: str
    """Started, Updated or Ended."""
    timestamp: str
    """Its timestamp, by the station's clock."""
    fate: Literal["given_up", "queued"]
    """Discarded after its last attempt (E13.FR.04), or still in the queue at the end."""
    attempts: int
    """Number of failed attempts."""
    meant: bool
    """Whether faults of the fleet caused all failures."""


class TransactionReport(_Part):
    """One transaction, as its station sees it."""

    transaction_id: str
    """Its id."""
    use_of_id: int
    """Number of this transaction among those of the station with the same id, from 1 on. A CSMS should store each as a
    transaction of its own, under any id."""
    transaction_number: int | None
    """The transactionId that the CSMS gave to it; missing in OCPP 2.x, and before its start was answered."""
    evse_id: int | None
    """EVSE of the transaction."""
    started: str | None
    """Timestamp of its Started."""
    ended: str | None
    """Timestamp of its Ended; missing if it is open or was forgotten."""
    stopped_reason: str | None
    """stoppedReason of its Ended."""
    energy_by_meter: float
    """True energy between its first message and its last."""
    energy_sent: float | None
    """Difference of the last and the first sent register; missing if none was sent."""
    meter_right: bool
    """Whether no fault has changed its readings."""
    offline: bool
    """Whether any of its messages was created offline."""
    messages: int
    """Number of its messages."""
    acknowledged: int
    """Number of messages that the CSMS answered with a CALLRESULT."""
    unacknowledged: list[MessageReport]
    """The other messages."""


class FaultReport(_Part):
    """A fault that struck."""

    time: datetime
    """Time at which it struck."""
    kind: str
    """Kind of the fault."""
    details: dict[str, Any]
    """Details of the fault, named like its keys in the file."""


class ViolationReport(_Part):
    """A payload of the CSMS that violates the official schema."""

    time: datetime
    """Time at which it was received."""
    message: str
    """Name of the schema, e.g. BootNotificationResponse."""
    problem: str
    """Place of the violation, and the violated rule."""


class StationReport(_Part):
    """One station."""

    station_id: str
    """Its id."""
    version: str
    """Its OCPP version."""
    accepted: bool
    """Whether the CSMS has accepted it (B01)."""
    connections: int
    """Number of its connections."""
    refused: dict[str, int]
    """Number of failed attempts to connect, by HTTP status or `unreachable`."""
    messages: dict[str, ActionReport]
    """Messages of the station, by action."""
    csms_calls: dict[str, dict[str, int]]
    """Number of CALLs of the CSMS, by action and outcome: `answered`, `unanswered` or an errorCode."""
    unusable: dict[str, int]
    """Number of other received frames, by kind: `stray_answers`, `malformed_frames`, `ignored_frames` and so on."""
    transactions: list[TransactionReport]
    """Its transactions."""
    faults: list[FaultReport]
    """The faults that struck it."""
    schema_violations: list[ViolationReport]
    """The first 100 payloads that violated their schema."""


class Totals(_Part):
    """Sums over all stations."""

    stations: int
    """Number of stations."""
    accepted: int
    """Number of stations that the CSMS has accepted."""
    connections: int
    """Number of connections."""
    refused: dict[str, int]
    """Number of failed attempts to connect, by HTTP status or `unreachable`."""
    messages: dict[str, ActionReport]
    """Messages of the stations, by action."""
    latency: LatencyReport | None
    """Latency of the answers to all actions."""
    csms_calls: dict[str, dict[str, int]]
    """Number of CALLs of the CSMS, by action and outcome."""
    transactions: int
    """Number of transactions."""
    transaction_messages: int
    """Number of messages of all transactions."""
    acknowledged: int
    """Number of acknowledged transaction messages."""
    given_up: int
    """Number of transaction messages that were discarded after their last attempt, unless by faults alone."""
    given_up_by_fault: int
    """Number of transaction messages that were discarded because faults of the fleet caused all failures."""
    undelivered: int
    """Number of transaction messages that were still queued at the end."""
    energy_by_meter: float
    """True energy of all transactions."""
    faults: dict[str, int]
    """Number of faults that struck, by kind."""
    schema_violations: int
    """Number of payloads of the CSMS that violated their schema."""


class Verdict(_Part):
    """The result of the run."""

    passed: bool
    """Whether no condition of `fail_on` occurred. If so, the exit code is 0."""
    fail_on: list[str]
    """The conditions that make the run fail; see `--fail-on`."""
    problems: dict[str, int]
    """The conditions that occurred, and how often."""


class Report(_Part):
    """The whole report."""

    report_version: Literal[1] = 1
    """Version of the report format: 1."""
    fleet: str
    """Name of the fleet file."""
    url: str
    """Endpoint of the CSMS."""
    seed: int
    """Seed of the run."""
    began: datetime
    """Start of the run."""
    ended: datetime
    """End of the run, after the time in which queues may empty."""
    ended_by: Literal["time", "signal"]
    """`time` if the duration of the run was over, `signal` if it was stopped."""
    verdict: Verdict
    """The result of the run."""
    totals: Totals
    """Sums over all stations."""
    stations: list[StationReport]
    """Each station."""

    def write(self, path: Path) -> None:
        """Write the report as JSON, atomically; raises OSError."""
        temporary = path.with_name(f".{path.name}.part")
        temporary.write_text(self.model_dump_json(indent=2) + "\n", "utf-8")
        temporary.replace(path)


def parts() -> Iterable[type[BaseModel]]:
    """Return the models of all parts of a report, for the documentation."""
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
