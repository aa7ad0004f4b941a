"""When a final cost is corrected, and what is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.events.v1.events_pb2 import CostCorrected, Event
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRepository, CorrectionRow
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.db import UnitOfWork
from citrine_core.resources.charge_records import DueRecord, add_due

__all__ = ["Cause", "Reckoned", "Total", "correct", "correction_of", "currency_of"]


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


async def correct(
    work: UnitOfWork, reckoned: Sequence[Reckoned], now: datetime
) -> dict[tuple[str, str, str], CorrectionRow]:
    """Store what final costs of one tenant are replaced by, with events, and return it by tenant, station and
    transaction; what costs as much as before has none.
    """
    corrections = CorrectionRepository(work.session)
    latest = await corrections.find_latest(reckoned[0].key[0], [one.key[1:] for one in reckoned])
    found = {one.key: correction_of(one, latest.get(one.key[1:]), now) for one in reckoned}
    made = {key: row for key, row in found.items() if row is not None}
    await corrections.add(list(made.values()))
    await add_due(work.session, [DueRecord(*key, row.reason, now) for key, row in made.items()])
    for one in reckoned:
        if one.key in made:
            work.emit(_event_of(made[one.key], _before(one, latest.get(one.key[1:])).currency))
    return made


def currency_of(breakdown: bytes | None) -> str:
    """Return the currency of a stored cost; nothing where there is none."""
    return "" if breakdown is None else pb.Cost.FromString(breakdown).currency


def correction_of(reckoned: Reckoned, latest: CorrectionRow | None, now: datetime) -> CorrectionRow | None:
    """Return what is to be stored where a transaction costs something else than before; None where it does not.

    Args:
        reckoned: What came out.
        latest: The latest correction. None: there is none.
        now: The time.
    """
    cost = pb.Cost.FromString(reckoned.breakdown)
    total, before = cost.total, _before(reckoned, latest)
    # As much in another currency is something else.
    if before == (total.before_tax, total.after_tax, cost.currency):
        return None
    cause, number = reckoned.cause, 1 if latest is None else latest.number + 1
    return CorrectionRow(
        *reckoned.key, number, cause.reason, cause.detail, cause.author, *reckoned.version[:2], total.before_tax,
        total.after_tax, before.before_tax, before.after_tax, reckoned.breakdown, now,
    )  # fmt: skip


def _before(reckoned: Reckoned, latest: CorrectionRow | None) -> Total:
    if latest is None:
        return reckoned.final
    return Total(latest.before_tax, latest.after_tax, currency_of(latest.breakdown))


def _event_of(row: CorrectionRow, replaced_currency: str) -> Event:
    """Return what subscribers are told: what it is, and what it replaces."""
    name = cost_pb.CostCorrection.Reason.Name(cost_pb.CostCorrection.Reason.ValueType(row.reason))
    body = CostCorrected(
        transaction_id=row.transaction_id,
        number=row.number,
        replaces=row.number - 1,
        reason=name.removeprefix("REASON_"),
        currency=currency_of(row.breakdown),
        before_tax=row.before_tax,
        after_tax=row.after_tax,
        replaced_before_tax=row.replaced_before_tax or "",
        replaced_after_tax=row.replaced_after_tax or "",
        tariff_id=row.tariff_id,
        tariff_version=row.tariff_version,
        author=row.author,
        replaced_currency="" if row.replaced_after_tax is None else replaced_currency,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, cost_corrected=body)
