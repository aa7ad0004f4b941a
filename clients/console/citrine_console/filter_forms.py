"""Filters of lists: a form whose fields are the query of the page, and enums as its choices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from citrine_console.formats import enum_word
from citrine_console.forms import Choice
from citrine_console.live import Region
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["Filter", "enum_choices", "enum_number", "filters_region", "place_filters", "time_filters"]


@dataclass(frozen=True)
class Filter:
    """One field."""

    name: str
    """In the query."""
    label: str
    choices: Sequence[Choice] = ()
    """Values and what they are called. Without: any text."""
    placeholder: str = ""
    kind: str = "text"
    """Of the input: text, number, datetime-local."""


def filters_region(filters: Callable[[], Sequence[Filter]]) -> Region:
    """Return the region of a form."""

    async def load(visit: Visit) -> Mapping[str, object]:
        return {"filters": filters()}

    return Region("filters", "parts/filters.html", load)


def time_filters() -> list[Filter]:
    """Return the fields that `filters.time_range` reads."""
    return [Filter("from", _("From"), kind="datetime-local"), Filter("to", _("To"), kind="datetime-local")]


def place_filters() -> list[Filter]:
    """Return the fields that `filters.selector_of` reads."""
    return [
        Filter("location", _("Location")),
        Filter("group", _("Group")),
        Filter("label", _("Label"), placeholder="key=value"),
    ]


def enum_choices(kind: type[Message], field: str) -> list[Choice]:
    """Return the words of an enum, by a field of a message that has it."""
    words = [enum_word(kind(**{field: number}), field) for number in _numbers(kind, field)]
    return [(word, word) for word in words if word]


def enum_number(kind: type[Message], field: str, word: str) -> Any:
    """Return the number of a word of an enum; 0 where it is none."""
    return next(
        (number for number in _numbers(kind, field) if word and enum_word(kind(**{field: number}), field) == word), 0
    )


def _numbers(kind: type[Message], field: str) -> list[int]:
    enum = kind.DESCRIPTOR.fields_by_name[field].enum_type
    return [] if enum is None else [value.number for value in enum.values if value.number]
