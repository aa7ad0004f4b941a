"""The table of words, and the modules that it names."""

import pkgutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from citrine_cli import commands
from citrine_cli.app import build_app
from citrine_cli.lazy_group import Deferred
from citrine_cli.nouns import COMMANDS, GROUPS
from tests.clients.cli.conftest import Cli

WORDS = {**COMMANDS, **GROUPS}

HEAVY = ("citrine", "citrine_sdk", "google", "grpc", "pydantic", "rich", "sqlalchemy")
"""What `citrine --help` has no use for."""


def modules_after(code: str) -> set[str]:
    """Return the modules that are imported where a new Python has run code that prints them last."""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    return set(ran.stdout.splitlines()[-1].split())


def deferred(word: str) -> Deferred:
    found = get_group(build_app()).commands[word]
    assert isinstance(found, Deferred)
    return found


@pytest.mark.parametrize("word", WORDS)
def test_the_help_says_of_a_word_what_its_module_says(word: str) -> None:
    stands_in = deferred(word)

    loaded = stands_in.load()

    assert loaded.name == word
    assert stands_in.get_short_help_str(500) == loaded.get_short_help_str(500)
    assert stands_in.hidden == loaded.hidden


def test_every_module_of_commands_is_reached_by_a_word() -> None:
    code = (
        "import sys; from citrine_cli.lazy_group import Deferred; from citrine_cli.nouns import COMMANDS, GROUPS\n"
        "for word, noun in COMMANDS.items(): Deferred(word, noun, is_group=False).load()\n"
        "for word, noun in GROUPS.items(): Deferred(word, noun, is_group=True).load()\n"
        "print(*sys.modules)"
    )

    modules = {f"{commands.__name__}.{found.name}" for found in pkgutil.iter_modules(commands.__path__)}

    assert sorted(modules - modules_after(code)) == []


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_what_needs_no_command_imports_none(option: str) -> None:
    code = f"import sys; from citrine_cli.main import main; main([{option!r}]); print(*sys.modules)"

    imported = {name.partition(".")[0] for name in modules_after(code)}

    assert "citrine_cli" in imported
    assert sorted(imported & set(HEAVY)) == []


def test_a_list_of_stations_imports_no_other_words_and_no_other_services() -> None:
    code = (
        "import sys; from citrine_cli.main import main\n"
        "main(['--key', 'k', '--tenant', 't', '--core', '127.0.0.1:1', 'station', 'list']); print(*sys.modules)"
    )

    imported = modules_after(code)

    assert "citrine.api.v1.stations_pb2_grpc" in imported
    assert "citrine.api.v1.transactions_pb2_grpc" not in imported
    assert "citrine_cli.commands.transactions" not in imported
    assert "citrine_sdk.services" not in imported


def test_an_option_before_a_process_leaves_the_flags_that_follow_to_it(cli: Cli) -> None:
    ran = cli("--json", "db", "upgrade", "--database", "nonsense")

    assert ran.code == 1
    assert ran.err.startswith("citrine db upgrade:")


def every_command() -> Iterator[tuple[str, TyperCommand]]:
    """Yield each command with the words that call it."""
    waiting = [(word, deferred(word).load()) for word in WORDS]
    while waiting:
        words, found = waiting.pop()
        if isinstance(found, TyperGroup):
            waiting += [(f"{words} {word}", command) for word, command in found.commands.items()]  # type: ignore[misc]
        else:
            yield words, found


def test_what_lists_something_lists_at_most_so_many() -> None:
    listing = {words: command for words, command in every_command() if (command.help or "").startswith("List ")}
    without = {words for words, command in listing.items() if "limit" not in {option.name for option in command.params}}

    assert len(listing) > 20
    # A station has a handful of slots and of certificates, which come in one piece; roles and partners are as few.
    few = {
        "key roles",
        "station certificate",
        "station network",
        "ocpi partner list",
        "ocpi party list",
        "ocpi tariff list",
    }
    assert without == few
