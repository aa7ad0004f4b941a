"""Values of tables and of `show`: text that knows what it is, so that each looks the same wherever it stands."""

from collections.abc import Mapping

__all__ = ["NOTHING", "Figure", "Moment", "PrefixId", "State", "shortened", "style_of"]

NOTHING = "-"
"""A value that there can't be yet, where an empty one would look forgotten."""

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
"""Words for states, in small letters, and how they look."""

BAD_PARTS = ("denied", "error", "fail", "fault", "invalid", "mismatch", "refus", "reject", "revoked", "unreach")
"""What a word that is not in the table has in it where it says that something went wrong."""

SHORTEST = 8
"""Characters of an id that are shown at least, where it can be looked up by them."""

WORTH = 4
"""Characters that must be saved for an id to be shortened."""


class Figure(str):
    """A number with its unit, which stands at the right of its column."""

    __slots__ = ()


class State(str):
    """A word for a state, which has a colour where there are colours."""

    __slots__ = ()


class PrefixId(str):
    """An id that can be looked up by what it begins with."""

    __slots__ = ()


class Moment(str):
    """A time in words: as text with its date and zone, and as tables have it."""

    __slots__ = ("brief", "shown")

    shown: str
    """As a table on a terminal has it: "3 min ago" or "in 2 h"; or the text."""
    brief: str
    """The same where a table has no room: "3 min", or the time of today."""

    def __new__(cls, text: str, shown: str, brief: str) -> "Moment":
        made = super().__new__(cls, text)
        made.shown, made.brief = shown, brief
        return made


def style_of(value: str) -> str:
    """Return how a value looks in rich's words. Empty: like any text."""
    if not isinstance(value, State):
        return ""
    word = value.lower()
    return STYLES.get(word) or (BAD if any(part in word for part in BAD_PARTS) else "")


def shortened(ids: list[str]) -> dict[str, str]:
    """Return for each id the shortest beginning, of 8 characters or more, that no other of them has."""
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
