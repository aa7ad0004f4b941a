"""`citrine command`: commands to stations and their results."""

import asyncio
from typing import Annotated

import typer

from citrine.api.v1.commands_pb2 import CancelCommandRequest, GetCommandRequest, ListCommandsRequest
from citrine.api.v1.common_pb2 import (
    COMMAND_STATE_ANSWER_REFUSED,
    COMMAND_STATE_ANSWERED,
    COMMAND_STATE_UNSPECIFIED,
    Command,
    CommandState,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.errors import CliError
from citrine_cli.filters import FromOption, StationOption, ToOption, range_of
from citrine_cli.forms import DurationOption
from citrine_cli.output import Facts
from citrine_cli.prefixes import with_command
from citrine_cli.progress import say_waiting
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import choice
from citrine_words.cells import PrefixId
from citrine_words.enums import words_of
from citrine_words.json_values import json_text
from citrine_words.words import enum_word, time_word

__all__ = ["build"]

_STATES = words_of(CommandState.items(), "COMMAND_STATE_")

CommandId = Annotated[str, typer.Argument(metavar="ID", help="Id of the command, or what it begins with.")]


def build() -> typer.Typer:
    """Return the commands of `citrine command`."""
    app = typer.Typer(help="Commands that were sent to stations: list, show, wait, cancel.")
    client_command(app, "list")(list_commands)
    client_command(app, "show")(show_command)
    client_command(app, "wait")(wait_for_command)
    client_command(app, "cancel")(cancel_command)
    return app


async def list_commands(
    client: Client,
    station: StationOption = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    prefix: Annotated[str, typer.Option("--id", metavar="PREFIX", help="Only those whose id begins so.")] = "",
    action: Annotated[str, typer.Option("--action", metavar="ACTION", help="Only of this action, as Reset.")] = "",
    requester: Annotated[str, typer.Option("--by", metavar="NAME", help="Only those that this key asked for.")] = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    begin: FromOption = "",
    end: ToOption = "",
    limit: Limit = 100,
) -> None:
    """List commands, the latest first."""
    request = ListCommandsRequest(
        station_id=station,
        state=choice("--state", _STATES, state) if state else COMMAND_STATE_UNSPECIFIED,
        command_id_prefix=prefix,
        action=action,
        requested_by=requester,
        create_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.commands.ListCommands, request, limit)
    found = [one async for page in pages for one in page.commands]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = (
        [
            PrefixId(one.command_id),
            one.station_id,
            one.action,
            enum_word(one, "state"),
            time_word(one, "create_time"),
            one.requested_by,
            one.error_code,
        ]
        for one in found
    )
    columns = ["id", "station", "action", "state", "asked", "by", "error"]
    client.out.table(columns, rows, empty="no commands")


async def show_command(client: Client, command_id: CommandId) -> None:
    """Show a command with its request and the station's answer. Passwords are masked."""
    found = await with_command(
        client, command_id, lambda whole: client.citrine.commands.GetCommand(GetCommandRequest(command_id=whole))
    )
    _show(client, found)


async def wait_for_command(
    client: Client,
    command_id: CommandId,
    timeout: Annotated[
        float | None, DurationOption("--timeout", help="How long to wait at most. Without it: until it has ended.")
    ] = None,
) -> None:
    """Wait until a command has ended, and show it. The exit code is 1 if the station did not answer it."""
    say_waiting(f"waiting for the end of command {command_id}; Ctrl-C ends it")
    try:
        async with asyncio.timeout(timeout):
            found = await with_command(client, command_id, client.citrine.wait_for_command)
    except TimeoutError:
        raise CliError(f"command {command_id} has not ended after {timeout:g} s") from None
    _show(client, found)
    if found.state not in (COMMAND_STATE_ANSWERED, COMMAND_STATE_ANSWER_REFUSED):
        raise CliError(f"the station did not answer command {found.command_id}: it is {enum_word(found, 'state')}")


async def cancel_command(client: Client, command_id: CommandId) -> None:
    """Cancel a command that waits for its station. The exit code is 1 if it was sent already."""
    found = await with_command(
        client, command_id, lambda whole: client.citrine.commands.CancelCommand(CancelCommandRequest(command_id=whole))
    )
    _show(client, found)


def _show(client: Client, found: Command) -> None:
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(_facts(found))


def _facts(found: Command) -> Facts:
    return {
        "command": found.command_id,
        "station": found.station_id,
        "tenant": found.tenant_id,
        "action": found.action,
        "state": enum_word(found, "state"),
        "asked": time_word(found, "create_time"),
        "by": found.requested_by,
        "because": found.reason,
        "sent": time_word(found, "send_time"),
        "ended": time_word(found, "finish_time"),
        "not to be sent after": time_word(found, "expire_time"),
        "error": found.error_code,
        "problem": found.error_description,
        "request": json_text(found.request) if found.HasField("request") else "",
        "answer": json_text(found.response) if found.HasField("response") else "",
    }
