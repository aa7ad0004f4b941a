"""Names in the code are words of the trade: retained, claimed or notified, not kept, taken or told."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PARTS = (
    "core/citrine_core",
    "core/citrine_process",
    "edge/citrine_edge",
    "clients/words/citrine_words",
    "clients/cli/citrine_cli",
    "clients/sdk/citrine_sdk",
    "clients/simulator/citrine_simulator",
    "clients/console/citrine_console",
    "clients/ocpi/citrine_ocpi",
)

VAGUE = frozenset(
    {
        *("keep", "keeps", "kept", "keeping", "keeper", "upkeep"),
        *("take", "takes", "taken", "took", "taking"),
        *("tell", "tells", "told", "untold"),
        *("held", "lost", "mine", "room", "tend", "tends", "wish", "wishes"),
    }
)
"""Words that say nothing of what is done. Say retain, store, claim, dequeue, receive, publish, notify, lease, ..."""

CONTRACT = frozenset(
    {
        # Fields, enums and options of the API, or columns named after them: stations held until an operator accepts.
        *("held", "held_time", "max_held_stations", "HeldStations", "held_and_silent", "_NOT_WHILE_HELD"),
        *("_replace_held", "_show_held"),
        # Charging after a token lost its authorization.
        *("lost_authorization", "_LOST_AUTHORIZATIONS"),
        # Local lists that follow the tokens, and what a station has of them.
        *("keep_in_step", "_SET_HELD"),
        # What a station or a driver was told, as columns.
        *("is_told", "limit_untold", "told_total"),
        # The SDK's own option, and the report of simulated fleets.
        *("on_lost", "lost", "lost_by_fault"),
    }
)
"""Names that others rely on."""

FOREIGN = frozenset({"connection_lost"})
"""Names that asyncio gave."""

PHYSICAL = frozenset({"_lost_power"})
"""What happens to power, and not to data."""


def words(name: str) -> set[str]:
    """Return the words of an identifier, in small letters."""
    return set(re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_"))


def bound(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names that a module gives: to functions, classes, parameters, variables, fields and imports."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


def files(part: str) -> list[Path]:
    """Return the modules of a part, but for generated ones, and migrations, which are history."""
    return [path for path in sorted((ROOT / part).rglob("*.py")) if "versions" not in path.parts]


@pytest.mark.parametrize("part", PARTS)
def test_names_say_what_is_done(part: str) -> None:
    allowed = CONTRACT | FOREIGN | PHYSICAL
    vague = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in files(part)
        for line, name in bound(ast.parse(path.read_text(encoding="utf-8")))
        if words(name) & VAGUE and name not in allowed
    ]

    assert vague == []


def test_modules_are_named_so_too() -> None:
    assert [path for part in PARTS for path in files(part) if words(path.stem) & VAGUE] == []


def test_every_exception_is_needed() -> None:
    given = {
        name for part in PARTS for path in files(part) for _, name in bound(ast.parse(path.read_text(encoding="utf-8")))
    }

    assert (CONTRACT | FOREIGN | PHYSICAL) - given == set()
