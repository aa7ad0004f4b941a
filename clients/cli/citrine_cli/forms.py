"""Forms of common values, which the help of a command explains once, under their metavar."""

import math
from typing import Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from citrine_words.durations import duration_seconds, duration_text
from citrine_words.forms import FORMS

__all__ = ["DurationOption", "add_forms", "duration_default"]


def DurationOption(*flags: str, help: str, whole: bool = False, **options: Any) -> Any:
    """Return a `typer.Option` whose value is a duration in seconds.

    Args:
        flags: Flags of the option.
        help: Help of the option.
        whole: Whether the value is a whole number of seconds, as an int.
        options: Further arguments of `typer.Option`.
    """
    return typer.Option(*flags, metavar="DURATION", parser=_whole if whole else _seconds, help=help, **options)


def duration_default(hint: object, default: object) -> object:
    """Return the default of a parameter for the help; that of a duration as people write it."""
    is_duration = any(getattr(one, "metavar", None) == "DURATION" for one in get_args(hint)[1:])
    return duration_text(default) if is_duration and isinstance(default, int | float) else default


def add_forms(command: TyperCommand | TyperGroup) -> None:
    """Add the forms of values to the help of a command and its subcommands."""
    found = {getattr(parameter, "metavar", None) for parameter in command.params}
    command.epilog = "\n\n".join(f"{name}: {form}" for name, form in FORMS.items() if name in found) or command.epilog
    for below in getattr(command, "commands", {}).values():
        add_forms(below)


def _seconds(text: str) -> float:
    try:
        return duration_seconds(str(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a duration: expected {FORMS['DURATION'][:-1]}") from None


def _whole(text: str) -> int:
    seconds = _seconds(text)
    if not math.isfinite(seconds) or seconds != int(seconds):
        raise typer.BadParameter(f"{text!r} is not a whole number of seconds")
    return int(seconds)
