"""Settings of a process: by flag and by variable, each described where it is defined."""

import ast
import inspect
import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, SecretStr, ValidationError

from citrine_process.flags import FlagParser

__all__ = [
    "PREFIX",
    "Duration",
    "DurationOrNone",
    "InvalidSetting",
    "descriptions",
    "from_environment",
    "read_credential",
    "read_settings",
]

PREFIX = "CITRINE_"
"""Of all variables. Each process reads those that it knows; the others may be another's."""

Settings = TypeVar("Settings", bound=BaseModel)

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SPAN = re.compile(f"(?:{_PART.pattern})+")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _duration(value: object) -> object:
    # "5m", or a number of seconds, is what people write; pydantic reads only ISO 8601 and HH:MM:SS as text.
    if isinstance(value, str):
        if _SPAN.fullmatch(value):
            return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _duration_or_none(value: object) -> object:
    return None if isinstance(value, str) and value.lower() == "none" else _duration(value)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A time span: "90s", "5m", "1d12h", seconds, HH:MM:SS, or as ISO 8601 says ("PT5M", "P7D")."""

DurationOrNone = Annotated[timedelta | None, BeforeValidator(_duration_or_none)]
"""The same, or "none"."""


class InvalidSetting(Exception):
    """A setting that is not known or has no meaning; its text is one line that names it."""


def descriptions(settings: type[BaseModel]) -> dict[str, str]:
    """Return what stands below each setting. It is read from the source, since nobody but --help needs it."""
    found: dict[str, str] = {}
    for one in reversed(settings.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            found |= _descriptions_in(one)
    return found


def _descriptions_in(settings: type[BaseModel]) -> dict[str, str]:
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
    settings: type[Settings],
    command: str,
    about: str,
    arguments: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    more: Mapping[str, Sequence[str]] = {},
) -> Settings:
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
    names = settings.model_fields
    parser = FlagParser(command, about, InvalidSetting)
    parser.add_settings(names, descriptions(settings) if {"-h", "--help"} & set(arguments) else {}, more)
    try:
        return settings.model_validate(
            {**from_environment(names, environment), **vars(parser.parse_args([*arguments]))}
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidSetting(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def read_credential(file: Path | None, credential: SecretStr | None) -> str:
    """Return the credential of the edge link, from its file where there is one. Empty: none is set.

    Raises:
        InvalidSetting: When its file can't be read.
    """
    if file is not None:
        try:
            return file.read_text().strip()
        except OSError as error:
            raise InvalidSetting(f"edge_credential_file: {error.strerror}") from error
    return credential.get_secret_value() if credential else ""
