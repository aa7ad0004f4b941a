"""When a final cost is corrected, and what is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection
from citrine.events.v1.events_pb2 import CostCorrected, Event, TransactionSummary
from citrine_core.blocks.tariff_and_cost.corrections.credits import less_credits, standing_credits
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRepository, CorrectionRow
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.db import UnitOfWork
from citrine_core.resources.charge_records import DueRecord, add_due

__all__ = ["Cause", "Reckoned", "Total", "correct", "correction_of", "currency_of"]

_Reason = cost_pb.CostCorrection

_OF_PART = frozenset({int(_Reason.REASON_WAIVED), int(_Reason.REASON_CREDITED), int(_Reason.REASON_REFUNDED)})
"""Reasons of corrections that make no new price: what they say is owed."""

_END_WAIVERS = frozenset({int(_Reason.REASON_REPRICED), int(_Reason.REASON_REOPENED)})
"""Reasons of corrections by which operators have a price again after a waiver."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a cost that is final is reckoned anew."""

    reason: int
    """citrine.api.v1.CostCorrection.Reason"""
    detail: str = ""
    author: str = ""
    """Name of the key of who wants it. Empty: the core by itself."""
    version: VersionKey | None = None
    """Tariff to reckon by. None: that of the cost."""


class Total(NamedTuple):
    """What a transaction costs: by its final cost, or by a correction."""

    before_tax: str | None
    after_tax: str | None
    currency: str
    """ISO 4217. Empty: it is not known what it costs."""


class Reckoned(NamedTuple):
    """What came out where a cost that is final was reckoned anew."""

    key: tuple[str, str, str]
    """Tenant, station and transaction."""
    cause: Cause
    version: VersionKey
    """Of the tariff that it was reckoned by."""
    breakdown: bytes
    """Serialised citrine.api.v1.Cost."""
    final: Total
    """The final cost."""
    summary: TransactionSummary | None
    """State of the transaction for subscribers."""


async def correct(
    work: UnitOfWork, reckoned: Sequence[Reckoned], now: datetime
) -> dict[tuple[str, str, str], CorrectionRow]:
    """Store what final costs of one tenant are replaced by, with events, and return it by tenant, station and
    transaction; what costs as much as before has none.
    """
    corrections = CorrectionRepository(work.session)
    earlier = await corrections.find_all(reckoned[0].key[0], [one.key[1:] for one in reckoned])
    found = {one.key: correction_of(one, earlier.get(one.key[1:], ()), now) for one in reckoned}
    made = {key: row for key, row in found.items() if row is not None}
    await corrections.add(list(made.values()))
    await add_due(work.session, [DueRecord(*key, row.reason, now) for key, row in made.items()])
    for one in reckoned:
        if one.key in made:
            replaced_currency = _before(one, earlier.get(one.key[1:], ())).currency
            work.emit(_event_of(made[one.key], replaced_currency, one.summary))
    return made


def currency_of(breakdown: bytes | None) -> str:
    """Return the currency of a stored cost; nothing where there is none."""
    return "" if breakdown is None else pb.Cost.FromString(breakdown).currency


def correction_of(reckoned: Reckoned, earlier: Sequence[CorrectionRow], now: datetime) -> CorrectionRow | None:
    """Return what is to be stored where a transaction costs something else than before; None where it does not.

    Args:
        reckoned: What came out.
        earlier: All corrections of the transaction so far, in their order.
        now: The time.
    """
    cost = _owed(reckoned, earlier)
    if cost is None:
        return None
    total, before = cost.total, _before(reckoned, earlier)
    # As much in another currency is something else.
    if before == (total.before_tax, total.after_tax, cost.currency):
        return None
    cause, number = reckoned.cause, earlier[-1].number + 1 if earlier else 1
    return CorrectionRow(
        *reckoned.key, number, cause.reason, cause.detail, cause.author, *reckoned.version[:2], total.before_tax,
        total.after_tax, before.before_tax, before.after_tax, cost.SerializeToString(), now,
    )  # fmt: skip


def _owed(reckoned: Reckoned, earlier: Sequence[CorrectionRow]) -> pb.Cost | None:
    """Return what a transaction costs by what came out; None where what it costs stands.

    Only operators end what operators decided: what the core reckons by itself ends no waiver, and each new price keeps
    the credits. In another currency they can't be kept.
    """
    cost, reason = pb.Cost.FromString(reckoned.breakdown), reckoned.cause.reason
    if reason in _OF_PART:
        return cost
    if earlier and earlier[-1].reason == _Reason.REASON_WAIVED and reason not in _END_WAIVERS:
        return None
    credits = standing_credits(earlier)
    if credits.amounts and credits.currency != cost.currency:
        return None
    return less_credits(cost, credits.amounts)


def _before(reckoned: Reckoned, earlier: Sequence[CorrectionRow]) -> Total:
    if not earlier:
        return reckoned.final
    latest = earlier[-1]
    return Total(latest.before_tax, latest.after_tax, currency_of(latest.breakdown))


def _event_of(row: CorrectionRow, replaced_currency: str, summary: TransactionSummary | None) -> Event:
    """Return what subscribers are told: what it is, and what it replaces."""
    body = CostCorrected(
        transaction_id=row.transaction_id,
        number=row.number,
        replaces=row.number - 1,
        reason=CostCorrection.Reason.ValueType(row.reason),
        currency=currency_of(row.breakdown),
        before_tax=row.before_tax,
        after_tax=row.after_tax,
        replaced_before_tax=row.replaced_before_tax or "",
        replaced_after_tax=row.replaced_after_tax or "",
        tariff_id=row.tariff_id,
        tariff_version=row.tariff_version,
        requested_by=row.author,
        replaced_currency="" if row.replaced_after_tax is None else replaced_currency,
        transaction=summary,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, cost_corrected=body)
