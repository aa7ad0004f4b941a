"""What the transactions of a batch cost, and what their stations are answered."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.events.v1.events_pb2 import Event, TransactionCostChanged
from citrine.ocpp.v2.transactions_pb2 import TransactionEventResponse
from citrine_core.blocks.tariff_and_cost.accrual import Accrual, Moment, accrue
from citrine_core.blocks.tariff_and_cost.assignments import Subject, find_tariffs
from citrine_core.blocks.tariff_and_cost.calculation import cost_of, total_of
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.blocks.tariff_and_cost.rules import Rules, to_micros
from citrine_core.blocks.tariff_and_cost.texts import message_of
from citrine_core.blocks.tariff_and_cost.transaction_costs.cache import Tariffs, Tenants, stations_told
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import (
    CostRepository,
    CostRow,
    TenantCosts,
    TransactionKey,
)
from citrine_core.db import UnitOfWork
from citrine_core.services import Services

__all__ = ["Charged", "ChargedEvent", "History", "Pricing", "breakdown_of"]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class ChargedEvent:
    """One event of a transaction that is new."""

    moment: Moment
    response: TransactionEventResponse
    updates: bool
    """Its type is Updated."""
    ends: bool
    """Its type is Ended."""


@dataclass(slots=True)
class Charged:
    """A transaction with new events."""

    transaction_id: str
    sequence: int
    subject: Subject
    end: datetime | None
    """When it ended. None: it goes on."""
    complete: bool
    """None of its events is missing."""
    events: list[ChargedEvent]
    """The new ones, in their order."""
    is_new: bool
    """The events are all that there are."""
    is_late: bool
    """They are not all behind those that are stored."""
    reservation_id: int | None = None
    """Reservation that it uses."""
    total: Decimal | None = field(default=None, init=False)
    """What it costs after tax, once it ended. Set here."""

    @property
    def key(self) -> TransactionKey:
        """Station and transaction."""
        return (self.subject.station_id, self.transaction_id)


History = Callable[[Collection[TransactionKey]], Awaitable[Mapping[TransactionKey, Sequence[Moment]]]]
"""`await history(keys)` returns all that is known of transactions, from their first event to the newest."""


class Pricing:
    """Brings the costs of transactions up to date, within the database transaction that stores their events."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._tenants = Tenants.of(services)
        self._tariffs = Tariffs()

    async def is_wanted(self, work: UnitOfWork, tenant_id: str) -> bool:
        """Tell whether a tenant has anything to do with costs, at most one query in some seconds."""
        return (await self._tenants.get(work, tenant_id)).has_tariffs

    async def price(self, work: UnitOfWork, tenant_id: str, charged: Sequence[Charged], history: History) -> None:
        """Compute and store what transactions cost now, and put it into the answers (I02.FR.01, I03.FR.02).

        The tariff of a transaction is chosen when it is heard of first, and again only where it turns out later who
        charges, where, or since when. Events that come late, or a tariff that is known late, have all events of the
        transaction taken in anew. Takes a handful of statements, however many the transactions.
        """
        settings = await self._tenants.get(work, tenant_id)
        costs = CostRepository(work.session)
        rows = await costs.find_all(tenant_id, [one.key for one in charged])
        chosen = await self._choose(work, tenant_id, charged, rows)
        moved = [key for key, row in rows.items() if _version_of(row) not in (None, chosen[key])]
        shows = await stations_told(work, tenant_id, {key[0] for key in moved}, settings)
        tariffs = await self._tariffs.find(work, tenant_id, [key for key in chosen.values() if key is not None])
        anew = [one.key for one in charged if _is_anew(one, rows.get(one.key), chosen[one.key])]
        past = await history(anew) if anew else {}
        reserved = await _reservations(costs, tenant_id, charged, chosen, tariffs)
        new, changed = [], []
        for one in charged:
            row, version = rows.get(one.key), chosen[one.key]
            if row is not None and row.subject == one.subject.key and version is None:
                continue
            tariff = None if version is None else tariffs.get(version)
            computed = self._compute(tenant_id, one, row, version, tariff, past.get(one.key), settings, reserved)
            if one.key in moved and tariff is not None and one.subject.station_id in shows:
                _tell_other_tariff(one, tariff[0])
            if row is None:
                new.append(computed)
            else:
                changed.append(computed)
            _emit(work, row, computed)
        await costs.save(new, changed)
        await costs.put_next_times(_begun_again(rows, changed))

    async def _choose(
        self, work: UnitOfWork, tenant_id: str, charged: Sequence[Charged], rows: Mapping[TransactionKey, CostRow]
    ) -> dict[TransactionKey, VersionKey | None]:
        asked = [one for one in charged if one.key not in rows or rows[one.key].subject != one.subject.key]
        found = await find_tariffs(work, tenant_id, [one.subject for one in asked])
        chosen = {key: _version_of(row) for key, row in rows.items()}
        return chosen | {one.key: version for one, version in zip(asked, found, strict=True)}

    def _compute(
        self,
        tenant_id: str,
        one: Charged,
        row: CostRow | None,
        version: VersionKey | None,
        tariff: tuple[pb.Tariff, Rules] | None,
        past: Sequence[Moment] | None,
        settings: TenantCosts,
        reserved: Mapping[tuple[str, int], tuple[datetime, datetime]],
    ) -> CostRow:
        now = self._clock()
        tariff_id, number = version or (None, None)
        base = CostRow(
            tenant_id, *one.key, one.sequence, one.subject.key, tariff_id, number, _state(one), None, None, None, None,
            row.told_total if row is not None else None, None, now,
        )  # fmt: skip
        if tariff is None:
            return base
        made = reserved.get((one.subject.station_id, one.reservation_id or 0))
        try:
            return _priced(base, one, row, tariff[1], past, made, settings)
        except Exception as error:
            # A bug of ours must not cost the message. Without an accrual, the next event takes in all anew.
            logger.error("the cost could not be computed", exc_info=error, extra={"transaction_id": one.transaction_id})
            return base


def _priced(
    base: CostRow,
    one: Charged,
    row: CostRow | None,
    rules: Rules,
    past: Sequence[Moment] | None,
    reserved: tuple[datetime, datetime] | None,
    settings: TenantCosts,
) -> CostRow:
    accrual, told = _take(rules, one, row, past, reserved, answers=settings.answers)
    if accrual is None:
        return base
    settled = accrual.until(rules, to_micros(one.end) if one.end is not None else accrual.moment_after(timedelta(0)))
    before, after = total_of(rules, settled)
    if one.end is not None:
        one.total = after
        _answer_ends(one, after)
        told = after if any(event.ends for event in one.events) else told
    interval = rules.interval or settings.interval
    return base._replace(
        before_tax=f"{before:f}",
        after_tax=f"{after:f}",
        accrual=accrual.dump(),
        breakdown=cost_of(rules, settled).SerializeToString() if one.end is not None else None,
        told_total=base.told_total if told is None else f"{told:f}",
        next_time=base.update_time + interval if settings.sends and one.end is None else None,
    )


async def _reservations(
    costs: CostRepository,
    tenant_id: str,
    charged: Sequence[Charged],
    chosen: Mapping[TransactionKey, VersionKey | None],
    tariffs: Mapping[VersionKey, tuple[pb.Tariff, Rules]],
) -> Mapping[tuple[str, int], tuple[datetime, datetime]]:
    """Return the reservations that are billed; there is nothing to ask for where no tariff has prices of them."""
    wanted = set()
    for one in charged:
        version = chosen[one.key]
        tariff = None if version is None else tariffs.get(version)
        if one.reservation_id is not None and tariff is not None and tariff[1].bills_reservations:
            wanted.add((one.subject.station_id, one.reservation_id))
    return await costs.find_reservations(tenant_id, wanted) if wanted else {}


def _begun_again(
    rows: Mapping[TransactionKey, CostRow], changed: Sequence[CostRow]
) -> dict[tuple[str, str, str], datetime]:
    """Return when stations are to be told of transactions that were closed, or had no tariff, and go on after all."""
    return {
        row[:3]: row.next_time
        for row in changed
        if row.next_time is not None and rows[row.station_id, row.transaction_id].next_time is None
    }


def _is_anew(one: Charged, row: CostRow | None, version: VersionKey | None) -> bool:
    """Tell whether all events of the transaction are needed, and not only the new ones."""
    if version is None:
        return False
    if one.is_new:
        return one.is_late
    return one.is_late or row is None or row.accrual is None or _version_of(row) != version


def _version_of(row: CostRow) -> VersionKey | None:
    return None if row.tariff_id is None or row.tariff_version is None else (row.tariff_id, row.tariff_version)


def _state(one: Charged) -> int:
    if one.end is None:
        return cost_pb.COST_STATE_RUNNING
    return cost_pb.COST_STATE_FINAL if one.complete else cost_pb.COST_STATE_PROVISIONAL


def _take(
    rules: Rules,
    one: Charged,
    row: CostRow | None,
    past: Sequence[Moment] | None,
    reserved: tuple[datetime, datetime] | None,
    *,
    answers: bool,
) -> tuple[Accrual | None, Decimal | None]:
    """Return the accrual with the new events, and the running cost that the last of them was answered."""
    told: Decimal | None = None
    accrual = None if past is not None or row is None or row.accrual is None else Accrual.load(row.accrual)
    if past is not None:
        accrual = accrue(rules, past)
    for event in one.events:
        if past is None:
            accrual = accrue(rules, [event.moment], accrual)
        if accrual is not None and reserved is not None:
            made, expires = map(to_micros, reserved)
            accrual.reserved = (made, max(made, min(accrual.start, expires)))
        if answers and event.updates and accrual is not None:
            told = total_of(rules, accrual.until(rules, accrual.moment_after(timedelta(0))))[1]
            event.response.total_cost = float(told)
    return accrual, told


def _answer_ends(one: Charged, total: Decimal) -> None:
    for event in one.events:
        if event.ends:
            # I03.FR.04: 0.00 says that it was free.
            event.response.total_cost = float(total)


def _tell_other_tariff(one: Charged, tariff: pb.Tariff) -> None:
    """Tell a driver who may have been told of another tariff (I06.FR.02); the token's status tells it by itself."""
    for event in one.events:
        if event.updates and not event.response.HasField("id_token_info"):
            event.response.updated_personal_message.CopyFrom(message_of(tariff))


def _emit(work: UnitOfWork, row: CostRow | None, computed: CostRow) -> None:
    """Tell others of the cost of a transaction that ended, and of each change of it."""
    if computed.state == cost_pb.COST_STATE_RUNNING or computed.breakdown is None:
        return
    said = (computed.tariff_id, computed.tariff_version, computed.state, computed.before_tax, computed.after_tax)
    if row is not None and said == (row.tariff_id, row.tariff_version, row.state, row.before_tax, row.after_tax):
        return
    cost = pb.Cost.FromString(computed.breakdown)
    changed = TransactionCostChanged(
        transaction_id=computed.transaction_id,
        tariff_id=computed.tariff_id or "",
        tariff_version=computed.tariff_version or 0,
        currency=cost.currency,
        before_tax=cost.total.before_tax,
        after_tax=cost.total.after_tax,
        is_final=computed.state == cost_pb.COST_STATE_FINAL,
    )
    work.emit(Event(tenant_id=computed.tenant_id, station_id=computed.station_id, transaction_cost_changed=changed))


def breakdown_of(row: CostRow, rules: Rules, now: datetime) -> pb.Cost:
    """Return what a cost is made of: as it was when the transaction ended, as of now while it runs.

    It is reckoned to the same moment as what stations are told (I02): what is shown is what the driver sees.

    Args:
        row: As stored, with an accrual.
        rules: Of its tariff.
        now: The time, by our clock.
    """
    if row.breakdown:
        return pb.Cost.FromString(row.breakdown)
    accrual = Accrual.load(row.accrual or b"")
    elapsed = now - row.update_time if row.state == cost_pb.COST_STATE_RUNNING else timedelta(0)
    return cost_of(rules, accrual.until(rules, accrual.moment_after(elapsed)))
