"""Functional block I, TariffAndCost: what charging costs, from the operator's tariffs to the driver's display."""

from functools import partial

from citrine.api.v1 import tariff_and_cost_pb2_grpc, tariffs_pb2_grpc
from citrine_core.blocks.tariff_and_cost.accrual import Moment
from citrine_core.blocks.tariff_and_cost.assignments import Subject
from citrine_core.blocks.tariff_and_cost.corrections import Cause, CorrectionRow
from citrine_core.blocks.tariff_and_cost.corrections.operations import current_version, waive
from citrine_core.blocks.tariff_and_cost.corrections.protos import correction_to_proto
from citrine_core.blocks.tariff_and_cost.handlers import TariffAndCostHandlers
from citrine_core.blocks.tariff_and_cost.repository import forget_assignments
from citrine_core.blocks.tariff_and_cost.rules import to_micros
from citrine_core.blocks.tariff_and_cost.servicer import TariffAndCostServicer, TariffsServicer
from citrine_core.blocks.tariff_and_cost.transaction_costs import (
    INTERVAL,
    Charged,
    ChargedEvent,
    PriceMessages,
    Pricing,
    RunningCosts,
)
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.services import Services

__all__ = [
    "Cause",
    "Charged",
    "ChargedEvent",
    "CorrectionRow",
    "Moment",
    "PriceMessages",
    "Pricing",
    "Subject",
    "TariffAndCostHandlers",
    "TariffAndCostServicer",
    "TariffsServicer",
    "block",
    "correction_to_proto",
    "current_version",
    "to_micros",
    "waive",
]


def block(services: Services) -> Block:
    """Return the block, put together."""
    services.informers.append(PriceMessages(services).inform)
    running = Job("running costs", INTERVAL, RunningCosts(services).run)
    return Block(
        "tariff_and_cost",
        [TariffAndCostHandlers(services)],
        [
            partial(
                tariff_and_cost_pb2_grpc.add_TariffAndCostServiceServicer_to_server, TariffAndCostServicer(services)
            ),
            partial(tariffs_pb2_grpc.add_TariffsServiceServicer_to_server, TariffsServicer(services, running.wake)),
        ],
        ["citrine.api.v1.TariffAndCostService", "citrine.api.v1.TariffsService"],
        forget_station=forget_assignments,
        jobs=[running],
    )
