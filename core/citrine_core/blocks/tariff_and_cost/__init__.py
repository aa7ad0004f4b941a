"""Functional block I, TariffAndCost: what charging costs, from the operator's tariffs to the driver's display."""

from functools import partial

from citrine.api.v1 import reservation_costs_pb2_grpc, tariff_and_cost_pb2_grpc, tariffs_pb2_grpc
from citrine_core.blocks.reservation import ReservationRepository
from citrine_core.blocks.tariff_and_cost.accrual import Moment
from citrine_core.blocks.tariff_and_cost.assignments import Subject
from citrine_core.blocks.tariff_and_cost.corrections import Cause, CorrectionRow, Total
from citrine_core.blocks.tariff_and_cost.corrections.operations import credit, current_version, waive
from citrine_core.blocks.tariff_and_cost.corrections.protos import corrections_to_protos
from citrine_core.blocks.tariff_and_cost.handlers import TariffAndCostHandlers
from citrine_core.blocks.tariff_and_cost.jobs import STAMP_INTERVAL, UnstampedTariffs
from citrine_core.blocks.tariff_and_cost.money import parse_decimal
from citrine_core.blocks.tariff_and_cost.repository import TARIFFS, end_assignments
from citrine_core.blocks.tariff_and_cost.reservation_costs import INTERVAL as BILLING_INTERVAL
from citrine_core.blocks.tariff_and_cost.reservation_costs import ReservationCosts, ReservationCostsServicer
from citrine_core.blocks.tariff_and_cost.rules import to_micros
from citrine_core.blocks.tariff_and_cost.servicer import TariffAndCostServicer, TariffsServicer
from citrine_core.blocks.tariff_and_cost.transaction_costs import (
    INTERVAL,
    Charged,
    ChargedEvent,
    Prepared,
    PriceMessages,
    Pricing,
    RunningCosts,
)
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import CostRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.services import Services

__all__ = [
    "Cause",
    "Charged",
    "ChargedEvent",
    "CorrectionRow",
    "Moment",
    "Prepared",
    "PriceMessages",
    "Pricing",
    "Subject",
    "TariffAndCostHandlers",
    "TariffAndCostServicer",
    "TariffsServicer",
    "Total",
    "block",
    "corrections_to_protos",
    "credit",
    "current_version",
    "parse_decimal",
    "to_micros",
    "waive",
]


def block(services: Services) -> Block:
    """Return the block, put together."""

    async def forget_station(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        await end_assignments(work, tenant_id, station_id, services.clock())

    running = Job("running costs", INTERVAL, RunningCosts(services).run, due=CostRepository.due())
    reservations = Job(
        "costs of reservations",
        BILLING_INTERVAL,
        ReservationCosts(services).run,
        due=ReservationRepository.unbilled_since(),
    )
    unstamped = Job(
        "tariffs that an older core changed",
        STAMP_INTERVAL,
        UnstampedTariffs(services).run,
        is_shared=True,
        at_start=True,
    )
    return Block(
        "tariff_and_cost",
        [TariffAndCostHandlers(services)],
        [
            partial(
                tariff_and_cost_pb2_grpc.add_TariffAndCostServiceServicer_to_server, TariffAndCostServicer(services)
            ),
            partial(tariffs_pb2_grpc.add_TariffsServiceServicer_to_server, TariffsServicer(services, running.wake)),
            partial(
                reservation_costs_pb2_grpc.add_ReservationCostsServiceServicer_to_server,
                ReservationCostsServicer(services),
            ),
        ],
        [
            "citrine.api.v1.TariffAndCostService",
            "citrine.api.v1.TariffsService",
            "citrine.api.v1.ReservationCostsService",
        ],
        counted=[TARIFFS],
        informers=[PriceMessages(services).inform],
        forget_station=forget_station,
        jobs=[running, reservations, unstamped],
    )
