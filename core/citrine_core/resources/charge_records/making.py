"""Makes the revisions of charge records, for many transactions of a tenant at once."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice

from citrine.api.v1 import charge_records_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection
from citrine.events.v1.events_pb2 import ChargeRecordMade, Event
from citrine_core.background import defect
from citrine_core.blocks.reservation.queries import find_times_of_uses
from citrine_core.blocks.tariff_and_cost.queries import SettledCost, find_settled_costs
from citrine_core.blocks.transactions.queries import SettledTransaction, find_settled
from citrine_core.blocks.transactions.stored_events.queries import find_boundary_events
from citrine_core.db import UnitOfWork
from citrine_core.ids import new_id
from citrine_core.resources.charge_records.boundaries import boundaries_of
from citrine_core.resources.charge_records.contents import Subject, charges_the_same, revision_of
from citrine_core.resources.charge_records.repository import (
    ChargeRecordRepository,
    Head,
    RecordRow,
    TransactionKey,
)
from citrine_core.resources.locations.queries import described, evse_at, find_evses, find_locations, find_sites
from citrine_core.resources.stations.queries import find_hardware
from citrine_core.resources.tokens.owners import TokenOwner, find_owners, unpack_owner
from citrine_core.times import set_time, to_datetime

__all__ = ["make_records"]

TASK = "charge records"
"""Name of the task in the log and in metrics."""

AT_ONCE = 20
"""Transactions whose revisions are composed before other tasks have their turn."""


async def make_records(
    work: UnitOfWork, tenant_id: str, keys: Mapping[TransactionKey, int], now: datetime, *, publishes: bool = True
) -> set[TransactionKey]:
    """Make the revisions that are missing, in the order of the keys. Takes a dozen statements, however many.

    The first revision has the final cost, and each cost correction makes another one. Without a correction, a
    transaction that was settled anew has another revision if it charges something else.

    Args:
        work: Whose transaction it is. Revisions have their numbers for good once it is committed.
        tenant_id: Tenant of the stations.
        keys: The transactions, each with the reason (citrine.api.v1.CostCorrection.Reason) of a revision without a
            correction. Those that are not settled, or have events or a price deferred, are passed over.
        now: The time.
        publishes: Whether subscribers get an event of each revision.

    Returns:
        The transactions whose revisions can't be composed. That is a defect, which must not stop those of others.
    """
    repository = ChargeRecordRepository(work.session)
    head = await repository.lock_head(tenant_id, now)
    settled = await find_settled(work.session, tenant_id, keys)
    latest = await repository.find_latest(tenant_id, settled)
    costs = await find_settled_costs(work, tenant_id, list(settled))
    subject_of = await _subjects(work, tenant_id, settled)
    rows: list[RecordRow] = []
    failed: set[TransactionKey] = set()
    ordered = iter([key for key in keys if key in settled])
    while part := list(islice(ordered, AT_ONCE)):
        for key in part:
            try:
                made = _revisions(subject_of(key), costs[key], latest.get(key), keys[key])
                composed = [
                    (_row(one, settled[key], head, place, now), _event_of(one)) for place, one in enumerate(made)
                ]
            except Exception as error:
                error.add_note(f"transaction {key[1]} of station {key[0]} of tenant {tenant_id}")
                defect(TASK, error)
                failed.add(key)
                continue
            for row, event in composed:
                head = Head(row.change, row.create_time)
                rows.append(row)
                if publishes:
                    work.emit(event)
        await work.stay_alive()
        await asyncio.sleep(0)
    await repository.add(rows)
    return failed


async def _subjects(
    work: UnitOfWork, tenant_id: str, settled: Mapping[TransactionKey, SettledTransaction]
) -> Callable[[TransactionKey], Subject]:
    """Read what is known of transactions; return what makes the subject of one, which takes the time of its events."""
    events = await find_boundary_events(work.session, tenant_id, settled.values())
    owner_of = await _owners(work, tenant_id, settled.values())
    station_ids = {station_id for station_id, _ in settled}
    hardware = await find_hardware(work.session, tenant_id, station_ids)
    sites = await find_sites(work.session, tenant_id, station_ids)
    evses = await find_evses(work.session, tenant_id, station_ids)
    stood = {key: evse_at(evses.get(key[0], ()), one.row.evse_id, _begin(one)) for key, one in settled.items()}
    # Of stations that were moved or removed since.
    elsewhere = {evse.location_id for evse in stood.values() if evse is not None}
    elsewhere -= {site.location_id for site in sites.values()}
    others = await find_locations(work.session, tenant_id, elsewhere) if elsewhere else {}
    known = {site.location_id: site for site in sites.values()} | others
    numbers = {(key[0], number) for key, one in settled.items() if (number := one.row.reservation_id) is not None}
    reserved = await find_times_of_uses(work.session, tenant_id, numbers) if numbers else {}

    def subject_of(key: TransactionKey) -> Subject:
        one, evse = settled[key], stood[key]
        return Subject(
            one,
            boundaries_of(events.get(key, ())),
            owner_of(one),
            hardware.get(key[0]),
            sites.get(key[0]) if evse is None else known.get(evse.location_id),
            None if evse is None or evse.evse_id != one.row.evse_id else described(evse),
            reserved.get(key),
        )

    return subject_of


async def _owners(
    work: UnitOfWork, tenant_id: str, settled: Collection[SettledTransaction]
) -> Callable[[SettledTransaction], TokenOwner | None]:
    """Return what says whose the token of a transaction was when it began; where that is not stored, whose it is."""
    unknown = {one.token_key for one in settled if one.token_key is not None and one.row.token_owner is None}
    owners = await find_owners(work.session, tenant_id, unknown)

    def owner_of(one: SettledTransaction) -> TokenOwner | None:
        if one.token_key is None:
            return None
        return owners.get(one.token_key) if one.row.token_owner is None else unpack_owner(one.row.token_owner)

    return owner_of


def _begin(transaction: SettledTransaction) -> datetime:
    """Return when a transaction began by our clock; when it was settled, where that is not known."""
    row = transaction.row
    begin: datetime = row.settle_time if row.start_time is None else row.start_time - transaction.skew
    return begin


def _revisions(
    subject: Subject, costs: Sequence[SettledCost], latest: RecordRow | None, reason: int
) -> list[pb.ChargeRecord]:
    """Return the revisions that a record lacks."""
    before = None if latest is None else pb.ChargeRecord.FromString(latest.content)
    made: list[pb.ChargeRecord] = []
    for cost in costs:
        if latest is None or cost.number > latest.correction:
            before = revision_of(subject, cost, before)
            made.append(before)
    if latest is not None and not made:
        assert before is not None
        cost = costs[-1]._replace(reason=reason or subject.transaction.row.reopening or 0, detail="", author="")
        record = revision_of(subject, cost, before)
        if not charges_the_same(record, before):
            made.append(record)
    record_id = before.record_id if latest is not None and before is not None else new_id()
    for one in made:
        one.record_id = record_id
    return made


def _row(record: pb.ChargeRecord, settled: SettledTransaction, head: Head, place: int, now: datetime) -> RecordRow:
    """Return the row of a revision, which gets its change and time: in its place among those after the head."""
    create_time = max(now, head.create_time)
    record.change = head.change + 1 + place
    set_time(record.create_time, create_time)
    row = settled.row
    return RecordRow(
        record.tenant_id,
        record.change,
        record.record_id,
        record.revision,
        record.station_id,
        record.transaction_id,
        row.id_token_lookup,
        record.reference or None,
        record.correction,
        record.reason,
        to_datetime(record.end_time) if record.HasField("end_time") else row.settle_time,
        create_time,
        record.SerializeToString(deterministic=True),
    )


def _event_of(record: pb.ChargeRecord) -> Event:
    body = ChargeRecordMade(
        record_id=record.record_id,
        revision=record.revision,
        change=record.change,
        reason=CostCorrection.Reason.ValueType(record.reason),
        transaction_id=record.transaction_id,
        evse_id=record.evse_id if record.HasField("evse_id") else None,
        id_token=record.token.id_token if record.HasField("token") else None,
        start_time=record.start_time if record.HasField("start_time") else None,
        end_time=record.end_time if record.HasField("end_time") else None,
        energy_kwh=record.energy_kwh,
        currency=record.currency,
        before_tax=record.total.before_tax,
        after_tax=record.total.after_tax,
        tariff_id=record.tariff_id,
        tariff_version=record.tariff_version,
        reference=record.reference,
    )
    return Event(tenant_id=record.tenant_id, station_id=record.station_id, charge_record_made=body)
