"""Durations as people write them on a command line. No I/O."""

import re

__all__ = ["duration_seconds", "duration_text"]

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SPAN = re.compile(f"(?:{_PART.pattern})+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def duration_seconds(text: str) -> float:
    """Return the seconds of a duration: "90s", "5m", "1d12h", or a number of seconds.

    Raises:
        ValueError: When the text is not a duration.
    """
    if _SPAN.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration")
    return float(text)


def duration_text(seconds: float) -> str:
    """Return seconds in the largest unit that yields a whole number: "5m"."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:g}{unit}"
    return f"{seconds:g}s"
