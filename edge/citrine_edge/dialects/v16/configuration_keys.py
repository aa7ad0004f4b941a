"""Configuration keys of OCPP 1.6 and the variables of the device model that they are.

Keys of the table are variables of standard components. All other keys, of vendors and of the standard, are variables of
one component, `COMPONENT`, under their own names. Neither keys (CiString50Type) nor components and variables have a
case.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = [
    "AUTHORIZATION_KEY",
    "COMPONENT",
    "KEYS",
    "Key",
    "VariableName",
    "is_known_component",
    "key_of",
    "key_of_variable",
]

COMPONENT = "OCPP16Configuration"
"""Component whose variables are the keys that have no counterpart in the device model of 2.x."""

AUTHORIZATION_KEY = "AuthorizationKey"


@dataclass(frozen=True, slots=True)
class VariableName:
    """A variable: component, name and instance."""

    component: str
    name: str
    instance: str = ""

    @property
    def folded(self) -> "VariableName":
        """The same in lower case."""
        return VariableName(self.component.lower(), self.name.lower(), self.instance.lower())


@dataclass(frozen=True, slots=True)
class Key:
    """A configuration key."""

    name: str
    variable: VariableName
    data_type: str = "string"
    """DataEnumType of 2.x."""
    unit: str = ""
    is_limit: bool = False
    """Whether the value is the maxLimit of the variable, whose own value OCPP 1.6 does not have. The key is also a
    variable of `COMPONENT`, so that its value can be read."""
    is_secret: bool = False
    """Whether the key is write-only."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Members of the value that are spelled otherwise in 2.x: of 1.6, and of 2.x."""
    max_limit: int | None = None
    """maxLimit of the variable that follows from the version."""

    def to_ours(self, value: str) -> str:
        """Return a value of the station as it is in 2.x."""
        if self.data_type == "boolean":
            return value.strip().lower()
        return _spell(value, self.values) if self.values else value

    def to_theirs(self, value: str) -> str:
        """Return a value of 2.x as the station has it."""
        return _spell(value, {ours: theirs for theirs, ours in self.values.items()}) if self.values else value


def _spell(value: str, spellings: Mapping[str, str]) -> str:
    return ",".join(spellings.get(each.strip(), each.strip()) for each in value.split(","))


def _flag(name: str, component: str, variable: str, instance: str = "") -> Key:
    return Key(name, VariableName(component, variable, instance), "boolean")


def _number(name: str, component: str, variable: str, instance: str = "", unit: str = "") -> Key:
    return Key(name, VariableName(component, variable, instance), "integer", unit)


def _limit(name: str, component: str, variable: str, instance: str = "") -> Key:
    return Key(name, VariableName(component, variable, instance), "integer", is_limit=True)


def _members(name: str, component: str, variable: str, values: Mapping[str, str] | None = None) -> Key:
    return Key(name, VariableName(component, variable), "MemberList", values=values or {})


def _text(name: str, component: str, variable: str, instance: str = "", data_type: str = "string") -> Key:
    return Key(name, VariableName(component, variable, instance), data_type)


KEYS: tuple[Key, ...] = (
    # Core (edition 2, 9.1, and errata 3.83).
    _flag("AllowOfflineTxForUnknownId", "AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
    _flag("AuthorizationCacheEnabled", "AuthCacheCtrlr", "Enabled"),
    _flag("AuthorizeRemoteTxRequests", "AuthCtrlr", "AuthorizeRemoteStart"),
    _number("ClockAlignedDataInterval", "AlignedDataCtrlr", "Interval", unit="s"),
    _number("ConnectionTimeOut", "TxCtrlr", "EVConnectionTimeOut", unit="s"),
    _number("GetConfigurationMaxKeys", "DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"),
    _number("HeartbeatInterval", "OCPPCommCtrlr", "HeartbeatInterval", unit="s"),
    _flag("LocalAuthorizeOffline", "AuthCtrlr", "LocalAuthorizeOffline"),
    _flag("LocalPreAuthorize", "AuthCtrlr", "LocalPreAuthorize"),
    _number("MaxEnergyOnInvalidId", "TxCtrlr", "MaxEnergyOnInvalidId", unit="Wh"),
    _number("MessageTimeout", "OCPPCommCtrlr", "MessageTimeout", "Default", unit="s"),
    _members("MeterValuesAlignedData", "AlignedDataCtrlr", "Measurands"),
    _members("MeterValuesSampledData", "SampledDataCtrlr", "TxUpdatedMeasurands"),
    _number("MeterValueSampleInterval", "SampledDataCtrlr", "TxUpdatedInterval", unit="s"),
    _number("MinimumStatusDuration", "ChargingStation", "MinimumStatusDuration", unit="s"),
    _number("ResetRetries", "OCPPCommCtrlr", "ResetRetries"),
    _flag("StopTransactionOnEVSideDisconnect", "TxCtrlr", "StopTxOnEVSideDisconnect"),
    _flag("StopTransactionOnInvalidId", "TxCtrlr", "StopTxOnInvalidId"),
    _members("StopTxnAlignedData", "AlignedDataCtrlr", "TxEndedMeasurands"),
    _members("StopTxnSampledData", "SampledDataCtrlr", "TxEndedMeasurands"),
    _number("TransactionMessageAttempts", "OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
    _number("TransactionMessageRetryInterval", "OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent", "s"),
    _flag("UnlockConnectorOnEVSideDisconnect", "OCPPCommCtrlr", "UnlockOnEVSideDisconnect"),
    _number("WebSocketPingInterval", "OCPPCommCtrlr", "WebSocketPingInterval", unit="s"),
    # Firmware management (errata 3.90).
    _members("SupportedFileTransferProtocols", "OCPPCommCtrlr", "FileTransferProtocols"),
    # Local list (9.2).
    _flag("LocalAuthListEnabled", "LocalAuthListCtrlr", "Enabled"),
    _limit("LocalAuthListMaxLength", "LocalAuthListCtrlr", "Entries"),
    _number("SendLocalListMaxLength", "LocalAuthListCtrlr", "ItemsPerMessage"),
    # Reservation (9.3).
    _flag("ReserveConnectorZeroSupported", "ReservationCtrlr", "NonEvseSpecific"),
    # Smart charging (9.4).
    _number("ChargeProfileMaxStackLevel", "SmartChargingCtrlr", "ProfileStackLevel"),
    _members(
        "ChargingScheduleAllowedChargingRateUnit", "SmartChargingCtrlr", "RateUnit", {"Current": "A", "Power": "W"}
    ),
    _number("ChargingScheduleMaxPeriods", "SmartChargingCtrlr", "PeriodsPerSchedule"),
    _flag("ConnectorSwitch3to1PhaseSupported", "SmartChargingCtrlr", "Phases3to1"),
    _limit("MaxChargingProfilesInstalled", "SmartChargingCtrlr", "Entries", "ChargingProfiles"),
    # Security (whitepaper, 7). A password has 20 bytes at most, which are sent as 40 digits.
    _flag("AdditionalRootCertificateCheck", "SecurityCtrlr", "AdditionalRootCertificateCheck"),
    Key(AUTHORIZATION_KEY, VariableName("SecurityCtrlr", "BasicAuthPassword"), is_secret=True, max_limit=20),
    _number("CertificateSignedMaxChainSize", "SecurityCtrlr", "MaxCertificateChainSize"),
    _limit("CertificateStoreMaxLength", "SecurityCtrlr", "CertificateEntries"),
    _text("CpoName", "SecurityCtrlr", "OrganizationName"),
    _number("SecurityProfile", "SecurityCtrlr", "SecurityProfile"),
    # Costs (OCA, OCPP & California Pricing Requirements).
    _flag(
        "CustomDisplayCostAndPrice",
        *("CustomizationCtrlr", "CustomImplementationEnabled", "org.openchargealliance.costmsg"),
    ),
    _flag(
        "CustomMultiLanguageMessages",
        *("CustomizationCtrlr", "CustomImplementationEnabled", "org.openchargealliance.multilanguage"),
    ),
    _text("Language", "DisplayMessageCtrlr", "Language"),
    _text("NextTimeOffsetTransitionDateTime", "ClockCtrlr", "NextTimeOffsetTransitionDateTime", data_type="dateTime"),
    _number("NumberOfDecimalsForCostValues", "TariffCostCtrlr", "NumberOfDecimalsForCostValues"),
    _text("TimeOffset", "ClockCtrlr", "TimeOffset"),
    _text("TimeOffsetNextTransition", "ClockCtrlr", "TimeOffset", "NextTransition"),
    # Plug & Charge (OCA, Using ISO 15118 Plug & Charge).
    _flag("CentralContractValidationAllowed", "ISO15118Ctrlr", "CentralContractValidationAllowed"),
    _number("CertSigningRepeatTimes", "SecurityCtrlr", "CertSigningRepeatTimes"),
    _number("CertSigningWaitMinimum", "SecurityCtrlr", "CertSigningWaitMinimum", unit="s"),
    _flag("ContractValidationOffline", "ISO15118Ctrlr", "ContractValidationOffline"),
    _flag("ISO15118PnCEnabled", "ISO15118Ctrlr", "PnCEnabled"),
)
"""Keys that are variables of standard components."""


def _by_name(keys: Iterable[Key]) -> dict[str, Key]:
    return {each.name.lower(): each for each in keys}


_BY_NAME = _by_name(KEYS)
_BY_VARIABLE = {each.variable.folded: each for each in KEYS if not each.is_limit}
_COMPONENTS = frozenset(each.variable.component.lower() for each in KEYS) | {COMPONENT.lower()}


def key_of(name: str) -> Key:
    """Return a key by its name. One that is not in the table is a variable of `COMPONENT`, with a text as value."""
    return _BY_NAME.get(name.lower()) or Key(name, VariableName(COMPONENT, name))


def key_of_variable(variable: VariableName) -> Key | None:
    """Return the key of a variable, or None if it has none.

    A key of the table is no variable of `COMPONENT`, unless it is a limit: one value has one name.
    """
    found = _BY_VARIABLE.get(variable.folded)
    if found is not None:
        return found
    if variable.component.lower() != COMPONENT.lower() or variable.instance:
        return None
    standard = _BY_NAME.get(variable.name.lower())
    if standard is None:
        return Key(variable.name, variable)
    return Key(standard.name, variable, standard.data_type) if standard.is_limit else None


def is_known_component(name: str) -> bool:
    """Return whether a component has variables that are keys."""
    return name.lower() in _COMPONENTS
