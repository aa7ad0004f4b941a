"""Functional block K, Smart charging: charging profiles, external limits, and the schedules of vehicles."""

from functools import partial

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1 import smart_charging_pb2_grpc
from citrine_core.blocks.smart_charging.answers import ProfileAnswers
from citrine_core.blocks.smart_charging.capacity import (
    CapacityPlan,
    CapacityPlans,
    Planning,
    PlanTriggers,
    forget_plan,
)
from citrine_core.blocks.smart_charging.checks import check_start_profile
from citrine_core.blocks.smart_charging.handlers import SmartChargingHandlers
from citrine_core.blocks.smart_charging.jobs import ChargingPlans
from citrine_core.blocks.smart_charging.models import Capacity, ExternalLimit, Negotiation, ProfileQuery, ProfileRecord
from citrine_core.blocks.smart_charging.records import ProfileExpiry
from citrine_core.blocks.smart_charging.repository import forget_charging
from citrine_core.blocks.smart_charging.servicer import SmartChargingServicer
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = [
    "Capacity",
    "CapacityPlan",
    "CapacityPlans",
    "ChargingPlans",
    "ExternalLimit",
    "Negotiation",
    "PlanTriggers",
    "ProfileAnswers",
    "ProfileExpiry",
    "ProfileQuery",
    "ProfileRecord",
    "SmartChargingHandlers",
    "SmartChargingServicer",
    "block",
    "check_start_profile",
    "forget_charging",
]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    plans = ChargingPlans(services)
    expiry = ProfileExpiry(services.unit_of_work, services.clock)

    async def renegotiate(work: UnitOfWork, tenant_id: str, station_id: str) -> object:
        return await plans.renegotiate(work, tenant_id, station_id, 0, pb.CHARGING_NEGOTIATION_CAUSE_CAPACITY)

    async def forget_station(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        await forget_charging(work, tenant_id, station_id)
        await forget_plan(work, tenant_id, station_id)

    capacities = CapacityPlans(services, Planning(renegotiate))
    plans.on_planned = capacities.wake
    triggers = PlanTriggers(services.clock, capacities.wake)
    servicer = SmartChargingServicer(services, plans, triggers)
    return Block(
        "smart_charging",
        [SmartChargingHandlers(services, plans, triggers), ProfileAnswers(services, plans, triggers)],
        [partial(smart_charging_pb2_grpc.add_SmartChargingServiceServicer_to_server, servicer)],
        ["citrine.api.v1.SmartChargingService"],
        forget_station=forget_station,
        jobs=[plans.job, expiry.job, capacities.job],
        observers=[triggers.observe],
    )
