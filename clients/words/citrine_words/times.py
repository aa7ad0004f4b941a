"""Times and durations in words: local times with their zone, and times relative to now."""

from datetime import UTC, datetime, timedelta, tzinfo

from citrine_words.cells import Moment

__all__ = ["OF_LOCATION", "duration_words", "instant", "local_words", "moment", "relative_words"]

SECOND, MINUTE, HOUR, DAY, YEAR = 1, 60, 3600, 86_400, 365 * 86_400

NOW = 2
"""Longest difference to the current time that counts as now, in seconds."""

OF_LOCATION = "the location's"
"""Time zone of times of day where none is named: each station has that of its location."""


def local_words(time: datetime, zone: tzinfo | None = None, to: str = "seconds") -> str:
    """Return a time in a zone, by default that of the machine (TZ), to the second: "2026-11-29 08:15:02 CET"."""
    try:
        local = time.astimezone(zone)
    except (OverflowError, ValueError):
        # In other zones, the first and last day of datetime are out of range.
        local = time.astimezone(UTC)
    # Not strftime: on some systems, its %Y does not pad years to four digits.
    return f"{local.replace(tzinfo=None).isoformat(sep=' ', timespec=to)} {local.tzname()}"


def relative_words(time: datetime, now: datetime, *, may_come: bool = True) -> str:
    """Return a time relative to now: "3 min ago", "in 2 h".

    Args:
        time: The time.
        now: The current time of this machine.
        may_come: Whether the time may be in the future. If not, a future time is marked as such ("2 h in the future"),
            because one of the clocks is wrong.
    """
    seconds = round((time - now) / timedelta(seconds=1))
    if abs(seconds) < NOW:
        return "now"
    about = _about(abs(seconds))
    if seconds < 0:
        return f"{about} ago"
    return f"in {about}" if may_come else f"{about} in the future"


def moment(time: datetime, now: datetime, *, may_come: bool = True, to: str = "seconds") -> Moment:
    """Return a time in words for tables and for `show`."""
    relative = relative_words(time, now, may_come=may_come)
    return Moment(local_words(time, to=to), relative, relative.removesuffix(" ago"))


def instant(time: datetime, now: datetime) -> Moment:
    """Return a time in words that is never relative to now, for tables of successive times."""
    text, today = local_words(time), local_words(now)[:11]
    return Moment(text, text, text.removeprefix(today))


def _about(seconds: int) -> str:
    for unit, size, most in (
        ("s", SECOND, MINUTE),
        ("min", MINUTE, HOUR),
        ("h", HOUR, 2 * DAY),
        ("d", DAY, 2 * YEAR),
    ):
        if seconds < most:
            return f"{seconds // size} {unit}"
    return f"{seconds // YEAR} y"


def duration_words(duration: timedelta) -> str:
    """Return a duration, to the second: "45 s", "2 min", "1 h 2 min 3 s", "3 d 4 h"."""
    left = round(abs(duration) / timedelta(seconds=1))
    parts = []
    for unit, size in (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    sign = "-" if parts and duration < timedelta() else ""
    return sign + (" ".join(parts) or "0 s")
