"""The rpcs that may be sent again after UNAVAILABLE, and the services of the API, by name.

A channel must know them when it opens. They are written down here, because to read them from the descriptors of all
services takes longer than most calls; a test compares them with the contract.
"""

__all__ = ["ATTRIBUTES", "PACKAGE", "READS", "service_name"]

PACKAGE = "citrine.api.v1"
"""Package of the contract that holds the services."""

ATTRIBUTES = (
    "authorization",
    "availability",
    "commands",
    "configurations",
    "connections",
    "data_transfer",
    "diagnostics",
    "display_message",
    "events",
    "firmware_campaigns",
    "firmware_management",
    "keys",
    "local_auth_list",
    "meter_values",
    "provisioning",
    "refusals",
    "remote_control",
    "reports",
    "reservation",
    "reservation_costs",
    "security",
    "smart_charging",
    "stations",
    "tariff_and_cost",
    "tariffs",
    "tenants",
    "tokens",
    "transaction_limits",
    "transactions",
)
"""Attributes of `Citrine`, each of which holds the stub of one service."""


def service_name(attribute: str) -> str:
    """Return the name of the service whose stub an attribute holds: "ReservationCostsService"."""
    return "".join(word.capitalize() for word in attribute.split("_")) + "Service"


_READS = {
    "AuthorizationService": "GetAuthorizationSettings",
    "AvailabilityService": "ListAvailabilities ListConnectorStatuses ListConnectors",
    "CommandsService": "GetCommand ListCommands",
    "ConfigurationsService": (
        "GetConfiguration GetDriftReport GetProvisioning ListConfigurations ListDriftReports ListProvisionings"
    ),
    "ConnectionsService": "GetConnection ListConnections",
    "DataTransferService": "ListCustomMessages ListDataTransfers",
    "DiagnosticsService": "GetMonitoring ListAlerts ListLogUploads ListMonitors ListStationEvents",
    "DisplayMessageService": "GetDisplayMessage ListDisplayMessages",
    "FirmwareCampaignsService": "GetFirmwareCampaign ListFirmwareCampaignStations ListFirmwareCampaigns",
    "FirmwareManagementService": (
        "GetFirmwarePublication GetFirmwareUpdate ListFirmwarePublicationStatuses "
        "ListFirmwarePublications ListFirmwareStatuses ListFirmwareUpdates"
    ),
    "KeysService": "GetKey ListKeys",
    "LocalAuthListService": "GetLocalList ListLocalListEntries ListLocalLists",
    "MeterValuesService": "ListSamples",
    "ProvisioningService": "ListNetworkProfiles ListResets ListVariables",
    "RefusalsService": "ListRefusals ListToleranceRules",
    "RemoteControlService": "GetRemoteStart ListRemoteStarts",
    "ReportsService": "GetReportRun ListReportParts ListReportRuns",
    "ReservationCostsService": "GetReservationCost ListReservationCosts",
    "ReservationService": "GetReservation ListReservations",
    "SecurityService": "ListSecurityEvents",
    "SmartChargingService": (
        "GetChargingPlan ListChargingCapacities ListChargingLimits "
        "ListChargingNegotiations ListChargingPlans ListChargingProfiles"
    ),
    "StationsService": "GetStation GetStationAddress ListHandshakeRefusals ListStations",
    "TariffAndCostService": "GetCostCorrection GetTransactionCost ListCostCorrections ListTransactionCosts",
    "TariffsService": "GetCostSettings GetTariff ListTariffAssignments ListTariffVersions ListTariffs PreviewCost",
    "TenantsService": "GetTenant ListTenants",
    "TokensService": "GetToken ListTokens",
    "TransactionLimitsService": "GetTransactionLimit ListTransactionLimits",
    "TransactionsService": "GetTransaction ListSettlementActions ListTransactionEvents ListTransactions",
}

READS: frozenset[tuple[str, str]] = frozenset(
    (f"{PACKAGE}.{service}", method) for service, methods in _READS.items() for method in methods.split()
)
"""Service and name of every rpc that may be sent again after UNAVAILABLE."""
