"""The breakdown of the cost of a transaction, as it is shown."""

from datetime import datetime, timedelta

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import Accrual
from citrine_core.blocks.tariff_and_cost.calculation import cost_of
from citrine_core.blocks.tariff_and_cost.rules import Rules
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import CostRow

__all__ = ["breakdown_of"]


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
