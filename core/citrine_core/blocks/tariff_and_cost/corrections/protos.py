"""Corrections as the API shows them."""

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRow
from citrine_core.rpc import to_timestamp

__all__ = ["correction_to_proto"]


def correction_to_proto(row: CorrectionRow, *, whole: bool = True) -> cost_pb.CostCorrection:
    """Return a correction; without lines and periods unless it is wanted whole."""
    cost = pb.Cost.FromString(row.breakdown)
    found = cost_pb.CostCorrection(
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        number=row.number,
        replaces=row.number - 1,
        reason=cost_pb.CostCorrection.Reason.ValueType(row.reason),
        detail=row.detail,
        author=row.author,
        cost=cost if whole else pb.Cost(currency=cost.currency, total=cost.total),
        tariff_id=row.tariff_id,
        tariff_version=row.tariff_version,
        create_time=to_timestamp(row.create_time),
    )
    if row.replaced_after_tax is not None:
        replaced = pb.Amount(before_tax=row.replaced_before_tax or "", after_tax=row.replaced_after_tax)
        found.replaced_total.CopyFrom(replaced)
    return found
