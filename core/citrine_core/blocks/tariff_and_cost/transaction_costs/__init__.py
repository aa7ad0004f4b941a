"""What transactions cost: computed with each batch of their events, and told to their stations."""

from citrine_core.blocks.tariff_and_cost.transaction_costs.breakdowns import breakdown_of
from citrine_core.blocks.tariff_and_cost.transaction_costs.cache import Tariffs, Tenants
from citrine_core.blocks.tariff_and_cost.transaction_costs.charged import Charged, ChargedEvent
from citrine_core.blocks.tariff_and_cost.transaction_costs.jobs import INTERVAL, RunningCosts
from citrine_core.blocks.tariff_and_cost.transaction_costs.messages import PriceMessages
from citrine_core.blocks.tariff_and_cost.transaction_costs.past import Prepared
from citrine_core.blocks.tariff_and_cost.transaction_costs.pricing import Pricing
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import (
    CostRepository,
    CostRow,
    TenantCosts,
)

__all__ = [
    "INTERVAL",
    "Charged",
    "ChargedEvent",
    "CostRepository",
    "CostRow",
    "Prepared",
    "PriceMessages",
    "Pricing",
    "RunningCosts",
    "Tariffs",
    "TenantCosts",
    "Tenants",
    "breakdown_of",
]
