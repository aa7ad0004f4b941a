"""Enums of locations: from those of the API to those of OCPI, and what version 2.2.1 can't say of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from citrine.api.v1 import locations_pb2 as api
from citrine_ocpi.models import v2_2_1, v2_3_0

__all__ = ["ONLY_LATER", "STANDARDS", "STATUSES", "name_of", "names_of"]

STATUSES: Mapping[int, str] = {
    api.EVSE_STATUS_UNSPECIFIED: "UNKNOWN",
    api.EVSE_STATUS_AVAILABLE: "AVAILABLE",
    api.EVSE_STATUS_BLOCKED: "BLOCKED",
    api.EVSE_STATUS_CHARGING: "CHARGING",
    api.EVSE_STATUS_INOPERATIVE: "INOPERATIVE",
    api.EVSE_STATUS_OUT_OF_ORDER: "OUTOFORDER",
    api.EVSE_STATUS_PLANNED: "PLANNED",
    api.EVSE_STATUS_REMOVED: "REMOVED",
    api.EVSE_STATUS_RESERVED: "RESERVED",
    api.EVSE_STATUS_UNKNOWN: "UNKNOWN",
}
"""Status of OCPI by EvseStatus."""

_SMALL = ("_SINGLE_", "_THREE_")


def _standard(name: str) -> str:
    # OCPI writes the phases of IEC 60309 in small letters, and nothing else.
    for one in _SMALL:
        name = name.replace(one, one.lower())
    return name


STANDARDS: Mapping[int, str] = {
    number: _standard(name.removeprefix("CONNECTOR_STANDARD_")) for name, number in api.ConnectorStandard.items()
}
"""ConnectorType of OCPI by ConnectorStandard."""

ONLY_LATER: Mapping[str, frozenset[str]] = {
    "connectors": frozenset(map(str, v2_3_0.ConnectorType)) - frozenset(map(str, v2_2_1.ConnectorType)),
    "parking_restrictions": frozenset(map(str, v2_3_0.ParkingRestriction))
    - frozenset(map(str, v2_2_1.ParkingRestriction)),
}
"""Values that 2.3.0 has, and 2.2.1 has not."""


def name_of(enum: Any, number: int) -> str | None:
    """Return a value as OCPI writes it, which is its name without that of its enum.

    None: it is not specified, or of a core that is newer than the adapter.
    """
    if not number or number not in enum.values():
        return None
    # Enums are typed each by itself, and have nothing in common.
    prefix: str = enum.Name(0).removesuffix("UNSPECIFIED")
    name: str = enum.Name(number)
    return name.removeprefix(prefix)


def names_of(enum: Any, numbers: Iterable[int]) -> list[str]:
    """Return values as OCPI writes them, without those that are not specified."""
    return [name for number in numbers if (name := name_of(enum, number)) is not None]
