"""Parsing of durations that people write. No I/O."""

import re

__all__ = ["parse_duration"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def parse_duration(text: str) -> float:
    """Return the seconds of a duration: ``90``, ``5m``, ``1h30m``, ``250ms`` or, negative, ``-2h``.

    Raises:
        ValueError: When the text is not a duration.
    """
    unsigned = text.strip().removeprefix("-")
    sign = -1.0 if text.strip().startswith("-") else 1.0
    if re.fullmatch(r"\d+(\.\d+)?", unsigned):
        return sign * float(unsigned)
    if not re.fullmatch(f"(?:{_PART.pattern})+", unsigned):
        raise ValueError(f"{text!r} is no duration: it is written as 90, 250ms, 90s, 5m, 1h30m or 2d")
    return sign * sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(unsigned))
