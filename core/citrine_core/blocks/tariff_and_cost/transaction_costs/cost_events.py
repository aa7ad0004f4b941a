"""What subscribers are told of costs."""

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.events.v1.events_pb2 import Event, TransactionCostChanged, TransactionSummary
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import CostRow
from citrine_core.db import UnitOfWork

__all__ = ["publish_cost"]


def publish_cost(work: UnitOfWork, row: CostRow | None, computed: CostRow, summary: TransactionSummary | None) -> None:
    """Tell others of the cost of a transaction that is over, and of each change of it."""
    if computed.state == cost_pb.COST_STATE_RUNNING or computed.tariff_id is None:
        return
    said = (computed.tariff_id, computed.tariff_version, computed.state, computed.before_tax, computed.after_tax)
    if row is not None and said == (row.tariff_id, row.tariff_version, row.state, row.before_tax, row.after_tax):
        return
    cost = pb.Cost.FromString(computed.breakdown or b"")
    changed = TransactionCostChanged(
        transaction_id=computed.transaction_id,
        tariff_id=computed.tariff_id,
        tariff_version=computed.tariff_version or 0,
        currency=cost.currency,
        before_tax=cost.total.before_tax,
        after_tax=cost.total.after_tax,
        final=computed.state == cost_pb.COST_STATE_FINAL,
        unknown=computed.breakdown is None,
        transaction=summary,
    )
    work.emit(Event(tenant_id=computed.tenant_id, station_id=computed.station_id, transaction_cost_changed=changed))
