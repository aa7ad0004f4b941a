"""Types of the values and the base class of the tables in fleet files."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from citrine_simulator.durations import parse_duration

__all__ = ["Duration", "IdPattern", "Offset", "Share", "Table", "expand"]


class Table(BaseModel):
    """A table of a fleet file. It forbids unknown keys; the docstrings of its fields describe the keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _seconds(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Offset = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=float | str)]
"""Seconds, or text such as ``1h30m`` or ``-2h``."""

Duration = Annotated[Offset, Field(ge=0)]
"""Seconds, or text such as ``90s``, ``5m`` or ``1h30m``."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def expand(pattern: str) -> list[str]:
    """Return the ids of a pattern, e.g. CS-08, CS-09 and CS-10 of ``CS-{08..10}``.

    All numbers have at least as many digits as the first one.

    Raises:
        ValueError: When the pattern has a malformed, reversed or second range.
    """
    match = _RANGE.search(pattern)
    if match is None:
        if "{" in pattern or "}" in pattern:
            raise ValueError(f"{pattern!r}: a range is written as {{0001..0100}}")
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    first, last = match.groups()
    if "{" in after or "{" in before:
        raise ValueError(f"{pattern!r} has more than one range")
    if int(last) < int(first):
        raise ValueError(f"{pattern!r}: {last} comes before {first}")
    return [f"{before}{number:0{len(first)}}{after}" for number in range(int(first), int(last) + 1)]


def _check(pattern: str) -> str:
    expand(pattern)
    return pattern


IdPattern = Annotated[str, Field(min_length=1), AfterValidator(_check)]
"""An id, or a range of ids such as ``CS-{0001..0100}``."""
