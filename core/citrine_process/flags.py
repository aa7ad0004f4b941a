"""The flags of a process, and their help: it looks as that of every command of `citrine` does."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

__all__ = ["FORMS", "FlagParser"]

FORMS = "DURATION: 90s, 5m, 2h, 1d12h, or a number of seconds; here also ISO 8601 (PT5M) and HH:MM:SS."
"""What may be written for a duration."""


class _Formatter(argparse.HelpFormatter):
    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, "Usage: " if prefix is None else prefix)


class FlagParser(argparse.ArgumentParser):
    """Reads flags; a wrong command line raises what it is given for that."""

    def __init__(self, command: str, about: str, error: type[Exception]) -> None:
        super().__init__(
            prog=command,
            usage=f"{command} [OPTIONS]",
            description=about,
            formatter_class=_Formatter,
            add_help=False,
            # Python 3.11 would else read the start of a flag as the whole.
            allow_abbrev=False,
        )
        self._error = error
        self._options = self.add_argument_group("Options")

    def error(self, message: str) -> NoReturn:
        """Raise the error of a wrong command line."""
        raise self._error(message)

    def add_settings(
        self, fields: Mapping[str, FieldInfo], about: Mapping[str, str], more: Mapping[str, Sequence[str]]
    ) -> None:
        """Add a flag for each setting, and --help.

        Args:
            fields: Settings by name.
            about: What each is; empty where no help is asked for.
            more: Other flags of a setting.
        """
        for name, field in fields.items():
            text = f"{about.get(name, '')}  [{'; '.join(_notes(name, field))}]".replace("%", "%%")
            flags = (f"--{name.replace('_', '-')}", *more.get(name, ()))
            # A switch needs no value: --insecure-grpc is the same as --insecure-grpc true.
            switch: Mapping[str, Any] = {"nargs": "?", "const": "true"} if field.annotation is bool else {}
            self._options.add_argument(
                *flags, dest=name, default=argparse.SUPPRESS, metavar=_metavar(name, field), help=text, **switch
            )
        if any(_metavar(name, field).startswith("DURATION") for name, field in fields.items()):
            self.epilog = FORMS
        self._options.add_argument("-h", "--help", action="help", help="Show this message and exit.")


def _default(value: object) -> str:
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
            if seconds and seconds % length == 0:
                return f"{seconds / length:g}{unit}"
        return f"{seconds:g}s"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _notes(name: str, field: FieldInfo) -> list[str]:
    notes = [f"env var: CITRINE_{name.upper()}"]
    if field.default is None and timedelta in get_args(field.annotation):
        notes.append("default: none")
    elif field.default not in (None, "") and field.default is not False:
        notes.append(f"default: {_default(field.default)}")
    return notes


def _metavar(name: str, field: FieldInfo) -> str:
    patterns = [str(one.pattern) for one in field.metadata if getattr(one, "pattern", None)]
    if patterns:
        return patterns[0].strip("^()$")
    if get_origin(field.annotation) is Literal:
        return "|".join(get_args(field.annotation))
    kind = next(one for one in (*get_args(field.annotation), field.annotation) if one is not type(None))
    if kind is timedelta:
        return "DURATION|none" if type(None) in get_args(field.annotation) else "DURATION"
    if name.endswith("_listen"):
        return "HOST:PORT"
    return {Path: "PATH", SecretStr: "SECRET", int: "N", float: "N", bool: "true|false"}.get(kind, "TEXT")
