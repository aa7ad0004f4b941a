"""Durations as people and ISO 8601 write them; no input and no output."""

import re
from collections.abc import Iterator
from datetime import timedelta

__all__ = ["read_duration"]

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_OF_DATES = {"Y": 365 * 86_400, "M": 30 * 86_400, "W": 604_800, "D": 86_400}
_OF_TIMES = {"H": 3600, "M": 60, "S": 1}

# Not compiled where they stand: a process that starts with its defaults reads no duration.
_PART = r"(\d+(?:\.\d+)?)(ms|[smhdw])"
_SPAN = rf"(?:{_PART})+"
_ISO_PART = r"(\d+(?:\.\d+)?)([YMWDHS])"
_ISO = r"([+-]?)P((?:\d+(?:\.\d+)?[YMWD])*)(?:T((?:\d+(?:\.\d+)?[HMS])+))?"
_DAYS = r"([+-]?)(\d+) ?days?"
_CLOCK = r"([+-]?)(?:(\d+) ?d(?:ays?)?,? ?)?(\d+):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?"


def read_duration(text: str) -> timedelta:
    """Return what a text says: "90s", "5m", "1d12h", seconds, HH:MM:SS, or as ISO 8601 says ("PT5M", "P7D").

    Raises:
        ValueError: When it says no duration, or one that is too long.
    """
    text = text.strip()
    try:
        return timedelta(seconds=_seconds(text))
    except OverflowError:
        raise ValueError(f"{text!r} is too long") from None


def _seconds(text: str) -> float:
    if re.fullmatch(_SPAN, text):
        return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))
    if iso := re.fullmatch(_ISO, text.upper().replace(",", ".")):
        sign, dates, times = iso.groups()
        if dates or times:
            return _signed(sign, sum([*_iso_parts(dates, _OF_DATES), *_iso_parts(times or "", _OF_TIMES)]))
    if days_alone := re.fullmatch(_DAYS, text.lower()):
        sign, days = days_alone.groups()
        return _signed(sign, int(days) * 86_400)
    if clock := re.fullmatch(_CLOCK, text.lower()):
        sign, days, hours, minutes, seconds = clock.groups()
        minutes_of_all = (int(days or 0) * 24 + int(hours)) * 60 + int(minutes)
        return _signed(sign, minutes_of_all * 60 + float(seconds or 0))
    return float(text)


def _iso_parts(text: str, units: dict[str, int]) -> Iterator[float]:
    for number, unit in re.findall(_ISO_PART, text):
        yield float(number) * units[unit]


def _signed(sign: str, seconds: float) -> float:
    return -seconds if sign == "-" else seconds
