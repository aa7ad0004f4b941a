"""Conversion of station records to the report."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from citrine_simulator.fleets.record import Fate, StationRecord, TransactionRecord
from citrine_simulator.fleets.report import (
    ActionReport,
    FaultReport,
    LatencyReport,
    MessageReport,
    StationReport,
    Totals,
    TransactionReport,
    Verdict,
    ViolationReport,
)
from citrine_simulator.load.tally import Latencies

__all__ = ["station_report", "totals", "verdict"]

_PLAIN = frozenset({"accepted", "invalid", "timeout", "lost", "lost by fault"})


def station_report(record: StationRecord, unusable: Mapping[str, int]) -> StationReport:
    """Return the report of one station."""
    return StationReport(
        station_id=record.station_id,
        version=record.version,
        accepted=record.accepted,
        connections=record.connections,
        refused=dict(record.refused),
        messages=_actions(record.messages, record.latencies),
        csms_calls={action: dict(outcomes) for action, outcomes in sorted(record.csms_calls.items())},
        unusable=dict(unusable),
        transactions=[_transaction(one) for one in record.transactions],
        faults=[FaultReport(time=one.time, kind=one.kind, details=dict(one.details)) for one in record.faults],
        schema_violations=[
            ViolationReport(time=one.time, message=one.message, problem=one.problem) for one in record.violations
        ],
    )


def totals(records: Sequence[StationRecord]) -> Totals:
    """Return the sums over all stations."""
    messages: dict[str, Counter[str]] = defaultdict(Counter)
    latencies: dict[str, array[float]] = defaultdict(lambda: array("d"))
    calls: dict[str, Counter[str]] = defaultdict(Counter)
    refused: Counter[str] = Counter()
    for record in records:
        refused.update(record.refused)
        for action, outcomes in record.messages.items():
            messages[action].update(outcomes)
        for action, seconds in record.latencies.items():
            latencies[action].extend(seconds)
        for action, outcomes in record.csms_calls.items():
            calls[action].update(outcomes)
    transactions = [one for record in records for one in record.transactions]
    given_up = [fate for one in transactions for fate in one.given_up]
    return Totals(
        stations=len(records),
        accepted=sum(record.accepted for record in records),
        connections=sum(record.connections for record in records),
        refused=dict(refused),
        messages=_actions(messages, latencies),
        latency=_latency([one for seconds in latencies.values() for one in seconds]),
        csms_calls={action: dict(outcomes) for action, outcomes in sorted(calls.items())},
        transactions=len(transactions),
        transaction_messages=sum(one.queued for one in transactions),
        acknowledged=sum(one.acknowledged for one in transactions),
        given_up=sum(not fate.meant for fate in given_up),
        given_up_by_fault=sum(fate.meant for fate in given_up),
        undelivered=sum(len(one.open) for one in transactions),
        energy_by_meter=round(sum(_true_energy(one) for one in transactions), 1),
        faults=dict(Counter(fault.kind for record in records for fault in record.faults)),
        schema_violations=sum(record.violation_count for record in records),
    )


def verdict(sums: Totals, fail_on: Collection[str]) -> Verdict:
    """Return the verdict on a run."""
    found = {
        "given_up": sums.given_up,
        "undelivered": sums.undelivered,
        "unaccepted": sums.stations - sums.accepted,
        "schema": sums.schema_violations,
        "call_error": sum(sum(one.call_errors.values()) for one in sums.messages.values()),
        "timeout": sum(one.timeouts for one in sums.messages.values()),
        "lost": sum(one.lost for one in sums.messages.values()),
    }
    problems = {name: count for name, count in found.items() if count and name in fail_on}
    return Verdict(passed=not problems, fail_on=sorted(fail_on), problems=problems)


def _actions(messages: Mapping[str, Counter[str]], latencies: Mapping[str, Sequence[float]]) -> dict[str, ActionReport]:
    return {
        action: ActionReport(
            sent=outcomes.total(),
            accepted=outcomes["accepted"],
            invalid=outcomes["invalid"],
            call_errors={code: count for code, count in sorted(outcomes.items()) if code not in _PLAIN},
            timeouts=outcomes["timeout"],
            lost=outcomes["lost"],
            lost_by_fault=outcomes["lost by fault"],
            latency=_latency(latencies.get(action, ())),
        )
        for action, outcomes in sorted(messages.items())
    }


def _latency(seconds: Sequence[float]) -> LatencyReport | None:
    if not seconds:
        return None
    found = Latencies.of(seconds)
    return LatencyReport(p50=found.p50, p95=found.p95, p99=found.p99, worst=found.worst)


def _transaction(record: TransactionRecord) -> TransactionReport:
    sent = None
    if record.sent_first is not None and record.sent_last is not None:
        sent = round(record.sent_last - record.sent_first, 1)
    return TransactionReport(
        transaction_id=record.transaction_id,
        use_of_id=record.use_of_id,
        transaction_number=record.number,
        evse_id=record.evse_id,
        started=record.started,
        ended=record.ended,
        stopped_reason=record.stopped_reason,
        energy_by_meter=_true_energy(record),
        energy_sent=sent,
        meter_right=record.meter_right,
        offline=record.offline,
        messages=record.queued,
        acknowledged=record.acknowledged,
        unacknowledged=[
            *(_message(fate, "given_up") for fate in record.given_up),
            *(_message(fate, "queued") for fate in record.open.values()),
        ],
    )


def _true_energy(record: TransactionRecord) -> float:
    if record.true_first is None or record.true_last is None:
        return 0.0
    return round(record.true_last - record.true_first, 1)


def _message(fate: Fate, what: Literal["given_up", "queued"]) -> MessageReport:
    return MessageReport(
        seq_no=fate.seq_no,
        event_type=fate.event_type,
        timestamp=fate.timestamp,
        fate=what,
        attempts=fate.failures + fate.meant_failures,
        meant=fate.meant,
    )
