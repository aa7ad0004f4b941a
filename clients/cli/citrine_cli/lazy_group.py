"""Command groups that are imported at their first use."""

import gc
import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from citrine_cli.errors import CliError
from citrine_cli.forms import add_forms
from citrine_cli.nouns import COMMANDS, GROUPS, SECTIONS, Noun

__all__ = ["Deferred", "LazyGroup", "new_app"]


def new_app(**options: Any) -> typer.Typer:
    """Return an app without commands, with the common settings."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **options)


class Deferred(TyperCommand):
    """Placeholder of a noun's commands in the help, until they are loaded."""

    def __init__(self, word: str, noun: Noun, *, is_group: bool) -> None:
        super().__init__(word, help=noun.help, rich_markup_mode=None)
        self._word = word
        self._noun = noun
        self._is_group = is_group

    def load(self) -> TyperCommand | TyperGroup:
        """Import the commands and return them.

        Raises:
            CliError: When a required module is not installed.
        """
        return _load(self._word, self._noun, self._is_group)


@cache
def _load(word: str, noun: Noun, is_group: bool) -> TyperCommand | TyperGroup:
    """Import and return the commands of a noun; who runs several command lines in one process needs that once."""
    app = new_app()
    # Imported objects are never garbage; without collections a command is a tenth faster.
    gc.disable()
    try:
        function = getattr(importlib.import_module(noun.module), noun.function)
    except ModuleNotFoundError as error:
        missing = f"citrine {word} is not installed: module {error.name} is missing"
        raise CliError(f"{missing}; pip install 'citrine-csms[{noun.extra}]'") from error
    finally:
        gc.enable()
    if is_group:
        app.add_typer(function(), name=word)
    else:
        function(app)
    found = get_group(app).commands[word]
    assert isinstance(found, TyperCommand | TyperGroup)
    add_forms(found)
    return found


class LazyGroup(TyperGroup):
    """The nouns that may follow `citrine`, each of which is loaded at its first use."""

    # Any, because the types of the arguments are private to typer.
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for nouns, is_group in ((COMMANDS, False), (GROUPS, True)):
            self._defer(nouns, is_group)

    def resolve_command(self, *args: Any, **options: Any) -> tuple[str | None, Any, list[str]]:
        """Load and return the command that a command line names, and the remaining arguments."""
        word, command, rest = super().resolve_command(*args, **options)
        return word, command.load() if isinstance(command, Deferred) else command, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the nouns under their headings; those without one come last."""
        unnamed = tuple(word for word in self.commands if not any(word in words for words in SECTIONS.values()))
        for heading, words in {**SECTIONS, "More": unnamed}.items():
            shown = [(word, self.commands[word]) for word in words if not self.commands[word].hidden]
            if shown:
                # The longest noun determines the width, so that each help is on one line.
                width = max(map(len, self.commands))
                with formatter.section(heading):
                    rows = [
                        (word.ljust(width), command.get_short_help_str(formatter.width - width - 4))
                        for word, command in shown
                    ]
                    formatter.write_dl(rows)

    def _defer(self, nouns: Mapping[str, Noun], is_group: bool) -> None:
        for word, noun in nouns.items():
            self.add_command(Deferred(word, noun, is_group=is_group), word)
