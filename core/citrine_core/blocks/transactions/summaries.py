"""Events of transactions for subscribers."""

from collections.abc import Iterable, Sequence
from typing import Any

from citrine.events.v1.events_pb2 import Event, TransactionSummary
from citrine_core.blocks.tariff_and_cost import Total
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.times import set_time

__all__ = ["events_of", "put_cost", "summary_of"]


def summary_of(state: Any, seq_no: int) -> TransactionSummary:
    """Return the state of a transaction after an event.

    Args:
        state: A TransactionState, or a row of `transactions`; the fields are the same.
        seq_no: seqNo of the event.
    """
    summary = TransactionSummary()
    _fill(summary, state, seq_no)
    return summary


def _fill(summary: TransactionSummary, state: Any, seq_no: int) -> None:
    # Filled in place: composing it of messages would copy each of them, for each event of a station.
    summary.transaction_id, summary.seq_no = state.transaction_id, seq_no
    if state.evse_id is not None:
        summary.evse_id = state.evse_id
    if state.connector_id is not None:
        summary.connector_id = state.connector_id
    if state.energy_wh is not None:
        summary.energy_wh = state.energy_wh
    # The present power: once the transaction is over, the last one is meaningless.
    if state.power_w is not None and state.end_time is None:
        summary.power_w = state.power_w
    if state.soc_percent is not None:
        summary.soc_percent = state.soc_percent
    if state.charging_state is not None:
        summary.charging_state = state.charging_state
    if state.id_token is not None:
        summary.id_token.id_token, summary.id_token.type = state.id_token, state.id_token_type or ""
    if state.group_id is not None:
        summary.group_id = state.group_id
    if state.reference is not None:
        summary.reference = state.reference
    if state.remote_start_id is not None:
        summary.remote_start_id = state.remote_start_id
    if state.start_time is not None:
        set_time(summary.start_time, state.start_time)
    if state.end_time is not None:
        set_time(summary.end_time, state.end_time)


def put_cost(events: Iterable[Event], total: Total) -> None:
    """Say in events of a transaction, which are not stored yet, what it costs."""
    for event in events:
        summary: TransactionSummary = getattr(event, event.WhichOneof("body") or "").transaction
        summary.currency = total.currency
        summary.before_tax, summary.after_tax = total.before_tax or "", total.after_tax or ""


def events_of(state: TransactionState, occurrence: Occurrence, *, starts: bool, ends: bool) -> Sequence[Event]:
    """Return the events for subscribers after an event of a station.

    Args:
        state: The state with the event.
        occurrence: The event.
        starts: Whether it is the first event of the transaction.
        ends: Whether it ends the transaction.
    """
    found: list[Event] = []
    reason = occurrence.request.trigger_reason
    if starts:
        event = Event(tenant_id=state.tenant_id, station_id=state.station_id)
        event.transaction_started.trigger_reason = reason
        _fill(event.transaction_started.transaction, state, occurrence.seq_no)
        found.append(event)
    if ends:
        event = Event(tenant_id=state.tenant_id, station_id=state.station_id)
        _fill(event.transaction_ended.transaction, state, occurrence.seq_no)
        if state.stopped_reason is not None:
            # The state knows columns, the contract enums.
            event.transaction_ended.stopped_reason = state.stopped_reason  # type: ignore[assignment]
        found.append(event)
    elif not starts:
        event = Event(tenant_id=state.tenant_id, station_id=state.station_id)
        event.transaction_updated.trigger_reason = reason
        _fill(event.transaction_updated.transaction, state, occurrence.seq_no)
        found.append(event)
    return found
