"""Every list of the command line on terminals of any width: nothing is lost, and nothing is wider than they are."""

import re
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from rich.cells import cell_len
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from citrine_cli.app import build_app
from citrine_cli.lazy_group import Deferred
from citrine_sdk import methods
from tests.clients.cli.conftest import Cli
from tests.clients.cli.filled import fill
from tests.clients.scripted_core import ScriptedCore

CODES = re.compile(r"\x1b\[[0-9;]*m")
TIMES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC")
PREFIX = re.compile(r"(\d(?:(?:transaction|campaign|assignment|command|operation)-id|fingerprint)-of-any-length)")


def words(group: TyperGroup, *before: str) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """Yield each command with the words that lead to it."""
    for name, command in group.commands.items():
        loaded = command.load() if isinstance(command, Deferred) else command
        if isinstance(loaded, TyperGroup):
            yield from words(loaded, *before, name)
        else:
            assert isinstance(loaded, TyperCommand)
            yield (*before, name), loaded


COMMANDS = dict(words(get_group(build_app())))

LISTS = {
    path: command
    for path, command in COMMANDS.items()
    if any("--columns" in parameter.opts for parameter in command.params)
}
"""The commands that list something, which have --columns."""


SHOWS = {
    path: command
    for path, command in COMMANDS.items()
    if (path[-1] == "show" and path[0] not in ("key", "ocpi"))
    or path in {("station", word) for word in ("network", "availability", "drift", "progress")}
}
"""The commands that show one thing of the core. (That of keys looks in a list.)"""


SENTENCES = {("profile", "plan"), ("station", "drift"), ("tariff", "show")}
"""Of them, those that say something in sentences, too."""


def arguments_of(command: TyperCommand) -> list[str]:
    """Return something for each argument that is needed, which may be a number."""
    return ["1" for parameter in command.params if parameter.required]


@pytest.fixture(params=[1, 48, 255], ids=lambda length: f"texts of {length}")
def filled(request: pytest.FixtureRequest, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch) -> ScriptedCore:
    """A core that answers each list with three things, of which each field has a value."""
    # It has several, as of everything.
    monkeypatch.setenv("CITRINE_TENANT", "default")

    def answer(response: type[Message]) -> Any:
        def answered(_: Message, context: grpc.ServicerContext) -> Message:
            made = response()
            if "next_page_token" not in made.DESCRIPTOR.fields_by_name:
                fill(made, 1, length=request.param)
                return made
            for field in made.DESCRIPTOR.fields:
                if field.message_type is not None and field.is_repeated:
                    for number in (1, 2, 3):
                        fill(getattr(made, field.name).add(), number, length=request.param)
            return made

        return answered

    for method in methods():
        if not method.streams:
            core.on(method.name, answer(GetMessageClass(method.response)))
    return core


def written(out: str) -> str:
    """Return what is written without how it looks and where its lines end."""
    return "".join(CODES.sub("", out).split())


def test_there_are_lists() -> None:
    assert len(LISTS) > 35
    assert {("transaction", "list"), ("cost", "list"), ("firmware", "campaign", "list")} <= set(LISTS)
    assert len(SHOWS) > 12


@pytest.mark.parametrize("path", [*LISTS, *SHOWS], ids=" ".join)
def test_nothing_is_lost_on_any_terminal(
    path: tuple[str, ...], citrine: Cli, filled: ScriptedCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*path, *arguments_of(COMMANDS[path])]
    whole = citrine(*arguments)
    assert (whole.code, whole.err) == (0, "")
    # What is seen from now is short anyway, and what is shortened still tells one from the other.
    # Headings stand where there are tables only.
    expected = {word[:8] if PREFIX.match(word) else word for word in TIMES.sub("", whole.out).split()}
    expected -= {word for word in expected if word.isalpha() and word.isupper()}

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    for columns in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        ran = citrine(*arguments)

        lines = CODES.sub("", ran.out).splitlines()
        if path in SENTENCES:
            # A word of a sentence is whole, however long it is.
            lines = [line for line in lines if len(line.split()) > 1]
        assert ran.code == 0
        assert max(map(cell_len, lines), default=0) <= columns
        text = written(ran.out).lower()
        assert [word for word in sorted(expected) if word.lower() not in text] == []
        assert "…" not in ran.out


@pytest.mark.parametrize("path", LISTS, ids=" ".join)
def test_columns_are_called_as_their_headings_are(
    path: tuple[str, ...], citrine: Cli, filled: ScriptedCore, request: pytest.FixtureRequest
) -> None:
    arguments = [*path, *arguments_of(LISTS[path])]
    refused = citrine(*arguments, "--columns", "nonsense")
    assert refused.code == 2
    names = refused.err.strip().partition("there are: ")[2].split(", ")

    heading, *rows = citrine(*arguments, "--columns", ",".join(reversed(names))).lines[-4:]

    assert " ".join(heading.split()) == " ".join(name.upper() for name in reversed(names))
    assert rows
