"""A batch of events as pricing takes it, and what pricing says of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from citrine.ocpp.v2.transactions_pb2 import TransactionEventResponse
from citrine_core.blocks.tariff_and_cost import CorrectionRow, Prepared, Total
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.blocks.transactions.repository import EventKey, TransactionKey

__all__ = ["AtHand", "Heard", "Priced"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A batch of events, folded and not yet stored."""

    tenant_id: str
    fresh: Mapping[EventKey, Occurrence]
    responses: Mapping[EventKey, TransactionEventResponse]
    states: Mapping[TransactionKey, TransactionState]
    new: Collection[TransactionKey]
    late: Collection[TransactionKey]
    deferred: Collection[TransactionKey] = ()
    """Transactions with deferred events."""
    ended_before: Collection[TransactionKey] = ()
    """Transactions that had ended before the batch."""
    whole: Mapping[TransactionKey, "AtHand"] = field(default_factory=dict)
    """All events of the transactions for which they are already read."""


class AtHand(NamedTuple):
    """All events of a transaction that count, already read and folded."""

    ordered: Sequence[Occurrence]
    prepared: Prepared | None = None
    """Result of `prepare`. None: nothing is priced."""


class Priced(NamedTuple):
    """What transactions cost."""

    totals: Mapping[TransactionKey, Total] = MappingProxyType({})
    """Costs so far, where they are known. A cost that was final before is here only if it is corrected."""
    corrections: Mapping[TransactionKey, CorrectionRow] = MappingProxyType({})
    """Corrections of final costs."""
    postponed: Collection[TransactionKey] = ()
    """Transactions that would have to be priced anew, and are too large for that with each event. The caller must have
    them priced with their next refold."""
