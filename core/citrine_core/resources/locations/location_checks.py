"""Checks of the fields of a location, by the rules of OCPI 2.3.0 (Location)."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from iso3166 import countries_by_alpha2, countries_by_alpha3

from citrine.api.v1 import locations_pb2 as pb
from citrine_core.errors import InvalidArgument
from citrine_core.resources.locations.checks import (
    check_each_once,
    check_geo,
    check_image,
    check_images,
    check_number,
    check_period,
    check_text,
    check_texts,
    check_url,
    check_zone,
)
from citrine_core.rpc import check_length, check_pattern, required

__all__ = ["check_location"]

_PARTY = re.compile(r"[A-Z0-9]{3}")
_TIME_OF_DAY = re.compile(r"([0-1][0-9]|2[0-3]):[0-5][0-9]")
_TOKEN_TYPES = ("AD_HOC_USER", "APP_USER", "EMAID", "OTHER", "RFID")

_TEXTS: Mapping[str, tuple[int, bool]] = {
    "name": (255, False),
    "address": (255, True),
    "city": (45, True),
    "postal_code": (10, False),
    "state": (45, False),
    "help_phone": (25, False),
}
"""Longest text of a field, and whether it is required."""


def check_location(location: pb.Location, fields: Collection[str]) -> None:
    """Check fields of a location before they are stored.

    Raises:
        InvalidArgument: When one is invalid; it names the first such field.
    """
    for name in fields:
        path = f"location.{name}"
        if name in _TEXTS:
            longest, needed = _TEXTS[name]
            check_text(path, getattr(location, name), longest, needed=needed)
        elif name in _CHECKS:
            _CHECKS[name](path, location)
    if "publish_allowed_to" in fields and location.publish_allowed_to and location.publish:
        raise InvalidArgument("location.publish_allowed_to", "must be empty where publish is true")


def _check_business(name: str, business: pb.BusinessDetails) -> None:
    check_text(f"{name}.name", business.name, 100, needed=True)
    check_url(f"{name}.website", business.website)
    if business.HasField("logo"):
        check_image(f"{name}.logo", business.logo)


def _check_token(name: str, token: pb.PublishToken) -> None:
    for part, longest in (("uid", 36), ("visual_number", 64), ("issuer", 64), ("group_id", 36)):
        check_length(f"{name}.{part}", getattr(token, part), longest)
    if not (token.uid or token.visual_number or token.group_id):
        raise InvalidArgument(name, "must have uid, visual_number or group_id")
    if (token.uid or token.type) and token.type not in _TOKEN_TYPES:
        raise InvalidArgument(f"{name}.type", f"must be one of {', '.join(_TOKEN_TYPES)}")
    if token.visual_number:
        required(f"{name}.issuer", token.issuer)


def _check_opening_times(name: str, times: pb.OpeningTimes) -> None:
    if times.twentyfourseven == bool(times.regular_hours):
        wanted = "must be empty where twentyfourseven is true, and have at least one otherwise"
        raise InvalidArgument(f"{name}.regular_hours", wanted)
    for part in ("regular_hours", "exceptional_openings", "exceptional_closings"):
        check_number(f"{name}.{part}", getattr(times, part))
    for place, hours in enumerate(times.regular_hours):
        path = f"{name}.regular_hours[{place}]"
        if not 1 <= hours.weekday <= 7:
            raise InvalidArgument(f"{path}.weekday", "must be 1 (Monday) to 7 (Sunday)")
        for part in ("period_begin", "period_end"):
            check_pattern(f"{path}.{part}", getattr(hours, part), _TIME_OF_DAY, "a time of day, as 08:00")
        if hours.period_end <= hours.period_begin:
            raise InvalidArgument(f"{path}.period_end", "must be later than period_begin")
    for part in ("exceptional_openings", "exceptional_closings"):
        for place, period in enumerate(getattr(times, part)):
            check_period(f"{name}.{part}[{place}]", period, needs_end=True)


def _check_energy_mix(name: str, mix: pb.EnergyMix) -> None:
    check_each_once(f"{name}.energy_sources", [one.source for one in mix.energy_sources])
    for place, source in enumerate(mix.energy_sources):
        if not 0 <= source.percentage <= 100:
            raise InvalidArgument(f"{name}.energy_sources[{place}].percentage", "must be 0 to 100")
    # Percentages have four decimals at most (number of OCPI).
    if mix.energy_sources and abs(sum(one.percentage for one in mix.energy_sources) - 100) > 0.01:
        raise InvalidArgument(f"{name}.energy_sources", "must add up to 100 percent")
    check_each_once(f"{name}.environ_impact", [one.category for one in mix.environ_impact])
    for place, impact in enumerate(mix.environ_impact):
        if impact.amount < 0:
            raise InvalidArgument(f"{name}.environ_impact[{place}].amount", "must not be negative")
    for part in ("supplier_name", "energy_product_name"):
        check_length(f"{name}.{part}", getattr(mix, part), 64)


def _check_places(name: str, places: Sequence[pb.ParkingPlace]) -> None:
    check_each_once(name, [place.parking_id for place in places])
    for number, place in enumerate(places):
        path = f"{name}[{number}]"
        check_length(f"{path}.parking_id", place.parking_id, 36, 1)
        check_length(f"{path}.physical_reference", place.physical_reference, 12)
        if not place.vehicle_types:
            raise InvalidArgument(f"{path}.vehicle_types", "must have at least one")
        check_each_once(f"{path}.vehicle_types", place.vehicle_types)
        for field, value in place.ListFields():
            if field.name.startswith(("max_vehicle_", "parking_space_")) and value < 1:
                raise InvalidArgument(f"{path}.{field.name}", "must be at least 1")
        limit = place.time_limit
        if place.HasField("time_limit") and (limit.seconds < 60 or limit.seconds % 60 or limit.nanos):
            raise InvalidArgument(f"{path}.time_limit", "must be whole minutes")
        check_images(f"{path}.images", place.images)
        for position, standard in enumerate(place.standards):
            check_length(f"{path}.standards[{position}]", standard, 36, 1)
        check_length(f"{path}.apds_reference", place.apds_reference, 255)


def _check_country(name: str, location: pb.Location) -> None:
    if location.country not in countries_by_alpha3:
        raise InvalidArgument(name, "must be a country of ISO 3166-1 alpha-3, as NLD")


def _check_country_code(name: str, location: pb.Location) -> None:
    if location.country_code and location.country_code not in countries_by_alpha2:
        raise InvalidArgument(name, "must be a country of ISO 3166-1 alpha-2, as NL")


def _check_party(name: str, location: pb.Location) -> None:
    if location.party_id:
        check_pattern(name, location.party_id, _PARTY, "3 characters of A-Z 0-9")


def _check_coordinates(name: str, location: pb.Location) -> None:
    check_geo(name, location.coordinates)


def _check_related(name: str, location: pb.Location) -> None:
    check_number(name, location.related_locations)
    for place, point in enumerate(location.related_locations):
        check_geo(f"{name}[{place}]", point)
        if point.HasField("name"):
            check_texts(f"{name}[{place}].name", [point.name])


def _check_publish_allowed(name: str, location: pb.Location) -> None:
    check_number(name, location.publish_allowed_to)
    for place, token in enumerate(location.publish_allowed_to):
        _check_token(f"{name}[{place}]", token)


def _check_tariff_ids(name: str, location: pb.Location) -> None:
    check_each_once(name, location.tariff_ids)
    for place, tariff_id in enumerate(location.tariff_ids):
        check_length(f"{name}[{place}]", tariff_id, 60, 1)


def _of(check: Callable[[str, Any], None]) -> Callable[[str, pb.Location], None]:
    """Return the check of a field that is a list, or a message that may be unset."""

    def run(path: str, location: pb.Location) -> None:
        field = location.DESCRIPTOR.fields_by_name[path.rpartition(".")[2]]
        if field.is_repeated or dict(location.ListFields()).get(field) is not None:
            check(path, getattr(location, field.name))

    return run


_CHECKS: Mapping[str, Callable[[str, pb.Location], None]] = {
    "country_code": _check_country_code,
    "party_id": _check_party,
    "country": _check_country,
    "time_zone": lambda path, location: check_zone(path, location.time_zone),
    "coordinates": _check_coordinates,
    "related_locations": _check_related,
    "publish_allowed_to": _check_publish_allowed,
    "tariff_ids": _check_tariff_ids,
    "facilities": _of(check_each_once),
    "images": _of(check_images),
    "directions": _of(check_texts),
    "parking_places": _of(_check_places),
    "operator": _of(_check_business),
    "suboperator": _of(_check_business),
    "owner": _of(_check_business),
    "opening_times": _of(_check_opening_times),
    "energy_mix": _of(_check_energy_mix),
}
