"""Functional block B, Provisioning: boot, configuration and reports of the device model."""

from functools import partial

from citrine.api.v1 import provisioning_pb2_grpc
from citrine_core.blocks.provisioning.boots import BootHandlers
from citrine_core.blocks.provisioning.handlers import ProvisioningHandlers
from citrine_core.blocks.provisioning.models import ReportedVariable
from citrine_core.blocks.provisioning.pieces import PieceSender, merged
from citrine_core.blocks.provisioning.reports import ReportHandlers
from citrine_core.blocks.provisioning.repository import (
    RegistrationRepository,
    VariableRepository,
    forget_device_model,
)
from citrine_core.blocks.provisioning.servicer import ProvisioningServicer
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = [
    "BootHandlers",
    "PieceSender",
    "ProvisioningHandlers",
    "ProvisioningServicer",
    "RegistrationRepository",
    "ReportHandlers",
    "ReportedVariable",
    "VariableRepository",
    "block",
    "forget_device_model",
    "merged",
]


def block(services: Services) -> Block:
    """Return the block, put together."""
    return Block(
        "provisioning",
        [BootHandlers(services), ProvisioningHandlers(services), ReportHandlers(services)],
        [partial(provisioning_pb2_grpc.add_ProvisioningServiceServicer_to_server, ProvisioningServicer(services))],
        ["citrine.api.v1.ProvisioningService"],
        forget_station=forget_device_model,
    )
