"""Checks of the fields of an EVSE and its connectors, by the rules of OCPI 2.3.0 (EVSE, Connector)."""

import re
from collections.abc import Collection

from citrine.api.v1 import locations_pb2 as pb
from citrine_core.errors import InvalidArgument
from citrine_core.resources.locations.checks import (
    check_each_once,
    check_geo,
    check_images,
    check_number,
    check_period,
    check_text,
    check_texts,
    check_url,
)
from citrine_core.rpc import check_length, check_pattern

__all__ = ["check_evse", "is_public_id", "public_key"]

_PUBLIC_ID = re.compile(r"[A-Za-z]{2}\*?[A-Za-z0-9]{3}\*?[Ee][A-Za-z0-9][A-Za-z0-9*]{0,30}")
"""An EVSE id of eMI3: country, operator, E and what the operator chose. Stars separate and say nothing."""

_LARGEST = 2**31 - 1


def is_public_id(text: str) -> bool:
    """Return whether a text is an EVSE id of eMI3."""
    return _PUBLIC_ID.fullmatch(text) is not None


def public_key(public_id: str) -> str:
    """Return a public id as it is compared: without separators, in upper case."""
    return public_id.replace("*", "").upper()


def check_evse(evse: pb.LocationEvse, fields: Collection[str]) -> None:
    """Check fields of an EVSE before they are stored.

    Raises:
        InvalidArgument: When one is invalid; it names the first such field.
    """
    if ("station_id" in fields or "evse_id" in fields) and bool(evse.station_id) != (evse.evse_id > 0):
        raise InvalidArgument("evse.evse_id", "must be a number from 1 on with a station_id, and 0 without")
    if "public_id" in fields and evse.public_id:
        check_pattern("evse.public_id", evse.public_id, _PUBLIC_ID, "an EVSE id of eMI3, as NL*TNM*E1234*1")
    for name, longest in (("floor_level", 4), ("physical_reference", 16)):
        if name in fields:
            check_text(f"evse.{name}", getattr(evse, name), longest)
    for name in ("capabilities", "parking_restrictions", "accepted_service_providers"):
        if name in fields:
            check_each_once(f"evse.{name}", getattr(evse, name))
    for place, provider in enumerate(evse.accepted_service_providers):
        check_length(f"evse.accepted_service_providers[{place}]", provider, 50, 1)
    if "coordinates" in fields and evse.HasField("coordinates"):
        check_geo("evse.coordinates", evse.coordinates)
    if "directions" in fields:
        check_texts("evse.directions", evse.directions)
    if "images" in fields:
        check_images("evse.images", evse.images)
    if "status_schedule" in fields:
        _check_schedule(evse)
    if "parking" in fields:
        check_each_once("evse.parking", [one.parking_id for one in evse.parking])
    if "connectors" in fields:
        _check_connectors(evse)


def _check_schedule(evse: pb.LocationEvse) -> None:
    check_number("evse.status_schedule", evse.status_schedule)
    for place, planned in enumerate(evse.status_schedule):
        path = f"evse.status_schedule[{place}]"
        check_period(path, planned, needs_end=False)
        if not planned.status:
            raise InvalidArgument(f"{path}.status", "must be set")


def _check_connectors(evse: pb.LocationEvse) -> None:
    check_each_once("evse.connectors", [one.connector_id for one in evse.connectors])
    for place, connector in enumerate(evse.connectors):
        path = f"evse.connectors[{place}]"
        if connector.connector_id < 1:
            raise InvalidArgument(f"{path}.connector_id", "must be a number from 1 on")
        for name in ("max_voltage", "max_amperage", "max_electric_power"):
            if getattr(connector, name) < 0:
                raise InvalidArgument(f"{path}.{name}", "must not be negative")
        check_each_once(f"{path}.tariff_ids", connector.tariff_ids)
        for position, tariff_id in enumerate(connector.tariff_ids):
            check_length(f"{path}.tariff_ids[{position}]", tariff_id, 60, 1)
        check_url(f"{path}.terms_and_conditions", connector.terms_and_conditions)
        check_each_once(f"{path}.capabilities", connector.capabilities)
