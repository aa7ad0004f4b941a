"""Times and durations in words: local with their zone, and seen from now."""

from datetime import UTC, datetime, timedelta, tzinfo

from citrine_cli.cells import Moment

__all__ = ["duration_words", "instant", "local_words", "moment", "relative_words"]

SECOND, MINUTE, HOUR, DAY, YEAR = 1, 60, 3600, 86_400, 365 * 86_400

NOW = 2
"""Seconds up to which something is now."""


def local_words(time: datetime, zone: tzinfo | None = None, to: str = "seconds") -> str:
    """Return a time in a zone, or in the one of the machine (TZ), to the second: "2026-11-29 08:15:02 CET"."""
    try:
        local = time.astimezone(zone)
    except (OverflowError, ValueError):
        # The first and the last day of all times are beyond them elsewhere.
        local = time.astimezone(UTC)
    # Not strftime, whose %Y gives the year 1 one digit on some systems.
    return f"{local.replace(tzinfo=None).isoformat(sep=' ', timespec=to)} {local.tzname()}"


def relative_words(time: datetime, now: datetime, *, may_come: bool = True) -> str:
    """Return a time as seen from now: "3 min ago", "in 2 h".

    Args:
        time: Which time.
        now: What the clock of this machine says.
        may_come: Whether the time may be one that is still to come. What has happened already and seems to come is
            said to be in the future, as one of two clocks is wrong then.
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
    """Return a time in words for a table whose rows are what happened one after the other."""
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
