"""How locations and their EVSEs are shown: each field that OCPI's Location has, in words."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.protobuf.message import Message

from citrine.api.v1.locations_pb2 import (
    AdditionalGeoLocation,
    BusinessDetails,
    ConnectorStandard,
    EnergyMix,
    GeoLocation,
    Image,
    Location,
    LocationConnector,
    LocationEvse,
    ParkingPlace,
    PublishToken,
)
from citrine_cli.output import Facts, Output
from citrine_words.cells import Figure
from citrine_words.times import local_words
from citrine_words.words import count, duration_word, enum_word, number, plain, time_word

__all__ = ["show_evse_facts", "show_evses", "show_location_facts"]

_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


def show_evses(out: Output, evses: Sequence[LocationEvse], *, of_location: bool = False) -> None:
    """Show a table of EVSEs, which may follow their location."""
    columns = ["uid", "location", "station", "evse", "public id", "status", "since", "offline since", "connectors"]
    rows = [
        [
            one.uid,
            one.location_id,
            one.station_id,
            count(one.evse_id, zero=""),
            one.public_id,
            enum_word(one, "status"),
            time_word(one, "status_time"),
            time_word(one, "stale_since"),
            ", ".join(map(_connector_words, one.connectors)),
        ]
        for one in evses
    ]
    if of_location:
        place = columns.index("location")
        for row in (columns, *rows):
            del row[place]
    out.table(columns, rows, empty="no EVSEs", title="EVSEs" if of_location else "")


def _connector_words(one: LocationConnector) -> str:
    """Return a connector in short: its standard and its power."""
    power = f" {one.max_electric_power / 1000:g} kW" if one.max_electric_power else ""
    return f"{_standard(one) or '?'}{power}"


def show_location_facts(out: Output, location: Location) -> None:
    """Show all that is stored of a location but its EVSEs."""
    out.facts(_location_facts(location))
    if location.parking_places:
        columns = ["parking place", "reference", "for", "limits", "rules"]
        rows = [
            [one.parking_id, one.physical_reference, _names(one, "vehicle_types"), _limits(one), _rules(one)]
            for one in location.parking_places
        ]
        out.table(columns, rows, empty="", title="parking places")


def _location_facts(location: Location) -> Facts:
    times = location.opening_times
    zone = _zone(location.time_zone)
    closed_too = {True: "yes", False: "no"}[location.charging_when_closed]
    return {
        "location": location.location_id,
        "tenant": location.tenant_id,
        "party": " ".join(filter(None, (location.country_code, location.party_id))),
        "name": location.name,
        "address": location.address,
        "city": " ".join(filter(None, (location.postal_code, location.city))),
        "state": location.state,
        "country": location.country,
        "coordinates": _point(location.coordinates),
        "time zone": location.time_zone,
        "published": "yes" if location.publish else "no",
        "published to": ", ".join(map(_token, location.publish_allowed_to)),
        "operator": _business(location.operator),
        "suboperator": _business(location.suboperator),
        "owner": _business(location.owner),
        "parking": enum_word(location, "parking_type"),
        "facilities": _names(location, "facilities"),
        "open": _opening_words(location),
        "also open": ", ".join(_period(one, zone) for one in times.exceptional_openings),
        "closed": ", ".join(_period(one, zone) for one in times.exceptional_closings),
        "charging when closed": closed_too if location.HasField("charging_when_closed") else "",
        "help": location.help_phone,
        "tariffs": " ".join(location.tariff_ids),
        "energy": _energy(location.energy_mix) if location.HasField("energy_mix") else "",
        **_directions(location),
        **{
            f"point {place}": " ".join(filter(None, (_point(one), one.name.text)))
            for place, one in enumerate(location.related_locations, 1)
        },
        **_images(location.images),
        "changed": time_word(location, "update_time"),
    }


def show_evse_facts(out: Output, evse: LocationEvse) -> None:
    """Show all that is stored of an EVSE."""
    out.facts(_evse_facts(evse))
    if evse.connectors:
        columns = ["connector", "standard", "format", "power", "volt", "ampere", "can", "tariffs", "terms"]
        rows = [
            [
                count(one.connector_id),
                " ".join(filter(None, (_standard(one), enum_word(one, "power_type")))),
                enum_word(one, "format"),
                Figure(f"{one.max_electric_power / 1000:g} kW") if one.max_electric_power else "",
                count(one.max_voltage, zero=""),
                count(one.max_amperage, zero=""),
                _names(one, "capabilities"),
                " ".join(one.tariff_ids),
                one.terms_and_conditions,
            ]
            for one in evse.connectors
        ]
        out.table(columns, rows, empty="", title="connectors")


def _evse_facts(evse: LocationEvse) -> Facts:
    return {
        "uid": evse.uid,
        "location": evse.location_id,
        "station": evse.station_id,
        "evse": count(evse.evse_id, zero=""),
        "public id": evse.public_id,
        "status": enum_word(evse, "status"),
        "since": time_word(evse, "status_time"),
        "offline since": time_word(evse, "stale_since"),
        "planned": ", ".join(f"{enum_word(one, 'status')} {_period(one, None)}" for one in evse.status_schedule),
        "removed": time_word(evse, "delete_time"),
        "floor": evse.floor_level,
        "reference": evse.physical_reference,
        "coordinates": _point(evse.coordinates) if evse.HasField("coordinates") else "",
        "can": _names(evse, "capabilities"),
        "only for": _names(evse, "parking_restrictions"),
        "parking places": ", ".join(
            " ".join(filter(None, (one.parking_id, enum_word(one, "evse_position")))) for one in evse.parking
        ),
        "accepts contracts of": ", ".join(evse.accepted_service_providers),
        **_directions(evse),
        **_images(evse.images),
        "by the station": ", ".join(evse.filled.paths),
        "changed": time_word(evse, "update_time"),
    }


def _names(message: Message, field: str) -> str:
    """Return the values of a repeated field of an enum in words, with commas between."""
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    assert enum is not None
    prefix = "".join(f"_{char}" if char.isupper() else char.upper() for char in enum.name).lstrip("_") + "_"
    known = (enum.values_by_number.get(value) for value in getattr(message, field))
    return ", ".join(one.name.removeprefix(prefix).lower().replace("_", " ") for one in known if one is not None)


def _standard(one: LocationConnector) -> str:
    return ConnectorStandard.Name(one.standard).removeprefix("CONNECTOR_STANDARD_") if one.standard else ""


def _zone(name: str) -> tzinfo | None:
    """Return the time zone of a name. None: this machine does not know it, and its own is used."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _opening_words(location: Location) -> str:
    times = location.opening_times
    if not location.HasField("opening_times"):
        return ""
    if times.twentyfourseven:
        return "always"
    return ", ".join(
        f"{_DAYS[one.weekday - 1] if 1 <= one.weekday <= 7 else one.weekday} {one.period_begin}-{one.period_end}"
        for one in times.regular_hours
    )


def _period(period: Message, zone: tzinfo | None) -> str:
    """Return a period in a time zone; None is that of this machine."""
    ends = (getattr(period, name) if period.HasField(name) else None for name in ("period_begin", "period_end"))
    begin, end = (local_words(one.ToDatetime(UTC), zone, to="minutes") if one else "" for one in ends)
    return f"{begin} to {end}" if end else f"from {begin}"


def _point(point: GeoLocation | AdditionalGeoLocation) -> str:
    return f"{point.latitude}, {point.longitude}"


def _business(one: BusinessDetails) -> str:
    return " ".join(filter(None, (one.name, one.website, one.logo.url)))


def _token(one: PublishToken) -> str:
    group = f"group {one.group_id}" if one.group_id else ""
    return " ".join(filter(None, (one.type, one.uid, one.issuer, one.visual_number, group)))


def _directions(message: Location | LocationEvse) -> dict[str, str]:
    return {f"directions {one.language}": one.text for one in message.directions}


def _images(images: Sequence[Image]) -> dict[str, str]:
    return {f"image {place}": f"{enum_word(one, 'category')} {one.url}" for place, one in enumerate(images, 1)}


def _energy(mix: EnergyMix) -> str:
    sources = (f"{plain(one.percentage)} % {enum_word(one, 'source')}" for one in mix.energy_sources)
    impacts = (f"{plain(one.amount)} g/kWh {enum_word(one, 'category')}" for one in mix.environ_impact)
    green = "green" if mix.is_green_energy else "not green"
    return ", ".join(filter(None, (green, *sources, *impacts, mix.supplier_name, mix.energy_product_name)))


def _limits(place: ParkingPlace) -> str:
    limits = {
        "weight": (number(place, "max_vehicle_weight"), "kg"),
        "height": (number(place, "max_vehicle_height"), "cm"),
        "length": (number(place, "max_vehicle_length"), "cm"),
        "width": (number(place, "max_vehicle_width"), "cm"),
        "space": ("x".join(filter(None, (number(place, f"parking_space_{one}") for one in ("length", "width")))), "cm"),
    }
    said = [f"{word} {most} {unit}" for word, (most, unit) in limits.items() if most]
    return ", ".join([*said, *([duration_word(place.time_limit)] if place.HasField("time_limit") else [])])


def _rules(place: ParkingPlace) -> str:
    rules = {
        "no other vehicles": place.restricted_to_type,
        "reservation required": place.reservation_required,
        "dangerous goods allowed": place.dangerous_goods_allowed,
        "drive through": place.drive_through,
        "roofed": place.roofed,
        "lit": place.lighting,
        "refrigeration outlet": place.refrigeration_outlet,
    }
    return ", ".join(
        [*filter(None, [enum_word(place, "direction")]), *(rule for rule, holds in rules.items() if holds)]
    )
