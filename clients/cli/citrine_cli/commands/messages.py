"""`citrine message`: messages on the displays of stations."""

from typing import Annotated

import typer

from citrine.api.v1 import display_message_pb2 as pb
from citrine.api.v1.reports_pb2 import REPORT_KIND_DISPLAY_MESSAGES, WatchReportRunRequest
from citrine.ocpp.v2 import display_message_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import MessageContent, MessageFormatEnum
from citrine_cli.client import Client, client_command, collect
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.prefixes import listed_transaction, transaction_id_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, WhenOnline, choice, show_answer, target
from citrine_words.cells import PrefixId
from citrine_words.values import parse_span
from citrine_words.words import enum_word, time_word

__all__ = ["build"]

_STATES = {
    name.removeprefix("DISPLAY_MESSAGE_STATE_").lower(): state
    for name, state in pb.DisplayMessageState.items()
    if state
}


def _words(names: list[str], prefix: str) -> list[str]:
    return [name.removeprefix(prefix).lower().replace("_", "-") for name in names if not name.endswith("UNSPECIFIED")]


_PRIORITIES = dict(
    zip(
        _words(ocpp.MessagePriorityEnum.keys(), "MESSAGE_PRIORITY_ENUM_"),
        ocpp.MessagePriorityEnum.values()[1:],
        strict=True,
    )
)
_SHOWN_IN = dict(
    zip(_words(ocpp.MessageStateEnum.keys(), "MESSAGE_STATE_ENUM_"), ocpp.MessageStateEnum.values()[1:], strict=True)
)
_FORMATS = dict(
    zip(_words(MessageFormatEnum.keys(), "MESSAGE_FORMAT_ENUM_"), MessageFormatEnum.values()[1:], strict=True)
)

MessageId = Annotated[int, typer.Argument(metavar="ID", help="Id of the message at the station.")]
Priority = Annotated[str, typer.Option("--priority", metavar="P", help=f"One of {', '.join(_PRIORITIES)}.")]
ShownIn = Annotated[
    str, typer.Option("--in", metavar="STATE", help=f"Shown while the station is {', '.join(_SHOWN_IN)}.")
]


def build() -> typer.Typer:
    """Return the commands of `citrine message`."""
    app = typer.Typer(help="Messages on displays: set, clear, get, list, show.")
    client_command(app, "set")(set_message)
    client_command(app, "clear")(clear_message)
    client_command(app, "get")(get_messages)
    client_command(app, "list")(list_messages)
    client_command(app, "show")(show_message)
    return app


async def set_message(
    client: Client,
    station_id: Station,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to show.")],
    priority: Priority = "normal-cycle",
    shown_in: ShownIn = "",
    text_format: Annotated[
        str, typer.Option("--format", metavar="F", help=f"Of the text: {', '.join(_FORMATS)}.")
    ] = "utf8",
    language: Annotated[str, typer.Option("--language", metavar="L", help="Of the text, as RFC 5646: en-US.")] = "",
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="Not before.")] = "",
    end: Annotated[str, typer.Option("--until", metavar="TIME", help="Not after.")] = "",
    transaction: Annotated[str, typer.Option("--transaction", metavar="ID", help="As long as it lasts.")] = "",
    message_id: Annotated[
        int,
        typer.Option(
            "--id", metavar="ID", help="Its id, e.g. of one that it replaces; else it is chosen.", show_default=False
        ),
    ] = 0,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Put a message on a station's display. The exit code is 1 if the station refuses."""
    first, last = parse_span("--from", start, "--until", end)
    message = ocpp.MessageInfo(
        id=message_id,
        priority=choice("--priority", _PRIORITIES, priority),
        message=MessageContent(
            format=choice("--format", _FORMATS, text_format), content=text, language=language or None
        ),
        state=choice("--in", _SHOWN_IN, shown_in) if shown_in else None,
        start_date_time=first,
        end_date_time=last,
        transaction_id=await transaction_id_of(client, transaction, station_id) or None,
    )
    answer = await client.citrine.display_message.SetDisplayMessage(
        pb.SetDisplayMessageRequest(
            target=target(station_id, timeout, when_online), request=ocpp.SetDisplayMessageRequest(message=message)
        ),
        timeout=timeout + MARGIN,
    )
    show_answer(client, answer)
    if not client.out.as_json and answer.HasField("response"):
        client.out.line(f"message {answer.display_message.message.id} is set")


async def clear_message(
    client: Client,
    station_id: Station,
    message_id: MessageId,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Remove a message from a station. The exit code is 1 if the station has no such message."""
    request = pb.ClearDisplayMessageRequest(
        target=target(station_id, timeout, when_online), request=ocpp.ClearDisplayMessageRequest(id=message_id)
    )
    show_answer(client, await client.citrine.display_message.ClearDisplayMessage(request, timeout=timeout + MARGIN))


async def get_messages(
    client: Client,
    station_id: Station,
    ids: Annotated[list[int] | None, typer.Option("--id", metavar="ID", help="Only this one. May be repeated.")] = None,
    priority: Priority = "",
    shown_in: ShownIn = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Ask a station for its messages, wait for its report and list them."""
    request = ocpp.GetDisplayMessagesRequest(
        id=ids,
        priority=choice("--priority", _PRIORITIES, priority) if priority else None,
        state=choice("--in", _SHOWN_IN, shown_in) if shown_in else None,
    )
    answer = await client.citrine.display_message.GetDisplayMessages(
        pb.GetDisplayMessagesRequest(target=target(station_id, timeout), request=request), timeout=timeout + MARGIN
    )
    watch = WatchReportRunRequest(
        station_id=station_id,
        kind=REPORT_KIND_DISPLAY_MESSAGES,
        request_id=int(answer.command.request.fields["requestId"].number_value),
    )
    if answer.response.status == ocpp.GET_DISPLAY_MESSAGES_STATUS_ENUM_ACCEPTED:
        async for _ in client.citrine.reports.WatchReportRun(watch, timeout=timeout + MARGIN):
            pass
    await _list(
        client,
        pb.ListDisplayMessagesRequest(
            station_id=station_id,
            state=pb.DISPLAY_MESSAGE_STATE_SET,
            priority=request.priority if request.HasField("priority") else None,
            shown_in=request.state if request.HasField("state") else None,
        ),
        ids=ids or (),
    )


async def list_messages(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    transaction: Annotated[str, typer.Option("--transaction", metavar="ID", help="Only for this one.")] = "",
    priority: Priority = "",
    shown_in: ShownIn = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the messages that were set or reported, the latest first."""
    request = pb.ListDisplayMessagesRequest(
        create_time=range_of(begin, end),
        station_id=station,
        state=choice("--state", _STATES, state) if state else pb.DISPLAY_MESSAGE_STATE_UNSPECIFIED,
        transaction_id=await listed_transaction(client, transaction, station),
        priority=choice("--priority", _PRIORITIES, priority) if priority else None,
        shown_in=choice("--in", _SHOWN_IN, shown_in) if shown_in else None,
        stations=station_selector(location, group, label),
    )
    await _list(client, request, limit=limit)


async def _list(
    client: Client, request: pb.ListDisplayMessagesRequest, *, limit: int = 0, ids: tuple[int, ...] | list[int] = ()
) -> None:
    pages = collect(client.citrine.display_message.ListDisplayMessages, request, limit)
    found = [one async for page in pages for one in page.display_messages if not ids or one.message.id in ids]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["id", "station", "state", "priority", "shown in", "until", "transaction", "text"],
        (
            [
                str(one.message.id),
                one.station_id,
                enum_word(one, "state"),
                enum_word(one.message, "priority"),
                enum_word(one.message, "state"),
                time_word(one.message, "end_date_time"),
                PrefixId(one.message.transaction_id),
                one.message.message.content,
            ]
            for one in found
        ),
        empty="no messages",
    )


async def show_message(client: Client, station_id: Station, message_id: MessageId) -> None:
    """Show a message."""
    request = pb.GetDisplayMessageRequest(station_id=station_id, message_id=message_id)
    found = await client.citrine.display_message.GetDisplayMessage(request)
    if client.out.as_json:
        client.out.message(found)
        return
    message = found.message
    client.out.facts(
        {
            "id": str(message.id),
            "station": found.station_id,
            "state": enum_word(found, "state"),
            "since": time_word(found, "state_time"),
            "because": found.detail,
            "answer": enum_word(found, "status"),
            "priority": enum_word(message, "priority"),
            "shown in": enum_word(message, "state"),
            "from": time_word(message, "start_date_time"),
            "until": time_word(message, "end_date_time"),
            "transaction": message.transaction_id,
            "language": message.message.language,
            "format": enum_word(message.message, "format"),
            "text": message.message.content,
            "reported": time_word(found, "report_time"),
        }
    )
