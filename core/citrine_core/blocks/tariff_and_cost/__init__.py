"""Functional block I, TariffAndCost: what charging costs.

Costs are kept with their transaction; this block has no tables.
"""

from functools import partial

from citrine.api.v1 import tariff_and_cost_pb2_grpc
from citrine_core.blocks.tariff_and_cost.handlers import TariffAndCostHandlers
from citrine_core.blocks.tariff_and_cost.servicer import TariffAndCostServicer
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = ["TariffAndCostHandlers", "TariffAndCostServicer", "block"]


def block(services: Services) -> Block:
    """Return the block, put together."""
    return Block(
        "tariff_and_cost",
        [TariffAndCostHandlers(services)],
        [partial(tariff_and_cost_pb2_grpc.add_TariffAndCostServiceServicer_to_server, TariffAndCostServicer(services))],
        ["citrine.api.v1.TariffAndCostService"],
    )
