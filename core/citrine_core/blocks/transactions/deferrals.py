"""Which events are taken in at once, and which are stored now and folded soon.

Folding a transaction anew costs as much as it has events. So a station that sends the newest first, or whose readings
are always doubtful, could have us fold all of them with each event. Small transactions are folded at once. Of others,
what does not go on from all before is stored, counted and answered; a job folds the transaction a little later, and
the later the more events it has: all folds of one together cost no more than a share of the time in which its events
come (see refolding).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.blocks.transactions.repository import TransactionKey

__all__ = ["ENDED_AT_ONCE", "FOLDED_AT_ONCE", "delay_of", "is_large", "sort_out_late"]

_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED

FOLDED_AT_ONCE = 40
"""Events of a transaction that is folded anew with each event that asks for it."""

ENDED_AT_ONCE = 1000
"""The same where it ends: that is once, and its driver waits for what it costs."""

_SHORTEST = timedelta(seconds=1)

_PER_EVENT = timedelta(milliseconds=1)
"""A fold takes a tenth of it for each event."""


def delay_of(state: TransactionState) -> timedelta:
    """Return how long events of a transaction may wait to be folded."""
    return _SHORTEST + state.events * _PER_EVENT


def is_large(state: TransactionState, *, ends: bool) -> bool:
    """Return whether a transaction has too many events to be folded anew at once.

    Args:
        state: The transaction.
        ends: It ends with the events at hand.
    """
    return state.events > (ENDED_AT_ONCE if ends else FOLDED_AT_ONCE)


def sort_out_late(
    states: Mapping[TransactionKey, TransactionState],
    behind: Collection[TransactionKey],
    settled: Collection[TransactionKey],
    fresh: Iterable[Occurrence],
) -> tuple[set[TransactionKey], set[TransactionKey]]:
    """Return the transactions that are folded anew at once, and those whose new events are stored and not taken in.

    Where events wait already, those that come meanwhile wait with them.

    Args:
        states: The transactions.
        behind: Those with a new event that is not behind all before it.
        settled: Those that take in nothing more.
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
