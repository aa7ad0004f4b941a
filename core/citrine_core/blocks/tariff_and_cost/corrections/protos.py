"""Corrections as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRepository, CorrectionRow
from citrine_core.blocks.tariff_and_cost.corrections.rules import currency_of
from citrine_core.blocks.tariff_and_cost.transaction_costs import CostRepository
from citrine_core.db import UnitOfWork
from citrine_core.rpc import to_timestamp

__all__ = ["corrections_to_protos"]

_Key: TypeAlias = tuple[str, str, int]
"""Station, transaction and number."""


async def corrections_to_protos(
    work: UnitOfWork, tenant_id: str, rows: Sequence[CorrectionRow], *, whole: bool = True
) -> list[cost_pb.CostCorrection]:
    """Return corrections, with the currency of what each replaces; without lines and periods unless wanted whole."""
    currencies = await _replaced_currencies(work, tenant_id, rows)
    return [_to_proto(row, currencies, whole) for row in rows]


async def _replaced_currencies(work: UnitOfWork, tenant_id: str, rows: Sequence[CorrectionRow]) -> dict[_Key, str]:
    """Return the currencies of what was replaced, by the key of the correction."""
    first = [(row.station_id, row.transaction_id) for row in rows if row.number == 1]
    later = [(row.station_id, row.transaction_id, row.number - 1) for row in rows if row.number > 1]
    costs = await CostRepository(work.session).find_all(tenant_id, first) if first else {}
    before = await CorrectionRepository(work.session).breakdowns(tenant_id, later) if later else {}
    of_costs = {(*key, 1): currency_of(row.breakdown) for key, row in costs.items()}
    return of_costs | {(*key[:2], key[2] + 1): currency_of(breakdown) for key, breakdown in before.items()}


def _to_proto(row: CorrectionRow, currencies: Mapping[_Key, str], whole: bool) -> cost_pb.CostCorrection:
    cost = pb.Cost.FromString(row.breakdown)
    found = cost_pb.CostCorrection(
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        number=row.number,
        replaces=row.number - 1,
        reason=cost_pb.CostCorrection.Reason.ValueType(row.reason),
        detail=row.detail,
        requested_by=row.author,
        cost=cost if whole else pb.Cost(currency=cost.currency, total=cost.total),
        tariff_id=row.tariff_id,
        tariff_version=row.tariff_version,
        create_time=to_timestamp(row.create_time),
    )
    if row.replaced_after_tax is not None:
        replaced = pb.Amount(before_tax=row.replaced_before_tax or "", after_tax=row.replaced_after_tax)
        found.replaced_total.CopyFrom(replaced)
        found.replaced_currency = currencies.get((row.station_id, row.transaction_id, row.number), "")
    return found
