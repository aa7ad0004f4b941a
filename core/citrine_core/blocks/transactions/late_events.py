"""Late events, which arrive after their transaction was settled: retained, marked, and not folded."""

from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine_core.blocks.transactions.event_fold import stops_by_token
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.resources.tokens import lookup_of

__all__ = ["counts", "is_settled", "retain_late"]

_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED
_STARTED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED


def is_settled(state: TransactionState) -> bool:
    """Return whether a transaction is settled, and ended or has no events any more, so that no event changes it."""
    return state.settle_time is not None and (state.end_time is not None or state.events_removed_time is not None)


def retain_late(state: TransactionState, occurrence: Occurrence, *, is_new_number: bool) -> None:
    """Count a late event. It may fill a gap in the numbers, if all stored numbers are known, and changes nothing else.

    Args:
        state: The transaction.
        occurrence: The event.
        is_new_number: Whether no other stored event has its sequence number.
    """
    occurrence.late = True
    if is_new_number and state.missing and state.events_removed_time is None:
        starts = occurrence.event_type == _STARTED and state.start_time is None
        state.seq_nos += starts or state.first_seq_no < occurrence.seq_no < state.last_seq_no
    # Its samples are stored, like those of all events.
    occurrence.measure()
    state.events += 1
    state.late_events = (state.late_events or 0) + 1


def counts(state: TransactionState, occurrence: Occurrence) -> bool:
    """Return whether an event may lead to a correction of the cost.

    A late event does not count if it lies after the end, or has the token of another driver: it may belong to another
    transaction whose beginning has not arrived yet. None counts once the others are removed.
    """
    if not occurrence.late:
        return True
    if state.events_removed_time is not None:
        return False
    if state.unnumbered and occurrence.event_type == _ENDED and state.end_time is not None:
        # A second end: the first one was answered, and counts.
        return False
    if state.end_time is not None and occurrence.event_time > state.end_time:
        return False
    request = occurrence.request
    if not request.HasField("id_token") or stops_by_token(request, unnumbered=state.unnumbered):
        return True
    return (
        state.id_token_lookup is None
        or lookup_of(request.id_token.id_token, request.id_token.type) == state.id_token_lookup
    )
