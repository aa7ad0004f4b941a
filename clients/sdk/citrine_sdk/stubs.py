"""The services of the API, their stubs, and the rpcs that may be sent again; written by `make protos`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceAsyncStub
    from citrine.api.v1.availability_pb2_grpc import AvailabilityServiceAsyncStub
    from citrine.api.v1.commands_pb2_grpc import CommandsServiceAsyncStub
    from citrine.api.v1.configurations_pb2_grpc import ConfigurationsServiceAsyncStub
    from citrine.api.v1.connections_pb2_grpc import ConnectionsServiceAsyncStub
    from citrine.api.v1.data_transfer_pb2_grpc import DataTransferServiceAsyncStub
    from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceAsyncStub
    from citrine.api.v1.display_message_pb2_grpc import DisplayMessageServiceAsyncStub
    from citrine.api.v1.events_pb2_grpc import EventsServiceAsyncStub
    from citrine.api.v1.firmware_campaigns_pb2_grpc import FirmwareCampaignsServiceAsyncStub
    from citrine.api.v1.firmware_management_pb2_grpc import FirmwareManagementServiceAsyncStub
    from citrine.api.v1.keys_pb2_grpc import KeysServiceAsyncStub
    from citrine.api.v1.local_auth_list_pb2_grpc import LocalAuthListServiceAsyncStub
    from citrine.api.v1.meter_values_pb2_grpc import MeterValuesServiceAsyncStub
    from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceAsyncStub
    from citrine.api.v1.refusals_pb2_grpc import RefusalsServiceAsyncStub
    from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceAsyncStub
    from citrine.api.v1.reports_pb2_grpc import ReportsServiceAsyncStub
    from citrine.api.v1.reservation_costs_pb2_grpc import ReservationCostsServiceAsyncStub
    from citrine.api.v1.reservation_pb2_grpc import ReservationServiceAsyncStub
    from citrine.api.v1.security_pb2_grpc import SecurityServiceAsyncStub
    from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceAsyncStub
    from citrine.api.v1.stations_pb2_grpc import StationsServiceAsyncStub
    from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceAsyncStub
    from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceAsyncStub
    from citrine.api.v1.tenants_pb2_grpc import TenantsServiceAsyncStub
    from citrine.api.v1.tokens_pb2_grpc import TokensServiceAsyncStub
    from citrine.api.v1.transaction_limits_pb2_grpc import TransactionLimitsServiceAsyncStub
    from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceAsyncStub

__all__ = ["ATTRIBUTES", "PACKAGE", "READS", "Stubs", "stub_module", "stub_name"]

PACKAGE = "citrine.api.v1"
"""Package of the contract that holds the services."""


class Stubs:
    """A stub for each service, made when it is first asked for."""

    authorization: "AuthorizationServiceAsyncStub"
    availability: "AvailabilityServiceAsyncStub"
    commands: "CommandsServiceAsyncStub"
    configurations: "ConfigurationsServiceAsyncStub"
    connections: "ConnectionsServiceAsyncStub"
    data_transfer: "DataTransferServiceAsyncStub"
    diagnostics: "DiagnosticsServiceAsyncStub"
    display_message: "DisplayMessageServiceAsyncStub"
    events: "EventsServiceAsyncStub"
    firmware_campaigns: "FirmwareCampaignsServiceAsyncStub"
    firmware_management: "FirmwareManagementServiceAsyncStub"
    keys: "KeysServiceAsyncStub"
    local_auth_list: "LocalAuthListServiceAsyncStub"
    meter_values: "MeterValuesServiceAsyncStub"
    provisioning: "ProvisioningServiceAsyncStub"
    refusals: "RefusalsServiceAsyncStub"
    remote_control: "RemoteControlServiceAsyncStub"
    reports: "ReportsServiceAsyncStub"
    reservation: "ReservationServiceAsyncStub"
    reservation_costs: "ReservationCostsServiceAsyncStub"
    security: "SecurityServiceAsyncStub"
    smart_charging: "SmartChargingServiceAsyncStub"
    stations: "StationsServiceAsyncStub"
    tariff_and_cost: "TariffAndCostServiceAsyncStub"
    tariffs: "TariffsServiceAsyncStub"
    tenants: "TenantsServiceAsyncStub"
    tokens: "TokensServiceAsyncStub"
    transaction_limits: "TransactionLimitsServiceAsyncStub"
    transactions: "TransactionsServiceAsyncStub"


ATTRIBUTES = tuple(Stubs.__annotations__)
"""Attributes of `Citrine`, each of which holds the stub of one service."""


def stub_module(attribute: str) -> str:
    """Return the name of the module of a service's stub: "citrine.api.v1.reservation_costs_pb2_grpc"."""
    return f"{PACKAGE}.{attribute}_pb2_grpc"


def stub_name(attribute: str) -> str:
    """Return the name of the class of a service's stub: "ReservationCostsServiceStub"."""
    return "".join(word.capitalize() for word in attribute.split("_")) + "ServiceStub"


_READS: Mapping[str, tuple[str, ...]] = {
    "AuthorizationService": ("GetAuthorizationSettings",),
    "AvailabilityService": ("ListAvailabilities", "ListConnectorStatuses", "ListConnectors"),
    "CommandsService": ("GetCommand", "ListCommands"),
    "ConfigurationsService": (
        "GetConfiguration",
        "GetDriftReport",
        "GetProvisioning",
        "ListConfigurations",
        "ListDriftReports",
        "ListProvisionings",
    ),
    "ConnectionsService": ("GetConnection", "ListConnections"),
    "DataTransferService": ("ListCustomMessages", "ListDataTransfers"),
    "DiagnosticsService": ("GetMonitoring", "ListAlerts", "ListLogUploads", "ListMonitors", "ListStationEvents"),
    "DisplayMessageService": ("GetDisplayMessage", "ListDisplayMessages"),
    "FirmwareCampaignsService": ("GetFirmwareCampaign", "ListFirmwareCampaignStations", "ListFirmwareCampaigns"),
    "FirmwareManagementService": (
        "GetFirmwarePublication",
        "GetFirmwareUpdate",
        "ListFirmwarePublicationStatuses",
        "ListFirmwarePublications",
        "ListFirmwareStatuses",
        "ListFirmwareUpdates",
    ),
    "KeysService": ("GetKey", "ListKeys"),
    "LocalAuthListService": ("GetLocalList", "ListLocalListEntries", "ListLocalLists"),
    "MeterValuesService": ("ListSamples",),
    "ProvisioningService": ("ListNetworkProfiles", "ListResets", "ListVariables"),
    "RefusalsService": ("ListRefusals", "ListToleranceRules"),
    "RemoteControlService": ("GetRemoteStart", "ListRemoteStarts"),
    "ReportsService": ("GetReportRun", "ListReportParts", "ListReportRuns"),
    "ReservationService": ("GetReservation", "ListReservations"),
    "ReservationCostsService": ("GetReservationCost", "ListReservationCosts"),
    "SecurityService": ("ListSecurityEvents",),
    "SmartChargingService": (
        "GetChargingPlan",
        "ListChargingCapacities",
        "ListChargingLimits",
        "ListChargingNegotiations",
        "ListChargingPlans",
        "ListChargingProfiles",
    ),
    "StationsService": ("GetStation", "GetStationAddress", "ListHandshakeRefusals", "ListStations"),
    "TariffAndCostService": ("GetCostCorrection", "GetTransactionCost", "ListCostCorrections", "ListTransactionCosts"),
    "TariffsService": (
        "GetCostSettings",
        "GetTariff",
        "ListTariffAssignments",
        "ListTariffVersions",
        "ListTariffs",
        "PreviewCost",
    ),
    "TenantsService": ("GetTenant", "ListTenants"),
    "TokensService": ("GetToken", "ListTokens"),
    "TransactionLimitsService": ("GetTransactionLimit", "ListTransactionLimits"),
    "TransactionsService": ("GetTransaction", "ListSettlementActions", "ListTransactionEvents", "ListTransactions"),
}

READS: frozenset[tuple[str, str]] = frozenset(
    (f"{PACKAGE}.{service}", method) for service, methods in _READS.items() for method in methods
)
"""Service and name of every rpc that may be sent again after UNAVAILABLE: it only reads what the core has stored."""
