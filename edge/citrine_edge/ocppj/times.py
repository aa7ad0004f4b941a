"""Times of stations that are no RFC 3339, and what they can only mean."""

import re

from citrine.ocpp.codec import CodecError, parse_datetime

__all__ = ["readable_time"]

_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ]+(?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?:[.,](?P<fraction>\d+))?"
    r" ?(?P<zone>[Zz]?(?:(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?)?[Zz]?)",
    re.ASCII,
)
"""A blank for the T, no seconds, a comma, an offset without colon or minutes, or with a Z beside it."""

_MOST_HOURS = 14
"""Hours of the largest offset that is in use anywhere; what is beyond is none, and is left out."""


def readable_time(text: str) -> str | None:
    """Return a time in RFC 3339; None if its date and time of day can't be read.

    A time with an impossible offset is read as UTC, as one without any.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes = int(found["hours"] or 0), int(found["minutes"] or 0)
    is_possible = hours <= _MOST_HOURS and minutes < 60
    offset = f"{found['sign']}{hours:02d}:{minutes:02d}" if found["sign"] and is_possible else "Z"
    fraction = f".{found['fraction']}" if found["fraction"] else ""
    time = f"{found['date']}T{found['minute']}{found['second'] or ':00'}{fraction}{offset}"
    try:
        parse_datetime(time)
    except CodecError:
        return None
    return time
