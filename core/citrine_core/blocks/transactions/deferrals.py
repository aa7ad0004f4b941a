"""Deferral: which events are folded at once, and which are stored now and folded soon by a job.

The cost of a refold is proportional to the number of events. A station that sends its newest events first, or whose
readings are always doubtful, could cause a refold with each event. Small transactions are refolded at once. In a large
transaction, an event that does not continue from all earlier ones is stored, counted and answered, and a job refolds
the transaction later. The delay grows with the number of events, so that all refolds of one transaction together take
only a fraction of the time in which its events arrive (see refolding).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.blocks.transactions.repository import TransactionKey

__all__ = ["ENDED_AT_ONCE", "FOLDED_AT_ONCE", "delay_of", "is_large", "sort_out_late"]

_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED

FOLDED_AT_ONCE = 40
"""Largest number of events of a transaction that is refolded at once."""

ENDED_AT_ONCE = 1000
"""The same for a transaction that ends: it ends once, and its driver waits for the cost."""

_SHORTEST = timedelta(seconds=1)

_PER_EVENT = timedelta(milliseconds=1)
"""Delay per event. A refold takes a tenth of it per event."""


def delay_of(state: TransactionState) -> timedelta:
    """Return how long events of a transaction are deferred."""
    return _SHORTEST + state.events * _PER_EVENT


def is_large(state: TransactionState, *, ends: bool) -> bool:
    """Return whether a transaction has too many events to be refolded at once.

    Args:
        state: The transaction.
        ends: Whether it ends with the new events.
    """
    return state.events > (ENDED_AT_ONCE if ends else FOLDED_AT_ONCE)


def sort_out_late(
    states: Mapping[TransactionKey, TransactionState],
    behind: Collection[TransactionKey],
    settled: Collection[TransactionKey],
    fresh: Iterable[Occurrence],
) -> tuple[set[TransactionKey], set[TransactionKey]]:
    """Return the transactions that are refolded at once, and those whose new events are deferred.

    While events of a transaction are deferred, all its further events are deferred as well.

    Args:
        states: The transactions.
        behind: Those with a new event that is not the last in order.
        settled: Those that are settled, so that nothing changes them.
        fresh: The new events.
    """
    large = {
        key
        for key, state in states.items()
        if state.events > FOLDED_AT_ONCE and (state.refold_due_time is not None or key in behind) and key not in settled
    }
    if not large:
        return set(behind), large
    ends = {(one.station_id, one.transaction_id) for one in fresh if one.event_type == _ENDED}
    deferred = {key for key in large if is_large(states[key], ends=key in ends and states[key].end_time is None)}
    return {*behind, *large} - deferred, deferred
