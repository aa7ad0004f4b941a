"""Functional block G, Availability: what is in service, from StatusNotification to the stored connector."""

from citrine_core.blocks.availability.handlers import AvailabilityHandlers, StatusReport, record_statuses
from citrine_core.blocks.availability.models import ConnectorState, ConnectorStatusChange
from citrine_core.blocks.availability.repository import ConnectorRepository, forget_connectors
from citrine_core.blocks.availability.servicer import AvailabilityServicer

__all__ = [
    "AvailabilityHandlers",
    "AvailabilityServicer",
    "ConnectorRepository",
    "ConnectorState",
    "ConnectorStatusChange",
    "StatusReport",
    "forget_connectors",
    "record_statuses",
]
