"""Settings of a process: by flag and by variable, each described where it is defined."""

import ast
import inspect
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from citrine_process.flags import FlagParser
from citrine_process.typed_settings import InvalidSetting, Secret, Setting, Settings, setting

__all__ = [
    "PREFIX",
    "InvalidSetting",
    "Secret",
    "Setting",
    "Settings",
    "descriptions",
    "from_environment",
    "read_credential",
    "read_settings",
    "setting",
]

PREFIX = "CITRINE_"
"""Of all variables. Each process reads those that it knows; the others may be another's."""

Chosen = TypeVar("Chosen", bound=Settings)


def descriptions(settings: type[Settings]) -> dict[str, str]:
    """Return what stands below each setting. It is read from the source, since nobody but --help needs it."""
    (definition,) = ast.parse(inspect.getsource(settings)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        setting.target.id: inspect.cleandoc(text.value.value)
        for setting, text in itertools.pairwise(definition.body)
        if isinstance(setting, ast.AnnAssign)
        and isinstance(setting.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def from_environment(names: Iterable[str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what variables say of the settings of these names. A variable may be written in small letters, too."""
    given = ((variable.upper(), value) for variable, value in environment.items())
    named = ((variable.removeprefix(PREFIX).lower(), value) for variable, value in given if variable.startswith(PREFIX))
    wanted = frozenset(names)
    return {name: value for name, value in named if name in wanted}


def read_settings(
    settings: type[Chosen],
    command: str,
    about: str,
    arguments: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    more: Mapping[str, Sequence[str]] = {},
) -> Chosen:
    """Return the settings of a process from flags and variables; a flag wins.

    Args:
        settings: Class of the settings.
        command: As it is typed.
        about: What it does, a sentence.
        arguments: Behind the command.
        environment: Variables by name.
        more: Other flags of a setting, by its name.

    Raises:
        InvalidSetting: When one is unknown or invalid.
    """
    parser = FlagParser(command, about, InvalidSetting)
    parser.add_settings(settings.fields, descriptions(settings) if {"-h", "--help"} & set(arguments) else {}, more)
    return settings(**{**from_environment(settings.fields, environment), **vars(parser.parse_args([*arguments]))})


def read_credential(file: Path | None, credential: Secret | None) -> str:
    """Return the credential of the edge link, from its file where there is one. Empty: none is set.

    Raises:
        InvalidSetting: When its file can't be read.
    """
    if file is not None:
        try:
            return file.read_text().strip()
        except OSError as error:
            raise InvalidSetting(f"edge_credential_file: {error.strerror}") from error
    return credential.reveal() if credential else ""
