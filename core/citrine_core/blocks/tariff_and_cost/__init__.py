"""Functional block I, TariffAndCost: what charging costs.

Costs are kept with their transaction; this block has no tables.
"""

from citrine_core.blocks.tariff_and_cost.handlers import TariffAndCostHandlers
from citrine_core.blocks.tariff_and_cost.servicer import TariffAndCostServicer

__all__ = ["TariffAndCostHandlers", "TariffAndCostServicer"]
