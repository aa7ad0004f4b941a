"""Corrections that operators want, and need nothing of the transaction."""

from datetime import datetime

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRepository, CorrectionRow
from citrine_core.blocks.tariff_and_cost.corrections.rules import Cause, Reckoned, Total, correct, currency_of
from citrine_core.blocks.tariff_and_cost.money import minor_digits
from citrine_core.blocks.tariff_and_cost.repository import TariffRepository, VersionKey
from citrine_core.blocks.tariff_and_cost.transaction_costs import CostRepository, Tariffs
from citrine_core.db import UnitOfWork
from citrine_core.errors import FailedPrecondition

__all__ = ["current_version", "waive"]


async def current_version(work: UnitOfWork, tenant_id: str, tariff_id: str, version: int) -> VersionKey:
    """Return a version of a tariff that there is, the current one for 0.

    Raises:
        NotFound: When there is none.
    """
    _, found = await TariffRepository(work.session).get(tenant_id, tariff_id, version=version)
    return VersionKey(found.tariff_id, found.version)


async def waive(work: UnitOfWork, key: tuple[str, str, str], cause: Cause, now: datetime) -> CorrectionRow:
    """Have a transaction with a final cost cost nothing.

    Args:
        work: Whose transaction it is.
        key: Tenant, station and transaction.
        cause: Who wants it, and why.
        now: The time.

    Raises:
        FailedPrecondition: When it has no price, or costs nothing.
    """
    row = (await CostRepository(work.session).find_all(key[0], [key[1:]])).get(key[1:])
    latest = (await CorrectionRepository(work.session).find_latest(key[0], [key[1:]])).get(key[1:])
    # What had no tariff, or another one, may have been priced afterwards: the price that stands is waived.
    priced = row if latest is None else latest
    version = (
        None if priced is None or priced.tariff_id is None else VersionKey(priced.tariff_id, priced.tariff_version or 0)
    )
    if row is None or version is None:
        raise FailedPrecondition("no tariff applies to the transaction")
    tariff = (await Tariffs().find(work, key[0], [version])).get(version)
    currency = "" if tariff is None else tariff[0].currency
    nothing = f"{0:.{minor_digits(currency)}f}"
    cost = pb.Cost(currency=currency, total=pb.Amount(before_tax=nothing, after_tax=nothing))
    final = Total(row.before_tax, row.after_tax, currency_of(row.breakdown))
    made = await correct(work, [Reckoned(key, cause, version, cost.SerializeToString(), final)], now)
    if key not in made:
        raise FailedPrecondition("the transaction costs nothing")
    return made[key]
