"""The configuration keys of a 1.6 station, each a variable of the device model (chapter 9, whitepaper chapter 7)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from citrine_simulator.config import StationConfig
from citrine_simulator.variables import Variable

__all__ = ["AUTHORIZATION_KEY", "OWN", "Key", "key_variables", "keys_of"]

AUTHORIZATION_KEY = "AuthorizationKey"

OWN = "OCPP16Configuration"
"""Component of the keys that are no variable of OCPP 2.x, in the simulator's device model."""

_PROFILES = "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"


@dataclass(frozen=True, slots=True)
class Key:
    """A configuration key and its variable."""

    name: str
    component: str
    variable: str
    instance: str | None = None

    @property
    def names(self) -> dict[str, Any]:
        """The variable as GetVariables names it."""
        variable = {"name": self.variable} | ({} if self.instance is None else {"instance": self.instance})
        return {"component": {"name": self.component}, "variable": variable}


_VARIABLES: Sequence[Key] = (
    Key("AllowOfflineTxForUnknownId", "AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
    Key("AuthorizationCacheEnabled", "AuthCacheCtrlr", "Enabled"),
    Key("AuthorizeRemoteTxRequests", "AuthCtrlr", "AuthorizeRemoteStart"),
    Key("ClockAlignedDataInterval", "AlignedDataCtrlr", "Interval"),
    Key("ConnectionTimeOut", "TxCtrlr", "EVConnectionTimeOut"),
    Key("GetConfigurationMaxKeys", "DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"),
    Key("HeartbeatInterval", "OCPPCommCtrlr", "HeartbeatInterval"),
    Key("LocalAuthorizeOffline", "AuthCtrlr", "LocalAuthorizeOffline"),
    Key("LocalPreAuthorize", "AuthCtrlr", "LocalPreAuthorize"),
    Key("MaxEnergyOnInvalidId", "TxCtrlr", "MaxEnergyOnInvalidId"),
    Key("MeterValuesAlignedData", "AlignedDataCtrlr", "Measurands"),
    Key("MeterValuesSampledData", "SampledDataCtrlr", "TxUpdatedMeasurands"),
    Key("MeterValueSampleInterval", "SampledDataCtrlr", "TxUpdatedInterval"),
    Key("ResetRetries", "OCPPCommCtrlr", "ResetRetries"),
    Key("StopTransactionOnEVSideDisconnect", "TxCtrlr", "StopTxOnEVSideDisconnect"),
    Key("StopTransactionOnInvalidId", "TxCtrlr", "StopTxOnInvalidId"),
    Key("StopTxnAlignedData", "AlignedDataCtrlr", "TxEndedMeasurands"),
    Key("StopTxnSampledData", "SampledDataCtrlr", "TxEndedMeasurands"),
    Key("TransactionMessageAttempts", "OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
    Key("TransactionMessageRetryInterval", "OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"),
    Key("UnlockConnectorOnEVSideDisconnect", "OCPPCommCtrlr", "UnlockOnEVSideDisconnect"),
    Key("WebSocketPingInterval", "OCPPCommCtrlr", "WebSocketPingInterval"),
    Key("LocalAuthListEnabled", "LocalAuthListCtrlr", "Enabled"),
    Key("SendLocalListMaxLength", "LocalAuthListCtrlr", "ItemsPerMessage"),
    Key("ReserveConnectorZeroSupported", "ReservationCtrlr", "NonEvseSpecific"),
    Key("ChargeProfileMaxStackLevel", "SmartChargingCtrlr", "ProfileStackLevel"),
    Key("ChargingScheduleMaxPeriods", "SmartChargingCtrlr", "PeriodsPerSchedule"),
    Key(AUTHORIZATION_KEY, "SecurityCtrlr", "BasicAuthPassword"),
    Key("CpoName", "SecurityCtrlr", "OrganizationName"),
    Key("SecurityProfile", "SecurityCtrlr", "SecurityProfile"),
)
"""Keys that OCPP 2.x has as variables of its own."""


def keys_of(config: StationConfig) -> Iterator[Key]:
    """Yield the configuration keys of a station."""
    yield from _VARIABLES
    for variable in key_variables(config):
        yield Key(variable.name, OWN, variable.name)
    for number in range(config.extra_variables):
        yield Key(f"SimulatedValue{number:05}", "SimulatedCtrlr", "Value", f"{number:05}")


def key_variables(config: StationConfig) -> Iterator[Variable]:
    """Yield the variables of the keys that OCPP 2.x has no variable for."""
    connectors = config.evses * config.connectors_per_evse
    rotation = ",".join(f"{number}.RST" for number in range(connectors + 1))
    yield Variable(OWN, "ConnectorPhaseRotation", rotation)
    yield Variable(OWN, "MinimumStatusDuration", "0", "integer", unit="s", minimum=0)
    for name, value, data_type in (
        ("NumberOfConnectors", str(connectors), "integer"),
        ("SupportedFeatureProfiles", _PROFILES, "MemberList"),
        ("SupportedFileTransferProtocols", "HTTPS", "MemberList"),
        ("LocalAuthListMaxLength", "1000", "integer"),
        ("ChargingScheduleAllowedChargingRateUnit", "Current,Power", "MemberList"),
        ("MaxChargingProfilesInstalled", "100", "integer"),
        ("CertificateStoreMaxLength", "10", "integer"),
        ("CertificateSignedMaxChainSize", "10000", "integer"),
        ("AdditionalRootCertificateCheck", "false", "boolean"),
    ):
        yield Variable(OWN, name, value, data_type, "ReadOnly")
