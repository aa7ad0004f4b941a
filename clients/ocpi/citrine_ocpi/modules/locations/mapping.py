"""Locations as partners see them: from what the API says of a location, its EVSEs and connectors."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import locations_pb2 as api
from citrine_ocpi.models import OcpiModel, v2_2_1, v2_3_0
from citrine_ocpi.modules.charging import known_type
from citrine_ocpi.modules.locations.enums import ONLY_LATER, STANDARDS, STATUSES, name_of, names_of
from citrine_ocpi.modules.locations.stamps import UNSTAMPED
from citrine_ocpi.transport import Party, Version

__all__ = ["evse_model", "location_body", "location_model", "unsaid_evses"]

Fields = dict[str, Any]


def location_body(location: api.Location, party: Party, version: Version) -> Fields:
    """Return a location as a partner reads it, whose times are not known yet (see `stamped`).

    An EVSE that has no connector of which all is known that OCPI requires is left out, and so is such a connector.

    Args:
        location: With its EVSEs.
        party: That owns it.
        version: Of OCPI.
    """
    fields = {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "id": location.location_id,
        "publish": location.publish,
        "publish_allowed_to": [_publish_token(one, version) for one in location.publish_allowed_to],
        "name": location.name or None,
        "address": location.address,
        "city": location.city,
        "postal_code": location.postal_code or None,
        "state": location.state or None,
        "country": location.country,
        "coordinates": _point(location.coordinates),
        "related_locations": [
            {**_point(one), "name": _text(one.name) if one.HasField("name") else None}
            for one in location.related_locations
        ],
        "parking_type": name_of(api.ParkingType, location.parking_type),
        "evses": [body for one in location.evses if (body := _evse(one, location, version)) is not None],
        "directions": [_text(one) for one in location.directions],
        "operator": _company(location.operator) if location.HasField("operator") else None,
        "suboperator": _company(location.suboperator) if location.HasField("suboperator") else None,
        "owner": _company(location.owner) if location.HasField("owner") else None,
        "facilities": names_of(api.Facility, location.facilities),
        "time_zone": location.time_zone,
        "opening_times": _hours(location.opening_times) if location.HasField("opening_times") else None,
        "charging_when_closed": location.charging_when_closed if location.HasField("charging_when_closed") else None,
        "images": [_image(one) for one in location.images],
        "energy_mix": _energy_mix(location.energy_mix) if location.HasField("energy_mix") else None,
        "parking_places": [_parking(one) for one in location.parking_places],
        "help_phone": location.help_phone or None,
        "last_updated": UNSTAMPED,
    }
    return location_model(fields, version).wire()


def unsaid_evses(location: api.Location) -> dict[str, str]:
    """Return the EVSEs that partners are not shown, or not all partners, each with the reason."""
    found = {}
    for evse in location.evses:
        if _evse(evse, location, Version.V2_3_0) is None:
            found[evse.uid] = "of no connector standard, format, power type, voltage and amperage are known"
        elif _evse(evse, location, Version.V2_2_1) is None:
            found[evse.uid] = "OCPI 2.2.1 has no word for its connectors"
    return found


def location_model(body: Mapping[str, Any], version: Version) -> OcpiModel:
    """Return a location as an object of a version."""
    kind = v2_2_1.Location if version is Version.V2_2_1 else v2_3_0.Location
    return kind.model_validate(body)


def evse_model(body: Mapping[str, Any], version: Version) -> OcpiModel:
    """Return an EVSE as an object of a version."""
    kind = v2_2_1.EVSE if version is Version.V2_2_1 else v2_3_0.EVSE
    return kind.model_validate(body)


def _evse(evse: api.LocationEvse, location: api.Location, version: Version) -> Fields | None:
    connectors = [
        body for one in evse.connectors if (body := _connector(one, location.tariff_ids, version)) is not None
    ]
    if not connectors:
        return None
    restrictions = names_of(api.ParkingRestriction, evse.parking_restrictions)
    if version is Version.V2_2_1:
        restrictions = [one for one in restrictions if one not in ONLY_LATER["parking_restrictions"]]
    return {
        "uid": evse.uid,
        "evse_id": evse.public_id or None,
        "status": STATUSES.get(evse.status, "UNKNOWN"),
        "status_schedule": [
            {
                "period_begin": _time(one.period_begin),
                "period_end": _time(one.period_end) if one.HasField("period_end") else None,
                "status": STATUSES.get(one.status, "UNKNOWN"),
            }
            for one in evse.status_schedule
        ],
        "capabilities": names_of(api.EvseCapability, evse.capabilities),
        "connectors": connectors,
        "floor_level": evse.floor_level or None,
        "coordinates": _point(evse.coordinates) if evse.HasField("coordinates") else None,
        "physical_reference": evse.physical_reference or None,
        "directions": [_text(one) for one in evse.directions],
        "parking_restrictions": restrictions,
        "parking": [
            {"parking_id": one.parking_id, "evse_position": name_of(api.EvsePosition, one.evse_position)}
            for one in evse.parking
        ],
        "images": [_image(one) for one in evse.images],
        "accepted_service_providers": [*evse.accepted_service_providers],
        "last_updated": UNSTAMPED,
    }


def _connector(connector: api.LocationConnector, tariff_ids: Iterable[str], version: Version) -> Fields | None:
    """Return a connector. None: something is not known of it that OCPI requires, or the version can't say it."""
    standard = STANDARDS.get(connector.standard) if connector.standard else None
    shape = name_of(api.ConnectorFormat, connector.format)
    power_type = name_of(api.PowerType, connector.power_type)
    if not all((standard, shape, power_type, connector.max_voltage, connector.max_amperage)):
        return None
    if version is Version.V2_2_1 and standard in ONLY_LATER["connectors"]:
        return None
    return {
        "id": str(connector.connector_id),
        "standard": standard,
        "format": shape,
        "power_type": power_type,
        "max_voltage": connector.max_voltage,
        "max_amperage": connector.max_amperage,
        "max_electric_power": connector.max_electric_power or None,
        "tariff_ids": [*(connector.tariff_ids or tariff_ids)],
        "terms_and_conditions": connector.terms_and_conditions or None,
        "capabilities": names_of(api.ConnectorCapability, connector.capabilities),
        "last_updated": UNSTAMPED,
    }


def _publish_token(token: api.PublishToken, version: Version) -> Fields:
    return {
        "uid": token.uid or None,
        "type": known_type(token.type, version) if token.type else None,
        "visual_number": token.visual_number or None,
        "issuer": token.issuer or None,
        "group_id": token.group_id or None,
    }


def _point(point: api.GeoLocation | api.AdditionalGeoLocation) -> Fields:
    return {"latitude": point.latitude, "longitude": point.longitude}


def _text(text: api.DisplayText) -> Fields:
    return {"language": text.language, "text": text.text}


def _company(company: api.BusinessDetails) -> Fields:
    return {
        "name": company.name,
        "website": company.website or None,
        "logo": _image(company.logo) if company.HasField("logo") else None,
    }


def _image(image: api.Image) -> Fields:
    return {
        "url": image.url,
        "thumbnail": image.thumbnail or None,
        "category": name_of(api.ImageCategory, image.category) or "OTHER",
        "type": image.type,
        "width": image.width or None,
        "height": image.height or None,
    }


def _hours(times: api.OpeningTimes) -> Fields:
    return {
        "twentyfourseven": times.twentyfourseven,
        "regular_hours": [
            {"weekday": one.weekday, "period_begin": one.period_begin, "period_end": one.period_end}
            for one in times.regular_hours
        ],
        "exceptional_openings": _exceptions(times.exceptional_openings),
        "exceptional_closings": _exceptions(times.exceptional_closings),
    }


def _exceptions(periods: Iterable[api.ExceptionalPeriod]) -> Sequence[Fields]:
    return [{"period_begin": _time(one.period_begin), "period_end": _time(one.period_end)} for one in periods]


def _energy_mix(mix: api.EnergyMix) -> Fields:
    return {
        "is_green_energy": mix.is_green_energy,
        "energy_sources": [
            {"source": source, "percentage": one.percentage}
            for one in mix.energy_sources
            if (source := name_of(api.EnergySourceCategory, one.source))
        ],
        "environ_impact": [
            {"category": category, "amount": one.amount}
            for one in mix.environ_impact
            if (category := name_of(api.EnvironmentalImpactCategory, one.category))
        ],
        "supplier_name": mix.supplier_name or None,
        "energy_product_name": mix.energy_product_name or None,
    }


_OPTIONAL = frozenset(
    {
        "max_vehicle_weight",
        "max_vehicle_height",
        "max_vehicle_length",
        "max_vehicle_width",
        "parking_space_length",
        "parking_space_width",
        "dangerous_goods_allowed",
        "drive_through",
        "roofed",
        "lighting",
        "refrigeration_outlet",
    }
)


def _parking(place: api.ParkingPlace) -> Fields:
    said = {descriptor.name: value for descriptor, value in place.ListFields() if descriptor.name in _OPTIONAL}
    return {
        **said,
        "id": place.parking_id,
        "physical_reference": place.physical_reference or None,
        "vehicle_types": names_of(api.VehicleType, place.vehicle_types),
        "direction": name_of(api.ParkingDirection, place.direction),
        "restricted_to_type": place.restricted_to_type,
        "reservation_required": place.reservation_required,
        "time_limit": place.time_limit.ToSeconds() // 60 if place.HasField("time_limit") else None,
        "images": [_image(one) for one in place.images],
        "standards": [*place.standards],
        "apds_reference": place.apds_reference or None,
    }


def _time(time: Timestamp) -> datetime:
    return time.ToDatetime(UTC)
