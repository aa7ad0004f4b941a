"""Functional block B, Provisioning: boot, configuration and reports of the device model."""

from functools import partial

from citrine.api.v1 import configurations_pb2_grpc, provisioning_pb2_grpc
from citrine_core.blocks.provisioning.message_splitting import PieceSender, merged
from citrine_core.blocks.provisioning.models import ReportedVariable
from citrine_core.blocks.provisioning.repository import VariableRepository, forget_device_model
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.resources.configurations import ProvisioningRepository
from citrine_core.services import Services

__all__ = [
    "PieceSender",
    "ReportedVariable",
    "VariableRepository",
    "block",
    "forget_device_model",
    "merged",
]


def block(services: Services) -> Block:
    """Return the block, put together."""
    # Imported here, because these modules use blocks that import this package for its `queries`.
    from citrine_core.blocks.provisioning.boots import BootHandlers
    from citrine_core.blocks.provisioning.configuration import (
        ConfigurationHandlers,
        ConfigurationsServicer,
        Provisioner,
    )
    from citrine_core.blocks.provisioning.handlers import ProvisioningHandlers
    from citrine_core.blocks.provisioning.jobs import HeldStations, Inventories
    from citrine_core.blocks.provisioning.records import RecordHandlers
    from citrine_core.blocks.provisioning.reports import ReportHandlers
    from citrine_core.blocks.provisioning.servicer import ProvisioningServicer

    provisioner = Provisioner(services)
    configuration = ConfigurationHandlers(services, provisioner.wake)
    servicer = ProvisioningServicer(services)
    configurations = ConfigurationsServicer(services, provisioner.wake)
    return Block(
        "provisioning",
        [
            BootHandlers(services, provisioner.wake),
            ProvisioningHandlers(services),
            ReportHandlers(services, configuration.reports_arrived),
            configuration,
            RecordHandlers(),
        ],
        [
            partial(provisioning_pb2_grpc.add_ProvisioningServiceServicer_to_server, servicer),
            partial(configurations_pb2_grpc.add_ConfigurationsServiceServicer_to_server, configurations),
        ],
        ["citrine.api.v1.ProvisioningService", "citrine.api.v1.ConfigurationsService"],
        jobs=[provisioner.job, HeldStations(services).job, Inventories(services).job],
        forget_station=_forget_station,
    )


async def _forget_station(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    from citrine_core.blocks.provisioning.records import NetworkProfileRepository, ResetRepository

    await forget_device_model(work, tenant_id, station_id)
    await ProvisioningRepository(work.session).forget(tenant_id, station_id)
    await ResetRepository(work.session).forget(tenant_id, station_id)
    await NetworkProfileRepository(work.session).forget(tenant_id, station_id)
