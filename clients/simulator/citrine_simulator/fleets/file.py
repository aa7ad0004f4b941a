"""The parser of fleet files. Its errors name the line and the key."""

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from citrine_simulator.errors import UsageError
from citrine_simulator.fleets.model import FleetFile

__all__ = ["line_of", "read_fleet"]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-]+|\"[^\"]*\")\s*=")

Place = tuple[str | int, ...]


def read_fleet(path: Path) -> FleetFile:
    """Read a fleet file.

    Raises:
        UsageError: When the file can't be read, is not TOML, or is not a valid fleet; the text names line and key.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"cannot read the fleet in {path}: {problem}") from problem
    try:
        return FleetFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"{path}: {problem}") from problem
    except ValidationError as invalid:
        problems = [_sentence(path, text, one) for one in invalid.errors()]
        raise UsageError("\n".join(problems)) from invalid


def _sentence(path: Path, text: str, error: ErrorDetails) -> str:
    place = _as_written(error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "extra_forbidden":
            message = "is not a key of this table"
        case "union_tag_not_found":
            place, message = (*place, "kind"), "Field required"
        case "union_tag_invalid":
            context = error["ctx"]
            place, message = (*place, "kind"), f"{context['tag']!r} is none of {context['expected_tags']}"
    line = line_of(text, place)
    name = ".".join(str(step + 1) if isinstance(step, int) else step for step in place)
    at = f"{path}:{line}" if line else str(path)
    return f"{at}: {name}: {message}" if name else f"{at}: {message}"


def _as_written(where: Sequence[str | int]) -> Place:
    """Remove the steps of a pydantic location that are not in the file: the chosen members of unions."""
    place: list[str | int] = []
    for step, before in zip(where, [None, *where], strict=False):
        chosen = isinstance(before, int) and len(place) > 1 and place[-2] == "faults"
        if not (chosen or before == "behaviour" or (before == "ids" and isinstance(step, str))):
            place.append(step)
    return tuple(place)


def line_of(text: str, place: Place) -> int | None:
    """Return the line of a key, or of the innermost table around it."""
    lines = _lines(text)
    while place:
        if place in lines:
            return lines[place]
        place = place[:-1]
    return None


def _lines(text: str) -> dict[Place, int]:
    lines: dict[Place, int] = {}
    counts: Counter[Place] = Counter()
    table: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            table = _table(header[1] == "[[", header[2].split("."), counts)
            lines.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            lines.setdefault((*table, key[1].strip('"')), number)
    return lines


def _table(again: bool, names: Sequence[str], counts: Counter[Place]) -> Place:
    """Return the place of a table, with the index in each array of tables on the path."""
    place: Place = ()
    for depth, name in enumerate(names, start=1):
        place = (*place, name.strip().strip('"'))
        if again and depth == len(names):
            counts[place] += 1
        if counts[place]:
            place = (*place, counts[place] - 1)
    return place
