"""Corrections that operators want, and need nothing of the transaction."""

from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.events.v1.events_pb2 import TransactionSummary
from citrine_core.blocks.tariff_and_cost.corrections.credits import credited
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRepository, CorrectionRow
from citrine_core.blocks.tariff_and_cost.corrections.rules import Cause, Reckoned, Total, correct, currency_of
from citrine_core.blocks.tariff_and_cost.money import minor_digits
from citrine_core.blocks.tariff_and_cost.repository import TariffRepository, VersionKey
from citrine_core.blocks.tariff_and_cost.transaction_costs import CostRepository, Tariffs
from citrine_core.db import UnitOfWork
from citrine_core.errors import Conflict, FailedPrecondition

__all__ = ["credit", "current_version", "waive"]


async def current_version(work: UnitOfWork, tenant_id: str, tariff_id: str, version: int) -> VersionKey:
    """Return a version of a tariff that there is, the current one for 0.

    Raises:
        NotFound: When there is none.
    """
    _, found = await TariffRepository(work.session).get(tenant_id, tariff_id, version=version)
    return VersionKey(found.tariff_id, found.version)


async def waive(
    work: UnitOfWork, key: tuple[str, str, str], cause: Cause, now: datetime, summary: TransactionSummary
) -> CorrectionRow:
    """Have a transaction with a final cost cost nothing.

    Args:
        work: Whose transaction it is.
        key: Tenant, station and transaction.
        cause: Who wants it, and why.
        now: The time.
        summary: State of the transaction, for subscribers.

    Raises:
        FailedPrecondition: When it has no price, or costs nothing.
    """
    standing = await _find_standing(work, key)
    tariff = (await Tariffs().find(work, key[0], [standing.version])).get(standing.version)
    currency = "" if tariff is None else tariff[0].currency
    nothing = f"{0:.{minor_digits(currency)}f}"
    cost = pb.Cost(currency=currency, total=pb.Amount(before_tax=nothing, after_tax=nothing))
    made = await correct(work, [standing.reckoned(key, cause, cost, summary)], now)
    if key not in made:
        raise FailedPrecondition("the transaction costs nothing")
    return made[key]


async def credit(
    work: UnitOfWork,
    key: tuple[str, str, str],
    cause: Cause,
    amount: Fraction,
    now: datetime,
    summary: TransactionSummary,
    *,
    replaces: int | None,
) -> CorrectionRow:
    """Take an amount off what a transaction with a final cost costs.

    Args:
        work: Whose transaction it is.
        key: Tenant, station and transaction.
        cause: Who wants it, and why.
        amount: How much, with tax; above 0.
        now: The time.
        summary: State of the transaction, for subscribers.
        replaces: Number of the correction that is the latest, 0 for none. None: whichever is.

    Raises:
        InvalidArgument: When the amount has more places than the currency.
        FailedPrecondition: When the transaction has no price, or costs less.
        Conflict: When another correction is the latest.
    """
    standing = await _find_standing(work, key)
    if replaces is not None and replaces != standing.number:
        raise Conflict(f"transaction {key[2]} was corrected in between: correction {standing.number} is the latest")
    if standing.breakdown is None:
        raise FailedPrecondition("the cost of the transaction is not known")
    cost = credited(pb.Cost.FromString(standing.breakdown), amount)
    return (await correct(work, [standing.reckoned(key, cause, cost, summary)], now))[key]


class _Standing(NamedTuple):
    """What a transaction costs now."""

    final: Total
    """The final cost."""
    number: int
    """Of the latest correction. 0: there is none."""
    version: VersionKey
    """Of the tariff of what it costs now."""
    breakdown: bytes | None
    """Serialised citrine.api.v1.Cost of what it costs now. None: that is not known."""

    def reckoned(self, key: tuple[str, str, str], cause: Cause, cost: pb.Cost, summary: TransactionSummary) -> Reckoned:
        """Return what it is to cost instead."""
        return Reckoned(key, cause, self.version, cost.SerializeToString(), self.final, summary)


async def _find_standing(work: UnitOfWork, key: tuple[str, str, str]) -> _Standing:
    row = (await CostRepository(work.session).find_all(key[0], [key[1:]])).get(key[1:])
    latest = (await CorrectionRepository(work.session).find_latest(key[0], [key[1:]])).get(key[1:])
    # What had no tariff, or another one, may have been priced afterwards: the price that stands counts.
    priced = row if latest is None else latest
    if row is None or priced is None or priced.tariff_id is None:
        raise FailedPrecondition("no tariff applies to the transaction")
    final = Total(row.before_tax, row.after_tax, currency_of(row.breakdown))
    number = 0 if latest is None else latest.number
    return _Standing(final, number, VersionKey(priced.tariff_id, priced.tariff_version or 0), priced.breakdown)
