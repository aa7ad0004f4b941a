"""Words for the values of an enum."""

from collections.abc import Iterable
from typing import TypeVar

__all__ = ["words_of"]

T = TypeVar("T", bound=int)


def words_of(values: Iterable[tuple[str, T]], prefix: str) -> dict[str, T]:
    """Return the words for the values of an enum, without the unspecified value.

    Args:
        values: Names and numbers, as returned by `items()` of an enum.
        prefix: Common prefix of the names, e.g. "COMMAND_STATE_".
    """
    return {name.removeprefix(prefix).lower().replace("_", "-"): number for name, number in values if number}
