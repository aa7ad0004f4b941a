"""Functional block G, Availability: statuses of connectors, and changes of availability by operators."""

from functools import partial

from citrine.api.v1 import availability_pb2_grpc
from citrine_core.blocks.availability.handlers import AvailabilityHandlers, StatusReport, record_statuses
from citrine_core.blocks.availability.jobs import AvailabilityReminders
from citrine_core.blocks.availability.models import ConnectorState, ConnectorStatusChange, WantedAvailability
from citrine_core.blocks.availability.repository import (
    AvailabilityRepository,
    ConnectorRepository,
    forget_connectors,
)
from citrine_core.blocks.availability.servicer import AvailabilityServicer
from citrine_core.blocks.availability.statuses import status_of_event
from citrine_core.blocks.availability.wanted_availability import wanted_of
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = [
    "AvailabilityHandlers",
    "AvailabilityReminders",
    "AvailabilityRepository",
    "AvailabilityServicer",
    "ConnectorRepository",
    "ConnectorState",
    "ConnectorStatusChange",
    "StatusReport",
    "WantedAvailability",
    "block",
    "forget_connectors",
    "record_statuses",
    "status_of_event",
    "wanted_of",
]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    return Block(
        "availability",
        [AvailabilityHandlers(services)],
        [partial(availability_pb2_grpc.add_AvailabilityServiceServicer_to_server, AvailabilityServicer(services))],
        ["citrine.api.v1.AvailabilityService"],
        jobs=[AvailabilityReminders(services).job],
        forget_station=forget_connectors,
    )
