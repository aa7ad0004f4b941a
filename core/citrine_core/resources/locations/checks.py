"""Checks of what locations and EVSEs have in common, by the rules of OCPI 2.3.0 (mod_locations)."""

import re
import zoneinfo
from collections.abc import Sequence
from typing import Any

from citrine.api.v1 import locations_pb2 as pb
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import check_length, check_pattern, check_printable, required

__all__ = [
    "check_each_once",
    "check_geo",
    "check_image",
    "check_images",
    "check_location_id",
    "check_number",
    "check_period",
    "check_text",
    "check_texts",
    "check_url",
    "check_zone",
]

MOST = 100
"""Elements of a list within a location."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,36}")
"""A part of CiString(36), which is good in URLs."""

_LATITUDE = re.compile(r"-?[0-9]{1,2}\.[0-9]{5,7}")
_LONGITUDE = re.compile(r"-?[0-9]{1,3}\.[0-9]{5,7}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_IMAGE_TYPE = re.compile(r"[a-z]{1,4}")
_URL = re.compile(r"https?://[^\s/?#]+\S*")


def check_location_id(name: str, location_id: str) -> None:
    """Refuse an invalid id of a location, or uid of an EVSE.

    Raises:
        InvalidArgument: When it is one.
    """
    check_pattern(name, location_id, _ID, "1 to 36 characters of A-Z a-z 0-9 . _ -")


def check_zone(name: str, zone: str) -> None:
    """Refuse what is no time zone.

    Raises:
        InvalidArgument: When the IANA database has none of this name.
    """
    try:
        zoneinfo.ZoneInfo(required(name, zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidArgument(name, "must be a time zone of the IANA database, as Europe/Oslo is one") from error


def check_geo(name: str, point: pb.GeoLocation | pb.AdditionalGeoLocation) -> None:
    """Refuse what is no point on earth, or less precise than OCPI allows.

    Raises:
        InvalidArgument: When it is none.
    """
    for part, value, pattern, most in (
        ("latitude", point.latitude, _LATITUDE, 90),
        ("longitude", point.longitude, _LONGITUDE, 180),
    ):
        check_pattern(f"{name}.{part}", value, pattern, "decimal degrees with 5 to 7 decimals, as 50.770774")
        if abs(float(value)) > most:
            raise InvalidArgument(f"{name}.{part}", f"must be -{most} to {most} degrees")


def check_texts(name: str, texts: Sequence[pb.DisplayText]) -> None:
    """Refuse texts that are no DisplayText, or of which there are two in a language.

    Raises:
        InvalidArgument: When there is one.
    """
    check_each_once(name, [text.language for text in texts])
    for place, text in enumerate(texts):
        check_pattern(f"{name}[{place}].language", text.language, _LANGUAGE, "a language of ISO 639-1, as en")
        check_length(f"{name}[{place}].text", text.text, 512, 1)


def check_images(name: str, images: Sequence[pb.Image]) -> None:
    """Refuse invalid images.

    Raises:
        InvalidArgument: When there is one, or too many.
    """
    check_number(name, images)
    for place, image in enumerate(images):
        check_image(f"{name}[{place}]", image)


def check_url(name: str, url: str, *, needed: bool = False) -> None:
    """Refuse what is no URL of http or https.

    Raises:
        InvalidArgument: When it is none.
    """
    if url or needed:
        check_length(name, required(name, url), 255)
        check_pattern(name, url, _URL, "a URL of http or https")


def check_each_once(name: str, values: Sequence[Any]) -> None:
    """Refuse a list that has a value twice, or an enum value that says nothing.

    Raises:
        InvalidArgument: When it has.
    """
    check_number(name, values)
    for place, value in enumerate(values):
        if value == 0:
            raise InvalidArgument(f"{name}[{place}]", "must be set")
        if value in values[:place]:
            raise InvalidArgument(f"{name}[{place}]", "is there twice")


def check_number(name: str, values: Sequence[Any]) -> None:
    """Refuse a list that is too long.

    Raises:
        InvalidArgument: When it is.
    """
    if len(values) > MOST:
        raise InvalidArgument(name, f"must have at most {MOST} elements")


def check_text(name: str, text: str, longest: int, *, needed: bool = False) -> None:
    """Refuse a text that is too long, or that people can't read.

    Raises:
        InvalidArgument: When it is, or is empty and needed.
    """
    check_length(name, text, longest, 1 if needed else 0)
    check_printable(name, text)


def check_image(name: str, image: pb.Image) -> None:
    """Refuse an invalid image.

    Raises:
        InvalidArgument: When it is one.
    """
    check_url(f"{name}.url", image.url, needed=True)
    check_url(f"{name}.thumbnail", image.thumbnail)
    if not image.category:
        raise InvalidArgument(f"{name}.category", "must be set")
    check_pattern(f"{name}.type", image.type, _IMAGE_TYPE, "gif, jpeg, png or svg")
    for part, pixels in (("width", image.width), ("height", image.height)):
        if not 0 <= pixels <= 99_999:
            raise InvalidArgument(f"{name}.{part}", "must be at most 99999 pixels")


def check_period(name: str, period: pb.ExceptionalPeriod | pb.StatusSchedule, *, needs_end: bool) -> None:
    """Refuse a period without a begin, or whose end is not later.

    Raises:
        InvalidArgument: When it is one.
    """
    if not period.HasField("period_begin"):
        raise InvalidArgument(f"{name}.period_begin", "must be set")
    if not period.HasField("period_end"):
        if needs_end:
            raise InvalidArgument(f"{name}.period_end", "must be set")
    elif period.period_end.ToNanoseconds() <= period.period_begin.ToNanoseconds():
        raise InvalidArgument(f"{name}.period_end", "must be later than period_begin")
