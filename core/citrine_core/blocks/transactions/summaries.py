"""What subscribers are told of a transaction."""

from typing import Any

from citrine.events.v1.events_pb2 import TransactionSummary

__all__ = ["summary_of"]


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
