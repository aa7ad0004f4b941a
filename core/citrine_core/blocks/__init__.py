"""The functional blocks of OCPP, one package each, named as the specification names them."""

from functools import partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from citrine_core.dispatch import Block
    from citrine_core.services import Services

__all__ = ["PLUG_INS", "built_in", "plug_ins"]

PLUG_INS = "citrine.blocks"
"""Group of entry points. Each names a callable that takes Services and returns a Block; it must not use the services
yet, because it is also called where only the block's tables are wanted."""


def plug_ins(services: "Services") -> "list[Block]":
    """Return the blocks of installed plug-ins, by the name of their entry point."""
    found = sorted(entry_points(group=PLUG_INS), key=lambda entry_point: entry_point.name)
    return [entry_point.load()(services) for entry_point in found]


def built_in(services: "Services") -> "list[Block]":
    """Return the blocks that come with Citrine."""
    # Imported here: blocks use each other's packages, and importing one must not import them all.
    from citrine.api.v1 import authorization_pb2_grpc as authorization_grpc
    from citrine.api.v1 import availability_pb2_grpc as availability_grpc
    from citrine.api.v1 import data_transfer_pb2_grpc as data_transfer_grpc
    from citrine.api.v1 import diagnostics_pb2_grpc as diagnostics_grpc
    from citrine.api.v1 import meter_values_pb2_grpc as meter_values_grpc
    from citrine.api.v1 import provisioning_pb2_grpc as provisioning_grpc
    from citrine.api.v1 import remote_control_pb2_grpc as remote_control_grpc
    from citrine.api.v1 import security_pb2_grpc as security_grpc
    from citrine.api.v1 import tariff_and_cost_pb2_grpc as tariff_and_cost_grpc
    from citrine.api.v1 import transactions_pb2_grpc as transactions_grpc
    from citrine_core.blocks.authorization import AuthorizationHandlers, AuthorizationServicer
    from citrine_core.blocks.availability import AvailabilityHandlers, AvailabilityServicer, forget_connectors
    from citrine_core.blocks.data_transfer import DataTransferHandlers, DataTransferServicer
    from citrine_core.blocks.diagnostics import DiagnosticsHandlers, DiagnosticsServicer
    from citrine_core.blocks.meter_values import MeterValuesHandlers, MeterValuesServicer
    from citrine_core.blocks.provisioning import ProvisioningHandlers, ProvisioningServicer, forget_device_model
    from citrine_core.blocks.remote_control import RemoteControlServicer
    from citrine_core.blocks.security import SecurityHandlers, SecurityServicer
    from citrine_core.blocks.tariff_and_cost import TariffAndCostHandlers, TariffAndCostServicer
    from citrine_core.blocks.transactions import TransactionsHandlers, TransactionsServicer
    from citrine_core.dispatch import Block

    return [
        Block(
            "security",
            [SecurityHandlers(services)],
            [partial(security_grpc.add_SecurityServiceServicer_to_server, SecurityServicer(services))],
            ["citrine.api.v1.SecurityService"],
        ),
        Block(
            "provisioning",
            [ProvisioningHandlers(services)],
            [partial(provisioning_grpc.add_ProvisioningServiceServicer_to_server, ProvisioningServicer(services))],
            ["citrine.api.v1.ProvisioningService"],
            forget_station=forget_device_model,
        ),
        Block(
            "authorization",
            [AuthorizationHandlers(services)],
            [partial(authorization_grpc.add_AuthorizationServiceServicer_to_server, AuthorizationServicer(services))],
            ["citrine.api.v1.AuthorizationService"],
        ),
        Block(
            "transactions",
            [TransactionsHandlers(services)],
            [partial(transactions_grpc.add_TransactionsServiceServicer_to_server, TransactionsServicer(services))],
            ["citrine.api.v1.TransactionsService"],
        ),
        Block(
            "remote_control",
            [],
            [partial(remote_control_grpc.add_RemoteControlServiceServicer_to_server, RemoteControlServicer(services))],
            ["citrine.api.v1.RemoteControlService"],
        ),
        Block(
            "availability",
            [AvailabilityHandlers(services)],
            [partial(availability_grpc.add_AvailabilityServiceServicer_to_server, AvailabilityServicer(services))],
            ["citrine.api.v1.AvailabilityService"],
            forget_station=forget_connectors,
        ),
        Block(
            "tariff_and_cost",
            [TariffAndCostHandlers(services)],
            [partial(tariff_and_cost_grpc.add_TariffAndCostServiceServicer_to_server, TariffAndCostServicer(services))],
            ["citrine.api.v1.TariffAndCostService"],
        ),
        Block(
            "meter_values",
            [MeterValuesHandlers(services)],
            [partial(meter_values_grpc.add_MeterValuesServiceServicer_to_server, MeterValuesServicer(services))],
            ["citrine.api.v1.MeterValuesService"],
        ),
        Block(
            "diagnostics",
            [DiagnosticsHandlers(services)],
            [partial(diagnostics_grpc.add_DiagnosticsServiceServicer_to_server, DiagnosticsServicer(services))],
            ["citrine.api.v1.DiagnosticsService"],
        ),
        Block(
            "data_transfer",
            [DataTransferHandlers(services)],
            [partial(data_transfer_grpc.add_DataTransferServiceServicer_to_server, DataTransferServicer(services))],
            ["citrine.api.v1.DataTransferService"],
        ),
    ]
