"""The page of all settings, written from the classes and options that read them."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from typer.core import TyperOption

from citrine_cli.app import build_app
from citrine_console.config import ConsoleSettings
from citrine_core.config import CoreSettings
from citrine_edge.config import EdgeSettings
from citrine_ocpi.config import OcpiSettings
from citrine_ocpi.simulated_emsp.config import EmspSettings
from citrine_process.settings import descriptions

__all__ = ["DOCUMENT", "page"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"

_HEAD = """# Settings

Each setting is an environment variable and a flag; the flag goes first. A process that meets a variable or a flag that
it does not know says so and does not start. `make docs` writes this page from the code.

A duration is `90s`, `5m`, `2h`, `1d12h`, a number of seconds (`90`, `0.5`), or ISO 8601 (`PT5M`, `P7D`). An address is
`host:port`, for IPv6 `[host]:port`; with port 0 any free one is taken. A secret is better in a file than in a variable,
and better there than in a flag.
"""

_PROCESSES = (
    ("Core", CoreSettings, "What `citrine core` and `citrine db upgrade` read."),
    ("Edge", EdgeSettings, "What `citrine edge` reads."),
    ("Console", ConsoleSettings, "What `citrine console` reads."),
    ("OCPI adapter", OcpiSettings, "What `citrine ocpi serve` and the other commands of `citrine ocpi` read."),
    ("Simulated eMSP", EmspSettings, "What `citrine ocpi emsp` reads."),
)

_TABLE = "| variable | flag | form | default | meaning |\n|---|---|---|---|---|\n"


def page() -> str:
    """Return the page as it should be."""
    parts = [_HEAD]
    for title, settings, about in _PROCESSES:
        parts.append(f"\n## {title}\n\n{about}\n\n{_TABLE}{''.join(_rows(settings, descriptions(settings)))}")
    parts.append(
        "\n## Command line\n\nWhat every command of `citrine` reads that calls a core, and what `citrine up` reads; "
        f"the other flags are in each command's `--help`.\n\n{_TABLE}{''.join(_rows_of_commands())}"
    )
    return "".join(parts)


def _rows(settings: type[BaseModel], descriptions: Mapping[str, str]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        about = " ".join(descriptions[name].split())
        yield _row(f"CITRINE_{name.upper()}", f"--{name.replace('_', '-')}", _form(field), _default(field), about)


def _rows_of_commands() -> Iterator[str]:
    seen = set()
    command: Any = typer.main.get_command(build_app())
    for group in (command, command.resolve_command(typer.Context(command), ["up"])[1]):
        for option in group.params:
            if option.envvar is None or option.envvar in seen:
                continue
            seen.add(option.envvar)
            default = _default_of_option(option)
            yield _row(option.envvar, option.opts[0], _form_of_option(option), default, option.help or "")


def _form_of_option(option: TyperOption) -> str:
    return "`true` or `false`" if option.is_flag else (option.metavar or "path").lower()


def _default_of_option(option: TyperOption) -> str:
    if isinstance(option.show_default, str):
        # A value, or what is so without one.
        return option.show_default if " " in option.show_default else f"`{option.show_default}`"
    return "" if option.default in (None, "") or option.is_flag else f"`{option.default}`"


def _row(variable: str, flag: str, form: str, default: str, about: str) -> str:
    return f"| `{variable}` | `{flag}` | {form} | {default} | {about} |\n".replace("|  |", "| |")


def _form(field: FieldInfo) -> str:
    types = [one for one in (get_args(field.annotation) or (field.annotation,)) if one is not type(None)]
    is_optional = type(None) in get_args(field.annotation)
    for one in field.metadata:
        pattern = getattr(one, "pattern", None)
        if pattern is not None:
            return _choice(str(pattern).strip("^()$").split("|"))
    if get_origin(field.annotation) is Literal:
        return _choice(list(get_args(field.annotation)))
    if types[0] is timedelta:
        return "duration or `none`" if is_optional else "duration"
    if types[0] in (int, float):
        return ("whole number" if types[0] is int else "number") + _bounds(field)
    names = {Path: "path", SecretStr: "secret", str: "text", bool: "`true` or `false`"}
    return names[types[0]]


def _choice(values: list[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _bounds(field: FieldInfo) -> str:
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    found = [
        f"{word} {getattr(one, name):g}" for name, word in words.items() for one in field.metadata if hasattr(one, name)
    ]
    return f", {' '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return "`none`" if timedelta in get_args(field.annotation) else ""
    if isinstance(value, timedelta):
        return f"`{value.total_seconds():.15g}`{_in_words(value)}"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "" if value == "" else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _in_words(value: timedelta) -> str:
    """Return a duration that is long in its largest unit, in parentheses."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count, rest = divmod(value.total_seconds(), length)
        if count and not rest:
            return f" ({count:g} {unit}{'s' if count > 1 else ''})"
    return ""
