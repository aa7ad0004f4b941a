"""One style for the help of every command: what an option is for, its variable, its default, the form of its value."""

import argparse
import contextlib
import re
from collections.abc import Callable, Iterator

import pytest
import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from citrine_cli.app import build_app
from citrine_cli.lazy_group import Deferred
from citrine_cli.nouns import COMMANDS, GROUPS
from citrine_process import flags
from citrine_simulator import arguments
from citrine_words.forms import FORMS

FORMS_ELSEWHERE = re.compile(r"ISO 8601|\+2h|\bseconds\b|[Dd]efault:")
"""What a sentence does not say of a value, since its form or its default is said where it is for all."""

DURATION_NAMES = re.compile(
    r"--([a-z-]*-)?(timeout|interval|duration|grace|delay|drain|pause|session|warm-up|cache-time)$"
)
"""Flags that take a duration by their names."""


def walk(path: str, command: TyperCommand | TyperGroup) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(f"{path} {name}", below)


def every_command() -> dict[str, TyperCommand | TyperGroup]:
    root = typer.main.get_command(build_app())
    assert isinstance(root, TyperGroup)
    found: dict[str, TyperCommand | TyperGroup] = {"citrine": root}
    for nouns, is_group in ((COMMANDS, False), (GROUPS, True)):
        for word, noun in nouns.items():
            found.update(walk(f"citrine {word}", Deferred(word, noun, is_group=is_group).load()))
    return found


EVERY = every_command()


def options(command: TyperCommand | TyperGroup) -> list[TyperOption | TyperArgument]:
    return [one for one in command.params if isinstance(one, TyperOption | TyperArgument)]


def faults_of_sentence(text: str | None) -> list[str]:
    """Return what is wrong with a help text: it begins with a capital, a digit or a quote, and ends with a stop."""
    if not text:
        return ["has no help"]
    sentence = " ".join(text.split("\n\n")[0].split())
    faults = []
    if not re.match(r'[A-Z0-9"]', sentence):
        faults.append(f"begins small: {sentence}")
    if not sentence.endswith("."):
        faults.append(f"has no full stop: {sentence}")
    return faults


@pytest.mark.parametrize("path", EVERY)
def test_every_command_and_option_says_what_it_is_for_as_a_sentence(path: str) -> None:
    command = EVERY[path]

    faults = [(path, fault) for fault in faults_of_sentence(command.help)]
    faults += [(one.opts[0], fault) for one in options(command) for fault in faults_of_sentence(one.help)]

    assert faults == []


@pytest.mark.parametrize("path", EVERY)
def test_every_value_has_a_name_whose_form_is_said_once(path: str) -> None:
    command = EVERY[path]

    faults = []
    for one in options(command):
        takes_value = not getattr(one, "is_flag", False)
        if takes_value and not one.metavar:
            faults.append(f"{one.opts[0]} has no name for its value")
        if isinstance(one, TyperOption) and FORMS_ELSEWHERE.search(one.help or ""):
            faults.append(f"{one.opts[0]} says itself what is said for all: {one.help}")
        if takes_value and DURATION_NAMES.match(one.opts[0]) and one.metavar != "DURATION":
            faults.append(f"{one.opts[0]} takes {one.metavar}, no DURATION")
        if one.metavar in FORMS and f"{one.metavar}: {FORMS[one.metavar]}" not in (command.epilog or ""):
            faults.append(f"{one.opts[0]} takes {one.metavar}, whose form the help does not say")
    assert faults == []


@pytest.mark.parametrize("path", EVERY)
def test_every_default_and_variable_is_shown(path: str) -> None:
    for one in options(EVERY[path]):
        assert one.show_default is not False or one.default in (None, "", 0, -1, False), one.opts
        if one.envvar is not None:
            assert one.show_envvar, one.opts
        assert one.default != -1 or one.show_default is False, f"{one.opts} shows a default that stands for none"


def joined(text: str) -> str:
    return " ".join(text.split())


def test_what_stands_before_a_command_or_after_it_is_shown_alike(capsys: pytest.CaptureFixture[str]) -> None:
    from citrine_cli.app import run_app

    helps = []
    for line in (["--help"], ["station", "list", "--help"]):
        run_app(line)
        helps.append(joined(capsys.readouterr().out))

    for said in helps:
        assert "Where the cores are. [env var: CITRINE_CORE; default: (127.0.0.1:50051)]" in said
        assert "API key. [env var: CITRINE_KEY; default: (the key file's)]" in said
        assert "[env var: CITRINE_TENANT; default: (the only one)]" in said


def processes() -> dict[str, Callable[[], object]]:
    from citrine_core.config import read_settings as read_core
    from citrine_core.db.upgrade import main as upgrade
    from citrine_core.encryption.rotation import main as rotate
    from citrine_edge.config import read_settings as read_edge

    return {
        "core": lambda: read_core(["--help"], {}),
        "edge": lambda: read_edge(["--help"], {}),
        "simulate": lambda: arguments.parse(["--help"]),
        "db upgrade": lambda: upgrade(["--help"]),
        "db rotate-key": lambda: rotate(["--help"]),
    }


@pytest.mark.parametrize("name", ["core", "edge", "simulate", "db upgrade", "db rotate-key"])
def test_a_process_helps_as_every_command_does(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    helps: list[tuple[argparse.Action, str]] = []
    add = argparse._ActionsContainer.add_argument

    def note(self: argparse._ActionsContainer, *names: str, **given: object) -> argparse.Action:
        action: argparse.Action = add(self, *names, **given)  # type: ignore[arg-type]
        helps.append((action, action.help or ""))
        return action

    monkeypatch.setattr(argparse._ActionsContainer, "add_argument", note)
    with contextlib.suppress(SystemExit):
        processes()[name]()
    said = capsys.readouterr().out

    assert said.startswith(f"Usage: citrine {name} [OPTIONS]\n")
    assert "Show this message and exit." in said
    assert "0:0" not in said
    assert "[None]" not in said
    faults = []
    for action, text in helps:
        about = text.partition("  [")[0]
        faults += [(action.option_strings, fault) for fault in faults_of_sentence(about)]
        if action.nargs != 0 and not action.choices and not action.metavar:
            faults.append((action.option_strings, "has no name for its value"))
        if name in ("core", "edge") and action.dest != "help" and "env var: CITRINE_" not in text:
            faults.append((action.option_strings, "does not say its variable"))
        if any(DURATION_NAMES.match(flag) for flag in action.option_strings) and "DURATION" not in str(action.metavar):
            faults.append((action.option_strings, "takes no DURATION"))
    assert faults == []
    if "DURATION" in said:
        assert f"\nDURATION: {FORMS['DURATION'][:-1]}" in said


def test_the_form_of_a_duration_is_the_same_everywhere() -> None:
    form = f"DURATION: {FORMS['DURATION'][:-1]}"

    assert flags.FORMS.startswith(form)
    assert arguments.FORMS.startswith(form)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("2h", 7200), ("1d12h", 129_600), ("90", 90), ("0.5", 0.5), ("1w", 604_800)],
)
def test_every_reader_of_durations_takes_what_the_help_says(text: str, seconds: float) -> None:
    from citrine_core.config import read_settings as read_core
    from citrine_edge.config import read_settings as read_edge
    from citrine_simulator.durations import parse_duration
    from citrine_words.durations import duration_seconds

    assert duration_seconds(text) == seconds
    assert parse_duration(text) == seconds
    assert read_core(["--drain-time", text], {}).drain_time.total_seconds() == seconds
    assert read_edge([], {"CITRINE_DRAIN_TIME": text}).drain_time.total_seconds() == seconds
