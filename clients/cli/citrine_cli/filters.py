"""Words for the values of enums, by which lists are filtered."""

from collections.abc import Iterable
from typing import TypeVar

__all__ = ["words_of"]

T = TypeVar("T", bound=int)


def words_of(values: Iterable[tuple[str, T]], prefix: str) -> dict[str, T]:
    """Return the words for the values of an enum, but for the one that means any.

    Args:
        values: Names and numbers, as `items()` of an enum returns them.
        prefix: What each name begins with, e.g. "COMMAND_STATE_".
    """
    return {name.removeprefix(prefix).lower().replace("_", "-"): number for name, number in values if number}
