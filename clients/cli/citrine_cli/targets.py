"""Common options and output of commands to stations: station, timeout, and waiting while it is offline."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import typer

from citrine.api.v1.common_pb2 import Command, CommandTarget
from citrine_cli.client import Client
from citrine_cli.errors import CliError, UsageError
from citrine_cli.forms import DurationOption
from citrine_cli.timeouts import DEFAULT_TIMEOUT, LONGEST_TIMEOUT, MARGIN
from citrine_words.values import parse_seconds
from citrine_words.words import enum_word, time_word

__all__ = [
    "DEFAULT_TIMEOUT",
    "MARGIN",
    "Station",
    "Timeout",
    "WhenOnline",
    "choice",
    "show_answer",
    "show_waiting",
    "target",
]

T = TypeVar("T")

Station = Annotated[str, typer.Argument(metavar="STATION", help="Name of the station.")]
Timeout = Annotated[float, DurationOption("--timeout", help="How long the station has to answer.")]
WhenOnline = Annotated[bool, typer.Option("--when-online", help="If it is not connected, ask when it is back.")]


def target(station_id: str, timeout: float = DEFAULT_TIMEOUT, when_online: bool = False) -> CommandTarget:
    """Return the target of a command.

    Raises:
        UsageError: When the timeout is out of range.
    """
    seconds = parse_seconds("--timeout", timeout, LONGEST_TIMEOUT)
    return CommandTarget(station_id=station_id, timeout=seconds, when_online=when_online)


def choice(option: str, choices: Mapping[str, T], text: str) -> T:
    """Return the value of a word of an option. Words are case-insensitive.

    Raises:
        UsageError: When the word is unknown.
    """
    found = choices.get(text.lower())
    if found is None:
        raise UsageError(f"{option}: {text!r} is none of {', '.join(choices)}")
    return found


def show_waiting(client: Client, command: Command) -> None:
    """Print that a command waits for its station. With --json the answer says so already."""
    if not client.out.as_json:
        expiry = time_word(command, "expire_time")
        client.out.line(
            f"command {command.command_id} waits for {command.station_id}{f' until {expiry}' if expiry else ''}"
        )


def show_answer(client: Client, answer: Any, good: tuple[str, ...] = ("Accepted",)) -> None:
    """Print the answer to a command. It has the fields command and response, and the response has a status.

    Raises:
        CliError: When the status is not one of `good`.
    """
    command: Command = answer.command
    if client.out.as_json:
        client.out.message(answer)
    if not answer.HasField("response"):
        show_waiting(client, command)
        return
    status = enum_word(answer.response, "status")
    if status not in good:
        info = answer.response.status_info
        reason = ": ".join(filter(None, (info.reason_code, info.additional_info)))
        raise CliError(f"{command.station_id} answered {status}{f' ({reason})' if reason else ''}")
    if not client.out.as_json:
        client.out.line(f"{command.station_id} answered {status}")
