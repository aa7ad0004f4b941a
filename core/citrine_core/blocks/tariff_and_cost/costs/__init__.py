"""What transactions cost: computed with each batch of their events, and told to their stations."""

from citrine_core.blocks.tariff_and_cost.costs.messages import PriceMessages
from citrine_core.blocks.tariff_and_cost.costs.pricing import Charged, ChargedEvent, Pricing, breakdown_of
from citrine_core.blocks.tariff_and_cost.costs.repository import CostRepository, CostRow, TenantCosts, close_cost
from citrine_core.blocks.tariff_and_cost.costs.running import INTERVAL, RunningCosts
from citrine_core.blocks.tariff_and_cost.costs.stored import Tariffs, Tenants

__all__ = [
    "INTERVAL",
    "Charged",
    "ChargedEvent",
    "CostRepository",
    "CostRow",
    "PriceMessages",
    "Pricing",
    "RunningCosts",
    "Tariffs",
    "TenantCosts",
    "Tenants",
    "breakdown_of",
    "close_cost",
]
