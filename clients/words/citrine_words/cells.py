"""Typed values of tables and of `show`, which determine how each is displayed."""

from collections.abc import Mapping

__all__ = ["NOTHING", "Figure", "Moment", "PrefixId", "State", "shortened", "style_of"]

NOTHING = "-"
"""Stands for a value that does not exist yet, if an empty cell would look like a mistake."""

GOOD, DOUBTFUL, BAD = "green", "yellow", "bold red"

STYLES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "accepted",
            "active",
            "applied",
            "available",
            "charging",
            "complete",
            "completed",
            "connected",
            "discharging",
            "done",
            "final",
            "finished",
            "in step",
            "installed",
            "operative",
            "published",
            "running",
            "set",
            "started",
            "succeeded",
            "uploaded",
            "used",
            "yes",
        ),
        GOOD,
    ),
    **dict.fromkeys(
        (
            "cancelled",
            "closed",
            "delayed",
            "differs",
            "exceeded",
            "expired",
            "gap",
            "held",
            "held back",
            "idle",
            "incomplete",
            "inoperative",
            "missing",
            "no",
            "offline",
            "orphaned",
            "overdue",
            "partial",
            "paused",
            "pending",
            "provisional",
            "reached",
            "removed",
            "scheduled",
            "stalled",
            "suspended",
            "suspendedev",
            "suspendedevse",
            "tolerated",
            "unavailable",
            "unknown",
            "waiting",
            "waiting for station",
        ),
        DOUBTFUL,
    ),
    **dict.fromkeys(("blocked", "dropped", "lost", "stopped", "timed out"), BAD),
}
"""Styles of states, by their words in lower case."""

BAD_PARTS = ("denied", "error", "fail", "fault", "invalid", "mismatch", "refus", "reject", "revoked", "unreach")
"""Parts of words for failures that are not in the table."""

SHORTEST = 8
"""Fewest characters of an id that is shortened to a unique prefix."""

WORTH = 4
"""Fewest characters that shortening an id must save."""


class Figure(str):
    """A number with its unit, aligned to the right of its column."""

    __slots__ = ()


class State(str):
    """A word for a state, shown in a colour if colours are on."""

    __slots__ = ()


class PrefixId(str):
    """An id that commands find by a prefix."""

    __slots__ = ()


class Moment(str):
    """A time in words: the text with date and zone, and shorter forms for tables."""

    __slots__ = ("brief", "shown")

    shown: str
    """The form in tables on a terminal: "3 min ago" or "in 2 h"; or the text."""
    brief: str
    """The form in narrow tables: "3 min", or the time of today."""

    def __new__(cls, text: str, shown: str, brief: str) -> "Moment":
        made = super().__new__(cls, text)
        made.shown, made.brief = shown, brief
        return made


def style_of(value: str) -> str:
    """Return the rich style of a value. Empty: none."""
    if not isinstance(value, State):
        return ""
    word = value.lower()
    return STYLES.get(word) or (BAD if any(part in word for part in BAD_PARTS) else "")


def shortened(ids: list[str]) -> dict[str, str]:
    """Return for each id its shortest unique prefix of at least 8 characters."""
    ordered = sorted(set(ids))
    found = {}
    for place, text in enumerate(ordered):
        neighbours = ordered[max(place - 1, 0) : place] + ordered[place + 1 : place + 2]
        length = max([SHORTEST, *(_common(text, other) + 1 for other in neighbours)])
        found[text] = text[:length] if length + WORTH <= len(text) else text
    return found


def _common(text: str, other: str) -> int:
    length = 0
    for one, two in zip(text, other, strict=False):
        if one != two:
            break
        length += 1
    return length
