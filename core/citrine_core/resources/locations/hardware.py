"""What a station says of its EVSEs in its device model, in the terms of OCPI, to fill what the operator left open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from citrine.api.v1 import locations_pb2 as pb
from citrine_core.blocks.provisioning.queries import EvseVariable
from citrine_core.resources.locations.evse_checks import is_public_id

__all__ = ["VARIABLES", "EvseHardware", "fill", "hardware_of"]

VARIABLES = (
    ("Connector", "ConnectorType"),
    ("Connector", "SupplyPhases"),
    ("EVSE", "SupplyPhases"),
    ("EVSE", "Power"),
    ("EVSE", "EvseId"),
    ("EVSE", "ISO15118EvseId"),
    ("ChargingStation", "SupplyPhases"),
    ("ConnectorPlugRetentionLock", "Available"),
    ("ISO15118Ctrlr", "PnCEnabled"),
    ("ReservationCtrlr", "Available"),
    ("SmartChargingCtrlr", "Available"),
    ("TokenReader", "Enabled"),
)
"""Components and variables that are looked at (OCPP 2.1, part 2, appendix 3)."""

_CAPABILITIES = {
    ("reservationctrlr", "available"): pb.EVSE_CAPABILITY_RESERVABLE,
    ("smartchargingctrlr", "available"): pb.EVSE_CAPABILITY_CHARGING_PROFILE_CAPABLE,
    ("tokenreader", "enabled"): pb.EVSE_CAPABILITY_RFID_READER,
    ("connectorplugretentionlock", "available"): pb.EVSE_CAPABILITY_UNLOCK_CAPABLE,
}

_CABLE, _SOCKET = pb.CONNECTOR_FORMAT_CABLE, pb.CONNECTOR_FORMAT_SOCKET
_DC, _ONE, _THREE = pb.POWER_TYPE_DC, pb.POWER_TYPE_AC_1_PHASE, pb.POWER_TYPE_AC_3_PHASE
_BY_PHASES = pb.POWER_TYPE_UNSPECIFIED

_TYPES = {
    "cccs1": (pb.CONNECTOR_STANDARD_IEC_62196_T1_COMBO, _CABLE, _DC),
    "cccs2": (pb.CONNECTOR_STANDARD_IEC_62196_T2_COMBO, _CABLE, _DC),
    "cchaoji": (pb.CONNECTOR_STANDARD_CHAOJI, _CABLE, _DC),
    "cg105": (pb.CONNECTOR_STANDARD_CHADEMO, _CABLE, _DC),
    "cgbt": (pb.CONNECTOR_STANDARD_GBT_DC, _CABLE, _DC),
    "cgbt-dc": (pb.CONNECTOR_STANDARD_GBT_DC, _CABLE, _DC),
    "cmcs": (pb.CONNECTOR_STANDARD_MCS, _CABLE, _DC),
    "cnacs": (pb.CONNECTOR_STANDARD_SAE_J3400, _CABLE, _BY_PHASES),
    "cnacs-ccs1": (pb.CONNECTOR_STANDARD_SAE_J3400, _CABLE, _DC),
    "cccs1-nacs": (pb.CONNECTOR_STANDARD_IEC_62196_T1_COMBO, _CABLE, _DC),
    "ctesla": (pb.CONNECTOR_STANDARD_TESLA_S, _CABLE, _BY_PHASES),
    "ctype1": (pb.CONNECTOR_STANDARD_IEC_62196_T1, _CABLE, _BY_PHASES),
    "ctype2": (pb.CONNECTOR_STANDARD_IEC_62196_T2, _CABLE, _BY_PHASES),
    "s309-1p-16a": (pb.CONNECTOR_STANDARD_IEC_60309_2_SINGLE_16, _SOCKET, _ONE),
    "s309-3p-16a": (pb.CONNECTOR_STANDARD_IEC_60309_2_THREE_16, _SOCKET, _THREE),
    "s309-3p-32a": (pb.CONNECTOR_STANDARD_IEC_60309_2_THREE_32, _SOCKET, _THREE),
    "sbs1361": (pb.CONNECTOR_STANDARD_DOMESTIC_G, _SOCKET, _ONE),
    "scee-7-7": (pb.CONNECTOR_STANDARD_DOMESTIC_F, _SOCKET, _ONE),
    "stype1": (pb.CONNECTOR_STANDARD_IEC_62196_T1, _SOCKET, _BY_PHASES),
    "stype2": (pb.CONNECTOR_STANDARD_IEC_62196_T2, _SOCKET, _BY_PHASES),
    "stype3": (pb.CONNECTOR_STANDARD_IEC_62196_T3C, _SOCKET, _BY_PHASES),
}
"""Standard, format and power type of the values of ConnectorType that OCPI has a word for."""

_MOST_POWER = 2**31 - 1
"""Watts that an integer of the contract holds."""

_PHASES = {1: _ONE, 2: pb.POWER_TYPE_AC_2_PHASE, 3: _THREE}


@dataclass(slots=True)
class EvseHardware:
    """What a station says of one of its EVSEs."""

    public_id: str = ""
    """Empty: it says none."""
    capabilities: list[pb.EvseCapability.ValueType] = field(default_factory=list)
    connectors: dict[int, pb.LocationConnector] = field(default_factory=dict)
    """By number."""


def hardware_of(evse_id: int, connector_ids: Iterable[int], variables: Iterable[EvseVariable]) -> EvseHardware:
    """Return what a station says of an EVSE.

    Args:
        evse_id: Its number.
        connector_ids: Those of its connectors whose status the station reported.
        variables: The variables of the station among VARIABLES.
    """
    # What is said of a connector goes before what is said of its EVSE, and of the station.
    said: dict[tuple[str, str], dict[int, EvseVariable]] = {}
    for one in sorted(variables, key=lambda one: (one.evse_id, one.connector_id)):
        if one.evse_id in (evse_id, 0, -1):
            said.setdefault((one.component, one.variable), {})[max(one.connector_id, 0)] = one
    known = {*connector_ids, *(number for number in said.get(("connector", "connectortype"), {}) if number > 0)}
    found = EvseHardware()
    for name in ("iso15118evseid", "evseid"):
        value = _value(said, "evse", name)
        if not found.public_id and is_public_id(value):
            found.public_id = value
    if known:
        # Every station of OCPP is started and stopped remotely.
        found.capabilities = sorted(
            {pb.EVSE_CAPABILITY_REMOTE_START_STOP_CAPABLE}
            | {what for key, what in _CAPABILITIES.items() if _value(said, *key).lower() == "true"}
        )
    found.connectors = {number: _connector(number, said) for number in sorted(known)}
    return found


_Said = Mapping[tuple[str, str], Mapping[int, EvseVariable]]


def _value(said: _Said, component: str, variable: str, connector_id: int = 0) -> str:
    of_parts = said.get((component, variable), {})
    one = of_parts.get(connector_id) or of_parts.get(0) or next(iter(of_parts.values()), None)
    return one.value if one is not None else ""


def _connector(number: int, said: _Said) -> pb.LocationConnector:
    shown = pb.LocationConnector(connector_id=number)
    of_type = said.get(("connector", "connectortype"), {}).get(number)
    standard, form, power_type = _TYPES.get(of_type.value.lower(), (0, 0, 0)) if of_type else (0, 0, 0)
    shown.standard = pb.ConnectorStandard.ValueType(standard)
    shown.format = pb.ConnectorFormat.ValueType(form)
    shown.power_type = pb.PowerType.ValueType(power_type)
    if standard and not power_type:
        phases = (_value(said, component, "supplyphases", number) for component in _PHASES_OF)
        counted = next((int(text) for text in phases if text.isdecimal()), 0)
        # 0 phases: direct current.
        shown.power_type = _PHASES.get(counted, pb.POWER_TYPE_UNSPECIFIED)
    power = said.get(("evse", "power"), {}).get(0)
    if power is not None and 0 < power.max_limit <= _MOST_POWER:
        shown.max_electric_power = round(power.max_limit)
    if _value(said, "iso15118ctrlr", "pncenabled", number).lower() == "true":
        shown.capabilities.append(pb.CONNECTOR_CAPABILITY_ISO_15118_2_PLUG_AND_CHARGE)
    return shown


_PHASES_OF = ("connector", "evse", "chargingstation")


def fill(evse: pb.LocationEvse, hardware: EvseHardware, tariff_ids: Iterable[str]) -> None:
    """Fill what the operator left open of an EVSE, and name it.

    Args:
        evse: As the operator said; changed.
        hardware: What the station says.
        tariff_ids: Tariffs that are shown at the location.
    """
    if not evse.public_id and hardware.public_id:
        evse.public_id = hardware.public_id
        evse.filled.paths.append("public_id")
    if not evse.capabilities and hardware.capabilities:
        evse.capabilities.extend(hardware.capabilities)
        evse.filled.paths.append("capabilities")
    if not evse.connectors and hardware.connectors:
        evse.filled.paths.append("connectors")
    said = {one.connector_id: one for one in evse.connectors}
    for number, reported in hardware.connectors.items():
        if number not in said:
            said[number] = pb.LocationConnector(connector_id=number)
        _fill_connector(said[number], reported)
    merged = [said[number] for number in sorted(said)]
    for one in merged:
        if not one.tariff_ids and tariff_ids:
            one.tariff_ids.extend(tariff_ids)
            one.filled.paths.append("tariff_ids")
    copies = [pb.LocationConnector.FromString(one.SerializeToString()) for one in merged]
    del evse.connectors[:]
    evse.connectors.extend(copies)


def _fill_connector(connector: pb.LocationConnector, reported: pb.LocationConnector) -> None:
    for descriptor, value in reported.ListFields():
        name = descriptor.name
        if name == "connector_id" or getattr(connector, name):
            continue
        if descriptor.is_repeated:
            getattr(connector, name).extend(value)
        else:
            setattr(connector, name, value)
        connector.filled.paths.append(name)
