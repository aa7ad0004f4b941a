"""The variables of a simulated station: a small device model (part 2, chapter Referenced Components)."""

from collections.abc import Iterator
from dataclasses import dataclass

from citrine_simulator.config import StationConfig

__all__ = ["Variable", "station_variables"]


@dataclass(slots=True)
class Variable:
    """A variable with its only attribute, Actual."""

    component: str
    name: str
    value: str
    data_type: str = "string"
    mutability: str = "ReadWrite"
    unit: str | None = None
    instance: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    evse_id: int | None = None
    connector_id: int | None = None
    reboot_required: bool = False


_MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import", "SoC", "Current.Import", "Voltage")
_SLOTS = ("1", "2", "3")
_TX_POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")


def station_variables(config: StationConfig) -> Iterator[Variable]:
    """Yield all variables of a new station."""
    yield from _communication()
    yield from _controllers(config)
    yield from _metering(config)
    yield from _hardware(config)
    for number in range(config.extra_variables):
        yield Variable("SimulatedCtrlr", "Value", str(number), "integer", instance=f"{number:05}")


def _seconds(component: str, name: str, value: str, instance: str | None = None, minimum: int = 0) -> Variable:
    return Variable(component, name, value, "integer", unit="s", instance=instance, minimum=minimum)


def _number(component: str, name: str, value: str, instance: str | None = None, minimum: int = 0) -> Variable:
    return Variable(component, name, value, "integer", instance=instance, minimum=minimum)


def _fixed(component: str, name: str, value: str, data_type: str, instance: str | None = None) -> Variable:
    return Variable(component, name, value, data_type, "ReadOnly", instance=instance)


def _switch(component: str, name: str, value: str) -> Variable:
    return Variable(component, name, value, "boolean")


def _communication() -> Iterator[Variable]:
    comm = "OCPPCommCtrlr"
    yield _seconds(comm, "HeartbeatInterval", "300", minimum=1)
    yield Variable(comm, "MessageTimeout", "30", "integer", "ReadOnly", unit="s", instance="Default")
    yield _number(comm, "MessageAttempts", "3", "TransactionEvent", minimum=1)
    yield _seconds(comm, "MessageAttemptInterval", "60", "TransactionEvent")
    yield _seconds(comm, "RetryBackOffWaitMinimum", "5")
    yield _seconds(comm, "RetryBackOffRandomRange", "10")
    yield _number(comm, "RetryBackOffRepeatTimes", "4")
    yield _seconds(comm, "WebSocketPingInterval", "60")
    yield _seconds(comm, "OfflineThreshold", "60")
    yield _number(comm, "ResetRetries", "1")
    yield Variable(comm, "NetworkConfigurationPriority", "1", "SequenceList", values=_SLOTS, reboot_required=True)
    yield _number(comm, "NetworkProfileConnectionAttempts", "3")
    yield _fixed(comm, "ActiveNetworkProfile", "1", "integer")
    yield _fixed(comm, "FileTransferProtocols", "HTTPS", "MemberList")
    yield _switch(comm, "QueueAllMessages", "false")
    yield _switch(comm, "UnlockOnEVSideDisconnect", "true")


def _controllers(config: StationConfig) -> Iterator[Variable]:
    yield _switch("AuthCtrlr", "Enabled", "true")
    yield _switch("AuthCtrlr", "AuthorizeRemoteStart", "false")
    yield _switch("AuthCtrlr", "LocalAuthorizeOffline", "true")
    yield _switch("AuthCtrlr", "LocalPreAuthorize", "false")
    yield _switch("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "false")
    yield Variable("AuthCtrlr", "MasterPassGroupId", "")
    yield _switch("AuthCacheCtrlr", "Enabled", "true")
    yield _fixed("AuthCacheCtrlr", "Available", "true", "boolean")
    yield _seconds("AuthCacheCtrlr", "LifeTime", "86400")
    # In 1.6, a transaction starts with its token.
    start = "Authorized" if config.version == "1.6" else "EVConnected"
    yield Variable("TxCtrlr", "TxStartPoint", start, "MemberList", values=_TX_POINTS)
    yield Variable("TxCtrlr", "TxStopPoint", "Authorized", "MemberList", values=_TX_POINTS)
    yield _seconds("TxCtrlr", "EVConnectionTimeOut", "120")
    yield _switch("TxCtrlr", "StopTxOnEVSideDisconnect", "true")
    yield _switch("TxCtrlr", "StopTxOnInvalidId", "true")
    yield _switch("TxCtrlr", "TxBeforeAcceptedEnabled", "true")
    yield _number("TxCtrlr", "MaxEnergyOnInvalidId", "0")
    yield Variable("SecurityCtrlr", "BasicAuthPassword", "", mutability="WriteOnly", minimum=16, maximum=40)
    yield Variable("SecurityCtrlr", "OrganizationName", "Simulated")
    yield _fixed("SecurityCtrlr", "CertificateEntries", "0", "integer")
    yield _fixed("SecurityCtrlr", "MaxCertificateChainSize", "10000", "integer")
    yield _seconds("SecurityCtrlr", "CertSigningWaitMinimum", "30", minimum=1)
    yield _number("SecurityCtrlr", "CertSigningRepeatTimes", "3")
    yield _fixed("SecurityCtrlr", "SecurityProfile", "1", "integer")
    yield _fixed("SecurityCtrlr", "Identity", config.station_id, "string")
    yield Variable("ClockCtrlr", "TimeSource", "Heartbeat", "SequenceList", values=("Heartbeat",))
    yield _fixed("ClockCtrlr", "DateTime", "", "dateTime")
    yield Variable("ClockCtrlr", "TimeZone", "UTC")
    yield _fixed("MonitoringCtrlr", "Available", "true", "boolean")
    yield _switch("MonitoringCtrlr", "Enabled", "true")
    for action in ("SetVariableMonitoring", "ClearVariableMonitoring"):
        yield _fixed("MonitoringCtrlr", "ItemsPerMessage", "50", "integer", action)
        yield _fixed("MonitoringCtrlr", "BytesPerMessage", "65536", "integer", action)
    yield _fixed("DeviceDataCtrlr", "ItemsPerMessage", "100", "integer", "GetReport")
    yield _fixed("DeviceDataCtrlr", "ItemsPerMessage", "100", "integer", "GetVariables")
    yield _fixed("DeviceDataCtrlr", "ItemsPerMessage", "100", "integer", "SetVariables")
    yield _fixed("DeviceDataCtrlr", "BytesPerMessage", "65536", "integer", "GetReport")
    yield _fixed("DeviceDataCtrlr", "BytesPerMessage", "65536", "integer", "GetVariables")
    yield _fixed("DeviceDataCtrlr", "BytesPerMessage", "65536", "integer", "SetVariables")
    smart = "SmartChargingCtrlr"
    yield _fixed(smart, "Available", "true", "boolean")
    yield _switch(smart, "Enabled", "true")
    yield _fixed(smart, "ProfileStackLevel", "8", "integer")
    yield _fixed(smart, "RateUnit", "A,W", "MemberList")
    yield _fixed(smart, "PeriodsPerSchedule", "96", "integer")
    yield _switch("ReservationCtrlr", "Enabled", "true")
    yield _fixed("ReservationCtrlr", "Available", "true", "boolean")
    yield _fixed("ReservationCtrlr", "NonEvseSpecific", "false", "boolean")
    yield _fixed("DisplayMessageCtrlr", "Available", "true", "boolean")
    yield Variable("DisplayMessageCtrlr", "DisplayMessages", "0", "integer", "ReadOnly", maximum=10)
    yield _fixed("DisplayMessageCtrlr", "SupportedFormats", "ASCII,UTF8", "MemberList")
    yield _fixed("DisplayMessageCtrlr", "SupportedPriorities", "AlwaysFront,InFront,NormalCycle", "MemberList")
    lists = "LocalAuthListCtrlr"
    yield _fixed(lists, "Available", "true", "boolean")
    yield _switch(lists, "Enabled", "true")
    yield Variable(lists, "Entries", "0", "integer", "ReadOnly", maximum=1000)
    yield _fixed(lists, "ItemsPerMessage", "100", "integer")
    yield _fixed(lists, "BytesPerMessage", "65536", "integer")


def _metering(config: StationConfig) -> Iterator[Variable]:
    three = "Energy.Active.Import.Register,Power.Active.Import,SoC"
    register = "Energy.Active.Import.Register"
    # meterStop of 1.6 has the register anyway.
    ended = "" if config.version == "1.6" else register
    for name, value in (("TxStarted", register), ("TxUpdated", three), ("TxEnded", ended)):
        yield Variable("SampledDataCtrlr", f"{name}Measurands", value, "MemberList", values=_MEASURANDS)
    yield _seconds("SampledDataCtrlr", "TxUpdatedInterval", "60")
    yield _seconds("SampledDataCtrlr", "TxEndedInterval", "0")
    yield _switch("SampledDataCtrlr", "Enabled", "true")
    yield Variable("AlignedDataCtrlr", "Measurands", three, "MemberList", values=_MEASURANDS)
    yield _seconds("AlignedDataCtrlr", "Interval", "0")
    yield Variable("AlignedDataCtrlr", "TxEndedMeasurands", "", "MemberList", values=_MEASURANDS)
    yield _seconds("AlignedDataCtrlr", "TxEndedInterval", "0")


def _hardware(config: StationConfig) -> Iterator[Variable]:
    station = "ChargingStation"
    yield _fixed(station, "AvailabilityState", "Available", "OptionList")
    yield _fixed(station, "Available", "true", "boolean")
    yield _fixed(station, "Model", config.model, "string")
    yield _fixed(station, "VendorName", config.vendor, "string")
    yield _fixed(station, "SerialNumber", config.serial_number, "string")
    yield _fixed(station, "FirmwareVersion", config.firmware_version, "string")
    yield _fixed(station, "SupplyPhases", "3", "integer")
    for evse_id in range(1, config.evses + 1):
        for name, value, data_type in (
            ("AvailabilityState", "Available", "OptionList"),
            ("Available", "true", "boolean"),
            ("AllowReset", "true", "boolean"),
            ("SupplyPhases", "3", "integer"),
            ("Power", "0", "decimal"),
        ):
            yield Variable("EVSE", name, value, data_type, "ReadOnly", evse_id=evse_id)
        for connector_id in range(1, config.connectors_per_evse + 1):
            for name, value, data_type in (
                ("AvailabilityState", "Available", "OptionList"),
                ("Available", "true", "boolean"),
                ("ConnectorType", "cType2", "string"),
                ("SupplyPhases", "3", "integer"),
            ):
                yield Variable(
                    "Connector", name, value, data_type, "ReadOnly", evse_id=evse_id, connector_id=connector_id
                )
