"""The record of one station during the run of a fleet, for the report."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from citrine_simulator.events import Event
from citrine_simulator.journal import Kind, energy_of

__all__ = ["Fate", "InjectedFault", "SchemaViolation", "StationRecord", "TransactionRecord"]

VIOLATIONS = 100
"""Most schema violations that are reported individually; further ones are only counted."""


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """A fault that struck, by the machine's clock."""

    time: datetime
    kind: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SchemaViolation:
    """A payload of the CSMS that violates its official schema."""

    time: datetime
    message: str
    problem: str


@dataclass(slots=True)
class Fate:
    """A transaction message without an answer: still queued, or given up."""

    seq_no: int
    event_type: str
    timestamp: str
    failures: int = 0
    """Failed attempts that no fault of the fleet explains."""
    meant_failures: int = 0
    """Failed attempts that a fault of the fleet caused."""
    given_up: bool = False

    @property
    def meant(self) -> bool:
        """Whether faults of the fleet caused all failures."""
        return self.failures == 0 and self.meant_failures > 0


@dataclass(slots=True)
class TransactionRecord:
    """A transaction as its station sees it. Registers are in Wh."""

    transaction_id: str
    use_of_id: int = 1
    """Number of this transaction among those of the station with the same id, from 1 on."""
    number: int | None = None
    """The transactionId that the CSMS gave to it (1.6)."""
    evse_id: int | None = None
    started: str | None = None
    ended: str | None = None
    stopped_reason: str | None = None
    true_first: float | None = None
    true_last: float | None = None
    sent_first: float | None = None
    sent_last: float | None = None
    meter_right: bool = True
    offline: bool = False
    queued: int = 0
    acknowledged: int = 0
    open: dict[tuple[int, str, str], Fate] = field(default_factory=dict)
    """Messages that are neither answered nor given up."""
    given_up: list[Fate] = field(default_factory=list)


class StationRecord:
    """Messages, transactions, faults and connections of one station."""

    def __init__(self, station_id: str, version: str, now: Any) -> None:
        """Create an empty record. ``now`` returns the machine's time of day."""
        self.station_id = station_id
        self.version = version
        self._now = now
        self.accepted = False
        self.charging = 0
        self.connections = 0
        self.connected = False
        self.refused: Counter[str] = Counter()
        self.disturbed = False
        """Whether a fault of the fleet has cut the connection since the last ``connected``."""
        self.messages: dict[str, Counter[str]] = defaultdict(Counter)
        """Number of CALLs of the station by action and outcome."""
        self.latencies: dict[str, array[float]] = defaultdict(lambda: array("d"))
        """Seconds to each answer, by action."""
        self.csms_calls: dict[str, Counter[str]] = defaultdict(Counter)
        """Number of CALLs of the CSMS by action and answer."""
        self.transactions: list[TransactionRecord] = []
        self._newest: dict[str, TransactionRecord] = {}
        """The newest transaction of each id."""
        self.faults: list[InjectedFault] = []
        self.violations: list[SchemaViolation] = []
        self.violation_count = 0

    def called(self, action: str, outcome: str, seconds: float | None, problem: str) -> None:
        """Count a CALL of the station by its outcome."""
        if outcome == "lost" and self.disturbed:
            outcome = "lost by fault"
        self.messages[action][outcome] += 1
        if seconds is not None:
            self.latencies[action].append(seconds)
        if outcome == "invalid":
            self._violation(f"{action}Response", problem)

    def answered(self, action: str, outcome: str, problem: str) -> None:
        """Count a CALL of the CSMS by its answer."""
        self.csms_calls[action][outcome] += 1
        if outcome.endswith(("ConstraintViolation", "FormatViolation", "FormationViolation")) and problem:
            self._violation(f"{action}Request", problem)

    def struck(self, kind: str, details: Mapping[str, Any]) -> None:
        """Record that a fault struck."""
        self.faults.append(InjectedFault(self._now(), kind, details))

    def happened(self, event: Event) -> None:
        """Record an event of the station."""
        match event.name:
            case "connected":
                self.connections += 1
                self.connected, self.disturbed = True, False
            case "disconnected":
                self.connected = False
            case "accepted":
                self.accepted = True
            case "refused":
                self.refused[str(event.fields["status"])] += 1
            case "unreachable":
                self.refused["unreachable"] += 1
            case "transaction_started" | "transaction_updated" | "transaction_ended":
                transaction = self.transaction(event.fields["transaction_id"])
                transaction.true_last = event.fields["energy"]
                if transaction.true_first is None:
                    transaction.true_first = transaction.true_last

    def transaction(self, transaction_id: str, begins: bool = False) -> TransactionRecord:
        """Return the newest transaction with an id; create its record if there is none.

        Args:
            transaction_id: The id.
            begins: The transaction has sent nothing yet. If the newest one with the id has, it is a different one.
        """
        found = self._newest.get(transaction_id)
        if found is None or (begins and found.queued):
            found = TransactionRecord(transaction_id, 1 if found is None else found.use_of_id + 1)
            self._newest[transaction_id] = found
            self.transactions.append(found)
        return found

    def journaled(self, kind: Kind, event: Mapping[str, Any], number: int | None = None) -> None:
        """Record what happened to a transaction message. ``number`` is the CSMS's for its transaction, in 1.6."""
        key = event["seqNo"], event["eventType"], event["timestamp"]
        transaction_id = event["transactionInfo"]["transactionId"]
        if kind is Kind.QUEUED:
            transaction = self.transaction(transaction_id, begins=event["eventType"] == "Started")
        else:
            transaction = self._waiting(transaction_id, key)
        match kind:
            case Kind.QUEUED:
                transaction.open[key] = Fate(*key)
                self._queued(transaction, event)
            case Kind.FAILED if key in transaction.open:
                fate = transaction.open[key]
                if self.disturbed:
                    fate.meant_failures += 1
                else:
                    fate.failures += 1
            case Kind.ACKNOWLEDGED:
                transaction.open.pop(key, None)
                transaction.acknowledged += 1
                transaction.number = transaction.number if number is None else number
            case Kind.GIVEN_UP:
                fate = transaction.open.pop(key, Fate(*key))
                fate.given_up = True
                transaction.given_up.append(fate)

    def _waiting(self, transaction_id: str, key: tuple[int, str, str]) -> TransactionRecord:
        """Return the transaction with an id that waits for the answer to a message, or else the newest one."""
        newest = self.transaction(transaction_id)
        if key in newest.open or newest.use_of_id == 1:
            return newest
        return next(
            (one for one in self.transactions if one.transaction_id == transaction_id and key in one.open), newest
        )

    def _queued(self, transaction: TransactionRecord, event: Mapping[str, Any]) -> None:
        transaction.queued += 1
        transaction.offline = transaction.offline or event.get("offline", False)
        transaction.evse_id = event.get("evse", {}).get("id", transaction.evse_id)
        register = energy_of(event)
        if register is not None:
            transaction.sent_last = register
            if transaction.sent_first is None:
                transaction.sent_first = register
        if event["eventType"] == "Started":
            transaction.started = transaction.started or event["timestamp"]
            self.charging += 1
        elif event["eventType"] == "Ended":
            transaction.ended = event["timestamp"]
            transaction.stopped_reason = event["transactionInfo"].get("stoppedReason")
            self.charging -= 1

    def _violation(self, message: str, problem: str) -> None:
        self.violation_count += 1
        if len(self.violations) < VIOLATIONS:
            self.violations.append(SchemaViolation(self._now(), message, problem))
