"""`citrine rpc`: call any rpc of the API with a request in JSON, and print what it returns."""

import difflib
import json
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import Annotated, Any

import typer
from google.protobuf.json_format import ParseDict
from google.protobuf.json_format import ParseError as JsonError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from citrine_cli.client import Client, client_command
from citrine_cli.errors import UsageError
from citrine_cli.standard_input import read_input
from citrine_sdk import Method, methods

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `citrine rpc`."""
    client_command(app, "rpc")(rpc)


async def rpc(
    client: Client,
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="Name of the rpc, e.g. GetStation, or TokensService/GetToken.")
    ],
    request: Annotated[
        str, typer.Argument(metavar="[JSON]", help="The request, or an array of them for a stream; - reads stdin.")
    ] = "{}",
    count: Annotated[
        int, typer.Option("--count", metavar="N", help="End a stream after so many messages; 0: when it ends.")
    ] = 0,
) -> None:
    """Call any rpc of the API, and print the message that it returns as JSON; of a stream one a line.

    docs/api.md names the rpcs, and what their requests have. A duration is "30s", a time "2030-01-31T12:00:00Z".
    """
    called = _method(method)
    requests = _requests(called, read_input() if request == "-" else request)
    stub: Any = getattr(getattr(client.citrine, called.attribute), called.name)
    if called.streams:
        await _print_stream(client, stub(iter(requests) if called.streams_requests else requests[0]), count)
    else:
        client.out.message(await stub(requests[0]), line=client.out.as_json)


async def _print_stream(client: Client, stream: AsyncIterable[Message], count: int) -> None:
    async with aclosing(_messages(stream)) as messages:
        printed = 0
        async for message in messages:
            client.out.message(message, line=True)
            printed += 1
            if printed == count:
                return


async def _messages(stream: Any) -> Any:
    try:
        async for message in stream:
            yield message
    finally:
        stream.cancel()


def _method(text: str) -> Method:
    service, _, name = text.rpartition("/")
    named = [one for one in methods() if one.name == name]
    found = [one for one in named if not service or one.service.rpartition(".")[2] == service.rpartition(".")[2]]
    if not found:
        near = difflib.get_close_matches(name, [one.name for one in methods()], n=1)
        raise UsageError(f"{text!r} is no rpc of the API{f', did you mean {near[0]}?' if near else ''}")
    if len(found) > 1:
        services = ", ".join(f"{one.service.rpartition('.')[2]}/{one.name}" for one in found)
        raise UsageError(f"several services have {name!r}: {services}")
    return found[0]


def _requests(method: Method, text: str) -> list[Message]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the request is not JSON: {error}") from error
    values = content if method.streams_requests and isinstance(content, list) else [content]
    if not all(isinstance(value, dict) for value in values):
        raise UsageError(f"the request is no {method.request.name}: expected an object")
    try:
        return [ParseDict(value, GetMessageClass(method.request)()) for value in values]
    except JsonError as error:
        raise UsageError(f"the request is no {method.request.name}: {error}") from error
