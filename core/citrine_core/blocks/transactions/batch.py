"""A batch of events, the transactions that they belong to, and how both are stored."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from citrine.ocpp.v2.transactions_pb2 import (
    TransactionEventEnum,
    TransactionEventRequest,
    TransactionEventResponse,
)
from citrine_core.blocks.meter_values import SampleRow, add_samples
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.blocks.transactions.lives import IdReuse, sort_out_lives
from citrine_core.blocks.transactions.repository import EventKey, EventRow, TransactionKey, TransactionRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call
from citrine_core.resources.tokens import Token

__all__ = ["Batch", "key_of", "read_batch", "store_batch"]

_STARTED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED


@dataclass(slots=True)
class Batch:
    """The events of one batch, the new ones among them, and their transactions."""

    occurrences: list[Occurrence]
    """One for each call."""
    fresh: dict[EventKey, Occurrence]
    """New events, in the order of arrival."""
    responses: dict[EventKey, TransactionEventResponse]
    states: dict[TransactionKey, TransactionState]
    findings: dict[EventKey, Any] = field(default_factory=dict)
    """Results of the inquirer about tokens."""
    tokens: dict[TransactionKey, Token] = field(default_factory=dict)
    """Tokens that were accepted for charging."""
    new: set[TransactionKey] = field(default_factory=set)
    """Transactions without an event before this batch."""
    reuse: IdReuse = field(default_factory=IdReuse)
    """Ids that stations reused for several transactions."""
    unplaced: set[TransactionKey] = field(default_factory=set)
    """Transactions whose EVSE was not known before."""
    unnumbered: set[TransactionKey] = field(default_factory=set)
    """Transactions with unnumbered events in this batch."""
    unmatched: dict[EventKey, Call[TransactionEventRequest]] = field(default_factory=dict)
    """Unnumbered events of transactions that are not known, or are none of the station's with such events."""


async def read_batch(
    repository: TransactionRepository,
    tenant_id: str,
    calls: Sequence[Call[TransactionEventRequest]],
    rows: Sequence[Sequence[Any]] | None = None,
    seen: Collection[TransactionKey] = (),
) -> Batch:
    """Read a batch of calls, and lock its transactions.

    Args:
        repository: Of the batch.
        tenant_id: Tenant of the stations.
        calls: The calls.
        rows: The locked transactions. None: they were not read yet.
        seen: Transactions that were given a number before, and may be stored; they are not among the rows.
    """
    occurrences = [Occurrence.of(tenant_id, call.station_id, call.message) for call in calls]
    states = await repository.find_for_update(
        tenant_id, {(occurrence.station_id, occurrence.transaction_id) for occurrence in occurrences}, rows
    )
    if seen and rows is not None:
        states |= await repository.find_for_update(tenant_id, seen)
    reuse = await sort_out_lives(repository, tenant_id, occurrences, states)
    # An event that follows the last stored one in order can't be a duplicate, so most batches need no second query.
    doubtful = {
        key_of(occurrence)
        for occurrence in occurrences
        if (state := states.get((occurrence.station_id, occurrence.transaction_id))) is not None
        and (state.late_events is not None or state.last_order is None or occurrence.order <= state.last_order)
    }
    stored = await repository.find_responses(tenant_id, doubtful, states.values())
    responses = {key: TransactionEventResponse.FromString(content) for key, content in stored.items()}
    batch = Batch(occurrences, {}, responses, states, reuse=reuse)
    batch.unplaced = {key for key, state in states.items() if state.evse_id is None}
    for call, occurrence in zip(calls, occurrences, strict=True):
        key = key_of(occurrence)
        if call.supplement is not None and call.supplement.unnumbered and _is_unmatched(batch, occurrence):
            call.repeated = key in batch.unmatched
            batch.unmatched.setdefault(key, call)
        elif key not in stored and key not in batch.fresh:
            batch.fresh[key] = occurrence
            occurrence.receive_time = call.receive_time
            if call.finding is not None:
                batch.findings[key] = call.finding
        else:
            call.repeated = True
    return batch


def _is_unmatched(batch: Batch, occurrence: Occurrence) -> bool:
    """Return whether an unnumbered event belongs to no transaction; note the transaction of one that does."""
    key = (occurrence.station_id, occurrence.transaction_id)
    state = batch.states.get(key)
    if state is None:
        if occurrence.event_type != _STARTED:
            return True
        batch.unnumbered.add(key)
        return False
    # The number that another version, or another CSMS, gave is not one of ours.
    return not state.unnumbered


async def store_batch(work: UnitOfWork, repository: TransactionRepository, batch: Batch, now: datetime) -> None:
    """Store the new events with their answers and samples, and the transactions."""
    rows: list[EventRow] = []
    samples: list[SampleRow] = []
    touched: dict[TransactionKey, TransactionState] = {}
    for key, occurrence in batch.fresh.items():
        station_id, transaction_id, seq_no, digest = key
        state = touched[station_id, transaction_id] = batch.states[station_id, transaction_id]
        samples += occurrence.samples
        rows.append(
            EventRow(
                occurrence.tenant_id,
                station_id,
                transaction_id,
                seq_no,
                digest,
                occurrence.event_type,
                occurrence.event_time,
                occurrence.offline,
                occurrence.content,
                batch.responses[key].SerializeToString(deterministic=True),
                occurrence.receive_time or now,
                occurrence.late or None,
                state.events_month,
            )
        )
    touched |= {key: batch.states[key] for key in (*batch.reuse.lives, *batch.reuse.over)}
    await repository.save(touched.values())
    await repository.add_events(rows)
    await add_samples(work.session, samples)


def key_of(occurrence: Occurrence) -> EventKey:
    """Return the key of an event, which is unique."""
    return (occurrence.station_id, occurrence.transaction_id, occurrence.seq_no, occurrence.digest)
