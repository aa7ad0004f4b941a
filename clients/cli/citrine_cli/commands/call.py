"""`citrine call`: send an OCPP action to a station and print its answer."""

import difflib
import sys
from typing import Annotated, Any

import grpc
import typer
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.json_format import ParseError as JsonError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from citrine.api.v1.commands_pb2 import CallStationRequest
from citrine.api.v1.common_pb2 import Command, CommandState, CommandTarget
from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.codec import CodecError, decode, encode
from citrine_cli.client import Client, client_command
from citrine_cli.errors import UsageError, one_line
from citrine_cli.forms import DurationOption
from citrine_cli.line_breaks import write_line
from citrine_cli.standard_input import read_input
from citrine_cli.timeouts import DEFAULT_TIMEOUT, LONGEST_TIMEOUT, MARGIN
from citrine_sdk import Method, methods
from citrine_words.json_values import json_value
from citrine_words.values import parse_object, parse_seconds, parse_time
from citrine_words.words import time_word

__all__ = ["register"]

CHOSEN = frozenset({("ReserveNow", "id"), ("SendLocalList", "version_number")})
"""Required fields of OCPP that the core sets if they are missing, besides each requestId and remoteStartId."""


def register(app: typer.Typer) -> None:
    """Add `citrine call`."""
    client_command(app, "call")(call)


def _check_action(action: str) -> None:
    found = ACTIONS.get(action)
    if found is None:
        near = difflib.get_close_matches(action.lower(), [name.lower() for name in ACTIONS], n=1)
        as_it_is = "; --native sends one of OCPP 1.6 as it is"
        hint = next((f", did you mean {name}?" for name in ACTIONS if [name.lower()] == near), as_it_is)
        raise UsageError(f"{action!r} is not an action of OCPP 2.1{hint}")
    if not found.from_csms:
        raise UsageError(f"{action} is sent by stations, not to them")


def _typed_method(action: str) -> Method | None:
    return next((method for method in methods() if method.name == action and method.is_command), None)


def _target(station_id: str, timeout: Duration, when_online: bool, expires: str | None) -> CommandTarget:
    if expires and not when_online:
        raise UsageError("--expires needs --when-online")
    return CommandTarget(
        station_id=station_id,
        timeout=timeout,
        when_online=when_online,
        expire_time=parse_time("--expires", expires) if expires else None,
    )


def _check_complete(action: str, payload: dict[str, Any]) -> None:
    """Refuse a payload without a required number, text or flag: in the message, a missing one would be 0 or empty."""
    for field in ACTIONS[action].request.DESCRIPTOR.fields:
        chosen = field.name in {"request_id", "remote_start_id"} or (action, field.name) in CHOSEN
        # The core checks enums.
        if not (field.has_presence or field.is_repeated or field.enum_type or chosen or field.json_name in payload):
            raise UsageError(f"the payload does not fit {action}: /{field.json_name} is required")


async def _call_typed(
    client: Client, method: Method, target: CommandTarget, payload: dict[str, Any], timeout: float
) -> tuple[Command, dict[str, Any] | None]:
    try:
        content = decode(ACTIONS[method.name].request, payload)
    except CodecError as error:
        raise UsageError(f"the payload does not fit {method.name}: {error}") from error
    _check_complete(method.name, payload)
    rpc: grpc.aio.UnaryUnaryMultiCallable[Message, Any] = getattr(
        getattr(client.citrine, method.attribute), method.name
    )
    request = GetMessageClass(method.request)(target=target, request=content)
    answer = await rpc(request, timeout=timeout)
    return answer.command, encode(answer.response) if answer.HasField("response") else None


async def _call_any(
    client: Client, request: CallStationRequest, payload: dict[str, Any], timeout: float
) -> tuple[Command, dict[str, Any] | None]:
    try:
        ParseDict(payload, request.payload)
    except JsonError as error:
        raise UsageError(f"the payload can't be sent: {error}") from error
    # An empty object is a payload, too, and must be set.
    request.payload.SetInParent()
    answer = await client.citrine.commands.CallStation(request, timeout=timeout)
    return answer.command, json_value(answer.payload) if answer.HasField("payload") else None


def _show(client: Client, command: Command, answer: dict[str, Any] | None) -> None:
    if command.state == CommandState.COMMAND_STATE_ANSWER_REFUSED:
        refusal = f"{command.error_code}: {command.error_description}"
        write_line(sys.stderr, f"the answer breaks the schema, this is what is valid of it; {one_line(refusal)}")
    if answer is not None:
        client.out.json(answer, line=client.out.as_json)
    elif client.out.as_json:
        client.out.json({"command": json_value(command)}, line=True)
    else:
        expiry = time_word(command, "expire_time")
        client.out.line(
            f"command {command.command_id} waits for {command.station_id}{f' until {expiry}' if expiry else ''}"
        )


async def call(
    client: Client,
    station_id: Annotated[str, typer.Argument(metavar="STATION", help="Name of the station.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help='OCPP action, e.g. "Reset".')],
    payload: Annotated[
        str, typer.Argument(metavar="[JSON]", help="OCPP 2.x payload in OCPP spelling; - reads it from stdin.")
    ] = "{}",
    timeout: Annotated[
        float, DurationOption("--timeout", help="How long the station has to answer.")
    ] = DEFAULT_TIMEOUT,
    when_online: Annotated[
        bool, typer.Option("--when-online", help="If it is not connected, send it when it is back.")
    ] = False,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="With --when-online: not after this time."),
    ] = None,
    native: Annotated[
        bool, typer.Option("--native", help="Send the action as it stands in the station's own OCPP version.")
    ] = False,
) -> None:
    """Send an action to a station and print its answer, in OCPP's spelling.

    The exit code is 0 if the station answered, also with a refusal such as Rejected, or if the command waits
    for it (--when-online). It is 1 if the station answered with a CALLERROR or not at all.
    """
    if not native:
        _check_action(action)
    target = _target(station_id, parse_seconds("--timeout", timeout, LONGEST_TIMEOUT), when_online, expires)
    content = parse_object(read_input() if payload == "-" else payload)
    method = None if native else _typed_method(action)
    if method is not None:
        command, answer = await _call_typed(client, method, target, content, timeout + MARGIN)
    else:
        request = CallStationRequest(target=target, action=action, native=native)
        command, answer = await _call_any(client, request, content, timeout + MARGIN)
    _show(client, command, answer)
