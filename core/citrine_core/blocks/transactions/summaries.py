"""What subscribers are told of a transaction."""

from collections.abc import Iterable
from typing import Any

from citrine.events.v1.events_pb2 import (
    Event,
    TransactionEnded,
    TransactionStarted,
    TransactionSummary,
    TransactionUpdated,
)
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState

__all__ = ["events_of", "summary_of"]


def summary_of(state: Any, seq_no: int) -> TransactionSummary:
    """Return the state of a transaction after an event.

    Args:
        state: A TransactionState, or a row of `transactions`; the fields are the same.
        seq_no: Of the event.
    """
    summary = TransactionSummary(
        transaction_id=state.transaction_id,
        evse_id=state.evse_id,
        connector_id=state.connector_id,
        energy_wh=state.energy_wh,
        power_w=state.power_w,
        soc_percent=state.soc_percent,
        charging_state=state.charging_state,
        id_token=state.id_token or "",
        seq_no=seq_no,
        remote_start_id=state.remote_start_id,
    )
    if state.start_time is not None:
        summary.start_time.FromDatetime(state.start_time)
    if state.end_time is not None:
        summary.end_time.FromDatetime(state.end_time)
    return summary


def events_of(state: TransactionState, occurrence: Occurrence, *, starts: bool, ends: bool) -> Iterable[Event]:
    """Yield what subscribers are told after an event.

    Args:
        state: With the event.
        occurrence: The event.
        starts: It is the first that was heard of.
        ends: It ends the transaction.
    """
    summary, reason = summary_of(state, occurrence.seq_no), occurrence.request.trigger_reason
    if starts:
        yield Event(
            tenant_id=state.tenant_id,
            station_id=state.station_id,
            transaction_started=TransactionStarted(transaction=summary, trigger_reason=reason),
        )
    if ends:
        yield Event(
            tenant_id=state.tenant_id,
            station_id=state.station_id,
            # The state knows columns, the contract enums.
            transaction_ended=TransactionEnded(
                transaction=summary,
                stopped_reason=state.stopped_reason,  # type: ignore[arg-type]
            ),
        )
    elif not starts:
        yield Event(
            tenant_id=state.tenant_id,
            station_id=state.station_id,
            transaction_updated=TransactionUpdated(transaction=summary, trigger_reason=reason),
        )
