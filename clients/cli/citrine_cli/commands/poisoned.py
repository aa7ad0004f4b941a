"""`citrine poisoned`: messages of stations that the core could not process."""

from typing import Annotated

import typer

from citrine.api.v1 import poisoned_messages_pb2 as pb
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.filters import FromOption, StationOption, ToOption, range_of
from citrine_words.cells import PrefixId
from citrine_words.json_values import json_text
from citrine_words.words import time_word

__all__ = ["build"]

MessageId = Annotated[str, typer.Argument(metavar="ID", help="Id of the message, as the list shows it.")]


def build() -> typer.Typer:
    """Return the commands of `citrine poisoned`."""
    app = typer.Typer(help="Messages of stations that the core could not process: list, show, run, remove.")
    client_command(app, "list")(list_messages)
    client_command(app, "show")(show_message)
    client_command(app, "run")(run_message)
    client_command(app, "remove")(remove_message)
    return app


async def list_messages(
    client: Client,
    station: StationOption = "",
    action: Annotated[str, typer.Option("--action", metavar="ACTION", help="Only of this action, as Heartbeat.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    limit: Limit = 100,
) -> None:
    """List poisoned messages, the latest first."""
    request = pb.ListPoisonedMessagesRequest(station_id=station, action=action, create_time=range_of(begin, end))
    pages = collect(client.citrine.poisoned_messages.ListPoisonedMessages, request, limit)
    found = [one async for page in pages for one in page.messages]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["id", "station", "action", "failed", "error"],
        (
            [one.poisoned_message_id, one.station_id, one.action, time_word(one, "create_time"), one.error]
            for one in found
        ),
        empty="no poisoned messages",
    )


async def show_message(client: Client, message_id: MessageId) -> None:
    """Show a poisoned message with what its station said. Secrets are masked."""
    request = pb.GetPoisonedMessageRequest(poisoned_message_id=message_id)
    found = await client.citrine.poisoned_messages.GetPoisonedMessage(request)
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "message": found.poisoned_message_id,
            "station": found.station_id,
            "action": found.action,
            "message id": PrefixId(found.message_id),
            "received": time_word(found, "receive_time"),
            "failed": time_word(found, "create_time"),
            "error": found.error,
            "request": json_text(found.request),
        }
    )


async def run_message(client: Client, message_id: MessageId) -> None:
    """Process a poisoned message again, and print what its station would have been answered. It is sent nothing."""
    request = pb.RunPoisonedMessageRequest(poisoned_message_id=message_id)
    answer = await client.citrine.poisoned_messages.RunPoisonedMessage(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"message {message_id} is processed; the answer would be {json_text(answer.response)}")


async def remove_message(client: Client, message_id: MessageId) -> None:
    """Remove a poisoned message that nobody needs."""
    await client.citrine.poisoned_messages.DeletePoisonedMessage(
        pb.DeletePoisonedMessageRequest(poisoned_message_id=message_id)
    )
    client.out.line(f"message {message_id} removed")
