"""Conversion of transactions, events and actions to messages of the API."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration
from sqlalchemy import Row

from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2 import Settlement
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest, TransactionEventResponse
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.transactions.register_memory import Anomaly, load_anomalies
from citrine_core.rpc import to_duration, to_timestamp

if TYPE_CHECKING:
    from citrine_core.blocks.transactions.unmatched.models import UnmatchedEnd

__all__ = [
    "action_to_proto",
    "anomalies_of",
    "event_to_proto",
    "missing_events_of",
    "transaction_to_proto",
    "unmatched_to_proto",
]


def transaction_to_proto(
    row: Row[Any], known_types: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> pb.Transaction:
    """Return a transaction with its check.

    Args:
        row: Columns of both.
        known_types: Types of tokens with the transaction's id, if none exists with its type.
    """
    return pb.Transaction(
        transaction_id=row.transaction_id,
        station_id=row.station_id,
        tenant_id=row.tenant_id,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        id_token=_id_token(row.id_token, row.id_token_type),
        charging_state=row.charging_state,
        energy_wh=row.energy_wh,
        meter_start_wh=row.meter_start_wh,
        meter_last_wh=row.meter_last_wh,
        # The present power: zero once the transaction is over.
        power_w=row.power_w if row.end_time is None and row.closed_time is None else None,
        soc_percent=row.soc_percent,
        start_time=row.start_time,
        end_time=row.end_time,
        stopped_reason=row.stopped_reason,
        remote_start_id=row.remote_start_id,
        reservation_id=row.reservation_id,
        reference=row.reference,
        events=row.events,
        last_seq_no=row.last_seq_no,
        has_gap=_has_gap(row),
        missing_events=missing_events_of(row),
        unnumbered=row.unnumbered,
        offline=row.offline,
        update_time=row.update_time,
        orphaned=row.orphaned and row.end_time is None and row.closed_time is None,
        total_cost=row.total_cost,
        close_time=row.closed_time,
        check=_check_to_proto(row),
        start_trigger=row.start_trigger,
        end_trigger=row.end_trigger,
        time_spent_charging=None if row.time_spent_charging is None else Duration(seconds=row.time_spent_charging),
        number_of_phases_used=row.number_of_phases_used,
        cable_max_current=row.cable_max_current,
        stop_id_token=_id_token(row.stop_id_token, row.stop_id_token_type),
        known_token_types=known_types.get(row.id_token or "", ()),
        anomalies=anomalies_of(row),
        exported_energy_wh=row.exported_wh,
        late_events=row.late_events or 0,
        settle_time=row.settle_time,
        settlement=Settlement.ValueType(row.settlement or 0),
        settle_due_time=row.settle_due_time,
        events_removed_time=row.events_removed_time,
        reported_transaction_id=row.reported_id or "",
        over_time=row.over_time,
        behind=row.refold_due_time is not None and (row.settle_time is None or row.end_time is None),
        clock_skew=None if row.clock_skew_ms is None else to_duration(timedelta(milliseconds=row.clock_skew_ms)),
    )


def _has_gap(row: Row[Any]) -> bool:
    return not row.unnumbered and bool(row.seq_nos <= row.last_seq_no - row.first_seq_no)


def missing_events_of(row: Row[Any]) -> int:
    """Return how many events of a transaction are missing; 0 if its station numbers none."""
    if row.unnumbered:
        return 0
    return int(row.last_seq_no - row.first_seq_no + 1 - row.seq_nos + (row.start_time is None))


def anomalies_of(row: Row[Any]) -> list[pb.TransactionAnomaly]:
    """Return what is doubtful about a transaction, by time."""
    found = load_anomalies(row.anomalies)
    found.sort(key=lambda one: (one.time is None, one.time or row.update_time))
    if row.clock_skew_ms is not None:
        found.append(Anomaly(int(pb.TransactionAnomaly.KIND_CLOCK_JUMPED)))
    if _has_gap(row):
        found.append(Anomaly(int(pb.TransactionAnomaly.KIND_GAP)))
    if row.reported_id is not None:
        found.append(Anomaly(int(pb.TransactionAnomaly.KIND_ID_USED_AGAIN)))
    return [_anomaly(one) for one in found]


def _anomaly(one: Anomaly) -> pb.TransactionAnomaly:
    found = pb.TransactionAnomaly(kind=pb.TransactionAnomaly.Kind.ValueType(one.kind), register_wh=one.register_wh)
    if one.time is not None:
        found.time.FromDatetime(one.time)
    return found


def _id_token(id_token: str | None, type_name: str | None) -> IdToken | None:
    return None if id_token is None else IdToken(id_token=id_token, type=type_name or "")


def _check_to_proto(row: Row[Any]) -> pb.TransactionCheck | None:
    if row.check_reason is None:
        return None
    return pb.TransactionCheck(
        reason=row.check_reason,
        asks=row.check_asks,
        ask_time=row.check_ask_time,
        due_time=row.check_due_time,
        answer_time=row.check_answer_time,
        ongoing=row.check_ongoing,
        messages_in_queue=row.check_messages_in_queue,
        problem=row.check_problem,
    )


def event_to_proto(row: Row[Any]) -> pb.TransactionEvent:
    """Return an event of a transaction."""
    request = TransactionEventRequest.FromString(row.request)
    if row.offline is not None:
        request.offline = row.offline
    return pb.TransactionEvent(
        request=request,
        response=TransactionEventResponse.FromString(row.response),
        receive_time=row.receive_time,
        late=bool(row.late),
    )


def unmatched_to_proto(row: "UnmatchedEnd") -> pb.UnmatchedEnd:
    """Return an end of a transaction that is not known."""
    return pb.UnmatchedEnd(
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        request=TransactionEventRequest.FromString(row.request),
        receive_time=to_timestamp(row.receive_time),
    )


def action_to_proto(row: Row[Any]) -> pb.SettlementAction:
    """Return an operator's action on a settlement."""
    return pb.SettlementAction(
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        kind=row.kind,
        requested_by=row.author,
        reason=row.reason,
        correction=row.correction,
        time=row.create_time,
    )
