"""Functional block K, Smart charging: charging profiles, limits of others, and the schedules of vehicles."""

from functools import partial

from citrine.api.v1 import smart_charging_pb2_grpc
from citrine_core.blocks.smart_charging.answers import ProfileAnswers
from citrine_core.blocks.smart_charging.checks import check_start_profile
from citrine_core.blocks.smart_charging.handlers import SmartChargingHandlers
from citrine_core.blocks.smart_charging.jobs import ChargingPlans
from citrine_core.blocks.smart_charging.models import Capacity, ExternalLimit, Negotiation, ProfileQuery, ProfileRecord
from citrine_core.blocks.smart_charging.records import ProfileUpkeep
from citrine_core.blocks.smart_charging.repository import forget_charging
from citrine_core.blocks.smart_charging.servicer import SmartChargingServicer
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = [
    "Capacity",
    "ChargingPlans",
    "ExternalLimit",
    "Negotiation",
    "ProfileAnswers",
    "ProfileQuery",
    "ProfileRecord",
    "ProfileUpkeep",
    "SmartChargingHandlers",
    "SmartChargingServicer",
    "block",
    "check_start_profile",
    "forget_charging",
]


def block(services: Services) -> Block:
    """Return the block, put together."""
    plans = ChargingPlans(services)
    upkeep = ProfileUpkeep(services.unit_of_work, services.clock)
    servicer = SmartChargingServicer(services, plans)
    return Block(
        "smart_charging",
        [SmartChargingHandlers(services, plans), ProfileAnswers(services, plans)],
        [partial(smart_charging_pb2_grpc.add_SmartChargingServiceServicer_to_server, servicer)],
        ["citrine.api.v1.SmartChargingService"],
        forget_station=forget_charging,
        jobs=[plans.job, upkeep.job],
    )
