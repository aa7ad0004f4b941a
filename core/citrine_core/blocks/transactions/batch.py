"""The events of one batch, what is known of their transactions, and how both are stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest, TransactionEventResponse
from citrine_core.blocks.meter_values import SampleRow, add_samples
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.blocks.transactions.lives import IdReuse, sort_out_lives
from citrine_core.blocks.transactions.repository import EventKey, EventRow, TransactionKey, TransactionRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call
from citrine_core.resources.tokens import Token

__all__ = ["Batch", "key_of", "read_batch", "store_batch"]


@dataclass(slots=True)
class Batch:
    """The events of one batch, those that are new among them, and the transactions that they are of."""

    occurrences: list[Occurrence]
    """One for each call."""
    fresh: dict[EventKey, Occurrence]
    """In the order in which they came."""
    responses: dict[EventKey, TransactionEventResponse]
    states: dict[TransactionKey, TransactionState]
    findings: dict[EventKey, Any] = field(default_factory=dict)
    """What was found out about tokens before."""
    tokens: dict[TransactionKey, Token] = field(default_factory=dict)
    """That were accepted to charge."""
    new: set[TransactionKey] = field(default_factory=set)
    """Heard of for the first time."""
    reuse: IdReuse = field(default_factory=IdReuse)
    """What stations call the same."""
    unplaced: set[TransactionKey] = field(default_factory=set)
    """Those whose EVSE was not known before."""


async def read_batch(
    repository: TransactionRepository, tenant_id: str, calls: Sequence[Call[TransactionEventRequest]]
) -> Batch:
    """Return what a batch brings, and lock the transactions that it is about."""
    occurrences = [Occurrence.of(tenant_id, call.station_id, call.message) for call in calls]
    states = await repository.find_for_update(
        tenant_id, {(occurrence.station_id, occurrence.transaction_id) for occurrence in occurrences}
    )
    reuse = await sort_out_lives(repository, tenant_id, occurrences, states)
    # What comes behind all that is stored can't be stored, so that most batches need no second look.
    doubtful = {
        key_of(occurrence)
        for occurrence in occurrences
        if (state := states.get((occurrence.station_id, occurrence.transaction_id))) is not None
        and occurrence.seq_no <= state.last_seq_no
    }
    stored = await repository.find_responses(tenant_id, doubtful)
    responses = {key: TransactionEventResponse.FromString(content) for key, content in stored.items()}
    batch = Batch(occurrences, {}, responses, states, reuse=reuse)
    batch.unplaced = {key for key, state in states.items() if state.evse_id is None}
    for call, occurrence in zip(calls, occurrences, strict=True):
        key = key_of(occurrence)
        if key not in stored and key not in batch.fresh:
            batch.fresh[key] = occurrence
            occurrence.receive_time = call.receive_time
            if call.finding is not None:
                batch.findings[key] = call.finding
        else:
            call.repeated = True
    return batch


async def store_batch(work: UnitOfWork, repository: TransactionRepository, batch: Batch, now: datetime) -> None:
    """Store the new events with their answers and samples, and the transactions."""
    rows: list[EventRow] = []
    samples: list[SampleRow] = []
    touched: dict[TransactionKey, TransactionState] = {}
    for key, occurrence in batch.fresh.items():
        station_id, transaction_id, seq_no, digest = key
        touched[station_id, transaction_id] = batch.states[station_id, transaction_id]
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
            )
        )
    touched |= {key: batch.states[key] for key in (*batch.reuse.lives, *batch.reuse.over)}
    await repository.save(touched.values())
    await repository.add_events(rows)
    await add_samples(work.session, samples)


def key_of(occurrence: Occurrence) -> EventKey:
    """Return what tells an event from all others."""
    return (occurrence.station_id, occurrence.transaction_id, occurrence.seq_no, occurrence.digest)
