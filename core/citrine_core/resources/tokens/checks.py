"""Checks of the fields of a token before it is stored."""

import re
import zoneinfo
from collections.abc import Collection

from citrine.api.v1 import tokens_pb2 as pb
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.errors import InvalidArgument
from citrine_core.resources.tokens.formats import NO_AUTHORIZATION, TYPES, format_problem, type_of
from citrine_core.rpc import check_length, check_pattern, check_printable, required

__all__ = [
    "check_fields",
    "check_languages",
    "check_name",
    "check_owner",
    "check_presented",
    "checked_party",
]

PRIORITY = 9
"""Highest charging priority; the lowest is its negative."""

LONGEST_CACHE_TIME = 10 * 366 * 24 * 3600
"""Most seconds for which a station may be told to cache a token."""

PLACES, CONNECTOR_TYPES, TIMES, EVSES = 1000, 50, 100, 100
"""Most of each that the rules of a token may name."""

TIME = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
COUNTRY, PARTY = re.compile("[A-Za-z]{2}"), re.compile("[A-Za-z0-9]{3}")

TEXTS = (
    ("group_id", 255),
    ("language", 8),
    ("second_language", 8),
    ("message", 512),
    ("contract_id", 36),
    ("issuer", 64),
    ("visual_number", 64),
)
"""Fields of text, and the most characters of each."""

END_TIME = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


def check_name(token: pb.Token) -> None:
    """Refuse an invalid id or type of a token.

    Raises:
        InvalidArgument: When one is invalid.
    """
    check_length("token.id_token", token.id_token, 255, least=1)
    # identifierString of OCPP is ASCII.
    if not (token.id_token.isascii() and token.id_token.isprintable()):
        raise InvalidArgument("token.id_token", "must have printable ASCII characters only")
    kind = type_of(required("token.type", token.type))
    if kind not in TYPES:
        raise InvalidArgument("token.type", f"must be one of {', '.join(TYPES)}")
    if kind == NO_AUTHORIZATION:
        raise InvalidArgument("token.type", "must be one that has an id: a start button needs no token (C02)")
    problem = format_problem(token.id_token, kind)
    if problem:
        raise InvalidArgument("token.id_token", f"must be {problem} for type {kind}")


def check_presented(name: str, id_token: IdToken) -> None:
    """Refuse a token for a station that is no token: without an id, where its type has one (C02).

    What else it may be is the station's to decide: it may know tokens that are not known here.

    Args:
        name: Path of the token in the request.
        id_token: The token.

    Raises:
        InvalidArgument: When its id is empty.
    """
    if not id_token.id_token and type_of(id_token.type) != NO_AUTHORIZATION:
        raise InvalidArgument(f"{name}.id_token", f"must not be empty, but for type {NO_AUTHORIZATION}")


def check_fields(token: pb.Token, fields: Collection[str]) -> None:
    """Refuse invalid values of fields.

    Args:
        token: The token with the values.
        fields: Names of the fields to check.

    Raises:
        InvalidArgument: When one is invalid.
    """
    for name, most in TEXTS:
        if name in fields:
            check_length(f"token.{name}", getattr(token, name), most)
            check_printable(f"token.{name}", getattr(token, name))
    for name, pattern, wanted in (
        ("country_code", COUNTRY, "2 letters"),
        ("party_id", PARTY, "3 letters or digits"),
    ):
        value = getattr(token, name)
        if name in fields and value:
            check_pattern(f"token.{name}", value, pattern, wanted)
    if "description" in fields:
        check_length("token.description", token.description, 255)
    if "charging_priority" in fields and abs(token.charging_priority) > PRIORITY:
        raise InvalidArgument("token.charging_priority", f"must be -{PRIORITY} to {PRIORITY}")
    if "cache_time" in fields and not 0 <= token.cache_time.ToSeconds() <= LONGEST_CACHE_TIME:
        raise InvalidArgument("token.cache_time", "must be 0 to 10 years")
    if "rules" in fields:
        _check_rules(token.rules)


def check_languages(first: str, second: str) -> None:
    """Refuse a second language without a first one (C01.FR.10), or equal to it (C01.FR.11).

    Raises:
        InvalidArgument: When the second language is refused.
    """
    if second and (not first or second.lower() == first.lower()):
        raise InvalidArgument("token.second_language", "must be another one than language, which must be set with it")


def check_owner(country_code: str, party_id: str, prefix: str = "token.") -> None:
    """Refuse a party without its country, and a country without a party.

    Raises:
        InvalidArgument: When one of them is missing.
    """
    if country_code and not party_id:
        raise InvalidArgument(f"{prefix}party_id", "must be set with country_code")
    if party_id and not country_code:
        raise InvalidArgument(f"{prefix}country_code", "must be set with party_id")


def checked_party(country_code: str, party_id: str) -> tuple[str, str]:
    """Return country and party of a request, in capitals as they are stored.

    Raises:
        InvalidArgument: When one of them is missing, or none.
    """
    for name, value, pattern, wanted in (
        ("country_code", country_code, COUNTRY, "2 letters"),
        ("party_id", party_id, PARTY, "3 letters or digits"),
    ):
        required(name, value)
        check_pattern(name, value, pattern, wanted)
    return country_code.upper(), party_id.upper()


def _check_rules(rules: pb.TokenRules) -> None:
    for name, most in (("places", PLACES), ("connector_types", CONNECTOR_TYPES), ("times", TIMES)):
        if len(getattr(rules, name)) > most:
            raise InvalidArgument(f"token.rules.{name}", f"must be at most {most}")
    if rules.max_transactions < 0:
        raise InvalidArgument("token.rules.max_transactions", "must not be negative")
    for position, place in enumerate(rules.places):
        field = f"token.rules.places[{position}]"
        check_length(f"{field}.station_id", place.station_id, 48, least=1)
        if len(place.evse_ids) > EVSES or any(evse_id < 1 for evse_id in place.evse_ids):
            raise InvalidArgument(f"{field}.evse_ids", f"must be at most {EVSES} numbers from 1 on")
    for position, name in enumerate(rules.connector_types):
        check_length(f"token.rules.connector_types[{position}]", name, 20, least=1)
    for position, times in enumerate(rules.times):
        field = f"token.rules.times[{position}]"
        if times.start_time:
            check_pattern(f"{field}.start_time", times.start_time, TIME, "a time from 00:00 to 23:59")
        if times.end_time:
            check_pattern(f"{field}.end_time", times.end_time, END_TIME, "a time from 00:00 to 24:00")
        if 0 in times.days:
            raise InvalidArgument(f"{field}.days", "must be days of the week")
    if rules.time_zone:
        _check_zone(rules.time_zone)


def _check_zone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidArgument("token.rules.time_zone", "must be a time zone, as Europe/Amsterdam is one") from error
