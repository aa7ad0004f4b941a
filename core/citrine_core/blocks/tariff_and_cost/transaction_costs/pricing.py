"""What the transactions of a batch cost, and what their stations are answered."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import Accrual, Moment, accrue
from citrine_core.blocks.tariff_and_cost.calculation import cost_of, total_of
from citrine_core.blocks.tariff_and_cost.corrections import (
    Cause,
    Reckoned,
    Total,
    correct,
    currency_of,
)
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.blocks.tariff_and_cost.rules import Rules, to_micros
from citrine_core.blocks.tariff_and_cost.texts import message_of
from citrine_core.blocks.tariff_and_cost.transaction_costs.cache import Tariffs, Tenants, stations_shown_costs
from citrine_core.blocks.tariff_and_cost.transaction_costs.charged import Charged
from citrine_core.blocks.tariff_and_cost.transaction_costs.choice import choose
from citrine_core.blocks.tariff_and_cost.transaction_costs.cost_details import running_details
from citrine_core.blocks.tariff_and_cost.transaction_costs.cost_events import publish_cost
from citrine_core.blocks.tariff_and_cost.transaction_costs.currencies import other_currencies
from citrine_core.blocks.tariff_and_cost.transaction_costs.past import Past, Prepared, accrue_all
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import (
    CostRepository,
    CostRow,
    TenantCosts,
    TransactionKey,
    begun_again,
    is_final,
)
from citrine_core.db import UnitOfWork
from citrine_core.services import Services

__all__ = ["History", "Pricing"]

logger = logging.getLogger(__name__)


History = Callable[[Collection[TransactionKey]], Awaitable[Mapping[TransactionKey, Sequence[Moment] | Prepared]]]
"""`await history(keys)` returns all that is known of transactions, from their first event to the newest."""


class Pricing:
    """Brings the costs of transactions up to date, within the database transaction that stores their events."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._tenants = Tenants.of(services)
        self._tariffs = Tariffs()

    async def is_wanted(self, work: UnitOfWork, tenant_id: str, *, at_once: bool = False) -> bool:
        """Return whether a tenant has anything to do with costs, at most one query in some seconds.

        Args:
            work: Where it is read.
            tenant_id: The tenant.
            at_once: What was assigned a moment ago at another core counts, too; a query, if there was nothing before.
        """
        return (await self._tenants.get(work, tenant_id, at_once=at_once)).has_tariffs

    async def prepare(
        self, work: UnitOfWork, tenant_id: str, key: TransactionKey, moments: Sequence[Moment]
    ) -> Prepared:
        """Reckon beforehand what a transaction took, so that `price` need not, which stores it."""
        row = (await CostRepository(work.session).find_all(tenant_id, [key])).get(key)
        version = None if row is None else row.tariff
        tariffs = {} if version is None else await self._tariffs.find(work, tenant_id, [version])
        accrual = (await accrue_all({key: moments}, {key: version}, tariffs))[key].accrual
        return Prepared(moments, version, None if accrual is None else accrual.dump())

    async def price(self, work: UnitOfWork, tenant_id: str, charged: Sequence[Charged], history: History) -> None:
        """Compute and store what transactions cost now, and put it into the answers (I02.FR.01, I03.FR.02).

        The tariff of a transaction is chosen when it is heard of first, and again only where it turns out later who
        charges, where, or since when. Events that come late, or a tariff that is known late, have all events of the
        transaction taken in anew. Takes a handful of statements, however many the transactions.

        A cost that is final never changes; where it would, a correction is made.
        """
        settings = await self._tenants.get(work, tenant_id)
        costs = CostRepository(work.session)
        rows = await costs.find_all(tenant_id, [one.key for one in charged])
        charged = [one for one in charged if not is_final(rows.get(one.key)) or one.is_reckoned]
        chosen = await choose(work, tenant_id, charged, rows)
        moved = [key for key, row in rows.items() if row.tariff not in (None, chosen[key])]
        shows = await stations_shown_costs(work, tenant_id, {key[0] for key in moved}, settings)
        tariffs = await self._tariffs.find(work, tenant_id, [key for key in chosen.values() if key is not None])
        anew = [one.key for one in charged if _is_anew(one, rows.get(one.key), chosen[one.key])]
        past = await accrue_all(await history(anew), chosen, tariffs) if anew else {}
        reserved = await _reservations(costs, tenant_id, charged, chosen, tariffs)
        foreign = await other_currencies(work, tenant_id, charged, rows, chosen, tariffs)
        new, changed, final = [], [], []
        for one in charged:
            row, version = rows.get(one.key), chosen[one.key]
            if row is not None and version is None and (row.subject == one.subject.key or is_final(row)):
                if one.settlement and row.state == cost_pb.COST_STATE_RUNNING:
                    now = self._clock()
                    changed.append(row._replace(state=_state(one), update_time=now, **_of_end(one, now)))
                continue
            tariff = None if version is None else tariffs.get(version)
            computed = self._compute(
                tenant_id, one, row, version, tariff, past.get(one.key), settings, reserved, foreign
            )
            if one.key in moved and tariff is not None and one.subject.station_id in shows:
                _show_other_tariff(one, tariff[0])
            if row is None and one.cause is not None:
                row = computed._replace(
                    tariff_id=None, tariff_version=None, accrual=None, breakdown=None, time_zone=None
                )
                row = row._replace(before_tax=None, after_tax=None)
                new.append(row)
            if row is not None and is_final(row):
                final.append((one, row, computed))
                continue
            if tariff is not None and computed.after_tax is not None:
                one.cost = Total(computed.before_tax, computed.after_tax, tariff[1].currency)
            if row is None:
                new.append(computed)
            else:
                changed.append(computed)
            publish_cost(work, row, computed, one.summary)
        await costs.save(new, changed)
        await costs.put_next_times(begun_again(rows, changed))
        await _correct(work, final, self._clock())

    def _compute(
        self,
        tenant_id: str,
        one: Charged,
        row: CostRow | None,
        version: VersionKey | None,
        tariff: tuple[pb.Tariff, Rules] | None,
        past: Past | None,
        settings: TenantCosts,
        reserved: Mapping[tuple[str, int], tuple[datetime, datetime]],
        foreign: Mapping[TransactionKey, str],
    ) -> CostRow:
        now = self._clock()
        tariff_id, number, time_zone = version or (None, None, None)
        base = CostRow(
            tenant_id, *one.key, one.sequence, one.subject.key, tariff_id, number, _state(one), None, None, None, None,
            row.told_total if row is not None else None, None, now,
            station_currency=foreign.get(one.key),
            time_zone=time_zone or None,
        )  # fmt: skip
        if one.is_over:
            base = base._replace(**_of_end(one, now))
        if tariff is None or (past is not None and past.has_failed):
            return base
        made = reserved.get((one.subject.station_id, one.reservation_id or 0))
        try:
            return _priced(base, one, row, tariff[1], past, made, settings)
        except Exception as error:
            # A bug of ours must not cost the message. Without an accrual, the next event takes in all anew.
            logger.error("the cost could not be computed", exc_info=error, extra={"transaction_id": one.transaction_id})
            return base


async def _correct(work: UnitOfWork, final: Sequence[tuple[Charged, CostRow, CostRow]], now: datetime) -> None:
    """Store what final costs are replaced by, where something else came out than before."""
    reckoned = [
        Reckoned(
            row[:3], one.cause or Cause(cost_pb.CostCorrection.REASON_LATE_EVENT), version, computed.breakdown,
            Total(row.before_tax, row.after_tax, currency_of(row.breakdown)), one.summary,
        )
        for one, row, computed in final
        if one.settlement and computed.breakdown is not None and (version := computed.tariff) is not None
    ]  # fmt: skip
    made = await correct(work, reckoned, now) if reckoned else {}
    for one, row, _ in final:
        one.correction = made.get(row[:3])
        if one.correction is not None:
            found = one.correction
            one.cost = Total(found.before_tax, found.after_tax, currency_of(found.breakdown))


def _priced(
    base: CostRow,
    one: Charged,
    row: CostRow | None,
    rules: Rules,
    past: Past | None,
    reserved: tuple[datetime, datetime] | None,
    settings: TenantCosts,
) -> CostRow:
    # Who would show it in another currency is told nothing.
    in_currency = base.station_currency is None
    accrual, shown, is_newest = _add_past(rules, one, row, past, reserved, answers=settings.answers and in_currency)
    if accrual is None:
        return base
    # Who was refused pays nothing, however much it was.
    if one.is_over and not one.energy_known and rules.bills_energy and accrual.authorized is not None:
        # Neither what the fee is nor 0.00 (I03.FR.04): it is not known what it costs.
        for event in one.events:
            event.response.ClearField("total_cost")
        return base._replace(accrual=accrual.dump())
    if shown is not None and is_newest and not one.is_over:
        settled, (before, after) = accrual, shown
    else:
        settled = _until(rules, accrual, one.end)
        before, after = total_of(rules, settled)
    shown_total = None if shown is None else shown[1]
    if one.end is not None and in_currency:
        one.total = after
        _answer_ends(one, after)
        shown_total = after if any(event.ends for event in one.events) else shown_total
    interval = rules.interval or settings.interval
    return base._replace(
        before_tax=f"{before:f}",
        after_tax=f"{after:f}",
        accrual=accrual.dump(),
        breakdown=cost_of(rules, settled).SerializeToString() if one.is_over else None,
        told_total=base.told_total if shown_total is None else f"{shown_total:f}",
        next_time=base.update_time + interval if settings.sends and in_currency and not one.is_over else None,
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


def _is_anew(one: Charged, row: CostRow | None, version: VersionKey | None) -> bool:
    """Return whether all events of the transaction are needed, and not only the new ones."""
    if version is None:
        return False
    if one.is_new:
        return one.is_late
    return one.is_late or row is None or row.accrual is None or row.tariff != version or is_final(row)


def _state(one: Charged) -> int:
    if one.settlement:
        return cost_pb.COST_STATE_FINAL
    return cost_pb.COST_STATE_RUNNING if one.end is None else cost_pb.COST_STATE_PROVISIONAL


def _of_end(one: Charged, now: datetime) -> dict[str, Any]:
    """Return what is stored of a transaction that is over: what it waits for, or why it is settled."""
    if one.settlement:
        return {"waits_for": None, "waits_until": None, "settlement": one.settlement, "settle_time": now}
    waits_for = cost_pb.COST_WAIT_EVENTS if one.has_beginning else cost_pb.COST_WAIT_BEGINNING
    return {"waits_for": waits_for, "waits_until": one.waits_until}


def _add_past(
    rules: Rules,
    one: Charged,
    row: CostRow | None,
    past: Past | None,
    reserved: tuple[datetime, datetime] | None,
    *,
    answers: bool,
) -> tuple[Accrual | None, tuple[Decimal, Decimal] | None, bool]:
    """Return the accrual with the new events, the last running cost that was answered, and whether it is the newest."""
    shown: tuple[Decimal, Decimal] | None = None
    is_newest = False
    accrual = None if past is not None or row is None or row.accrual is None else Accrual.load(row.accrual)
    if past is not None:
        accrual = past.accrual
    for event in one.events:
        if past is None:
            accrual = accrue(rules, [event.moment], accrual)
        _reserve(accrual, reserved)
        is_newest = answers and event.updates and accrual is not None
        if is_newest and accrual is not None:
            shown = total_of(rules, _until(rules, accrual, None))
            event.response.total_cost = float(shown[1])
            if one.wants_details:
                now = accrual.moment_after(timedelta(0))
                event.response.custom_data.CopyFrom(running_details(rules, accrual, now, one.register_wh))
    _reserve(accrual, reserved)
    return accrual, shown, is_newest


def _until(rules: Rules, accrual: Accrual, end: datetime | None) -> Accrual:
    """Return the accrual up to the end of its transaction, or to the present moment."""
    return accrual.until(rules, to_micros(end) if end is not None else accrual.moment_after(timedelta(0)))


def _reserve(accrual: Accrual | None, reserved: tuple[datetime, datetime] | None) -> None:
    if accrual is not None and reserved is not None:
        made, expires = map(to_micros, reserved)
        accrual.reserved = (made, max(made, min(accrual.start, expires)))


def _answer_ends(one: Charged, total: Decimal) -> None:
    for event in one.events:
        if event.ends:
            # I03.FR.04: 0.00 says that it was free.
            event.response.total_cost = float(total)


def _show_other_tariff(one: Charged, tariff: pb.Tariff) -> None:
    """Tell a driver who may have been told of another tariff (I06.FR.02); the token's status tells it by itself."""
    for event in one.events:
        if event.updates and not event.response.HasField("id_token_info"):
            event.response.updated_personal_message.CopyFrom(message_of(tariff))
