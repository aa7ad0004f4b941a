"""`citrine locallist`: the local authorization lists of stations."""

from typing import Annotated, Any

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.local_auth_list_pb2 import (
    LOCAL_LIST_STATE_UNSPECIFIED,
    GetLocalListRequest,
    GetLocalListVersionRequest,
    ListLocalListEntriesRequest,
    ListLocalListsRequest,
    LocalList,
    LocalListState,
    SendLocalListRequest,
    SyncLocalListRequest,
    UpdateLocalListRequest,
)
from citrine.api.v1.tokens_pb2 import GetTokenRequest
from citrine.ocpp.v2 import local_auth_list_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_ACCEPTED, IdToken, IdTokenInfo
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import CliError, UsageError
from citrine_cli.filters import range_of
from citrine_cli.progress import with_progress
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import choice
from citrine_cli.timeouts import LONGEST_WORK
from citrine_words.enums import words_of
from citrine_words.words import enum_word, number, time_word

__all__ = ["build"]

_STATES = words_of(LocalListState.items(), "LOCAL_LIST_STATE_")

ConfirmedFrom = Annotated[
    str, typer.Option("--from", "--since", metavar="TIME", help="Only those confirmed last at this time or later.")
]
ConfirmedTo = Annotated[str, typer.Option("--to", metavar="TIME", help="Only those confirmed last before this time.")]
StationId = Annotated[str, typer.Argument(metavar="STATION", help="Station that stores the list.")]


def build() -> typer.Typer:
    """Return the commands of `citrine locallist`."""
    app = typer.Typer(help="Lists of tokens that stations store: list, show, keep, sync, send, version.")
    client_command(app, "list")(list_lists)
    client_command(app, "show")(show_list)
    client_command(app, "keep")(synchronize_list)
    client_command(app, "sync")(sync_list)
    client_command(app, "send")(send_list)
    client_command(app, "version")(ask_version)
    return app


async def list_lists(
    client: Client,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="Only those of which this version was confirmed last.")
    ] = None,
    begin: ConfirmedFrom = "",
    end: ConfirmedTo = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the stations that have a list, or should have one; of a time, the latest confirmed first."""
    request = ListLocalListsRequest(
        state=choice("--state", _STATES, state) if state else LOCAL_LIST_STATE_UNSPECIFIED,
        version=version,
        confirm_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.local_auth_list.ListLocalLists, request, limit)
    found = [one async for page in pages for one in page.local_lists]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["station", "state", "version", "kept in step", "groups", "confirmed", "problem"],
        (
            [
                one.station_id,
                enum_word(one, "state"),
                number(one, "version"),
                "yes" if one.keep_in_step else "",
                ", ".join(one.group_ids),
                time_word(one, "confirm_time"),
                one.problem,
            ]
            for one in found
        ),
        empty="no local lists",
    )


async def show_list(
    client: Client,
    station: StationId,
    differences: Annotated[
        bool, typer.Option("--differences", help="Only tokens that are missing or wrong at the station.")
    ] = False,
) -> None:
    """Show the list of a station and, without --json, its tokens."""
    found = await client.citrine.local_auth_list.GetLocalList(GetLocalListRequest(station_id=station))
    if client.out.as_json:
        client.out.message(found)
        return
    request = ListLocalListEntriesRequest(station_id=station, differences_only=differences)
    pages = collect(client.citrine.local_auth_list.ListLocalListEntries, request)
    entries = [one async for page in pages for one in page.entries]
    _show(client, found)
    client.out.table(
        ["token", "type", "should be", "is"],
        (
            [
                one.id_token.id_token,
                one.id_token.type,
                enum_word(one.wanted, "status"),
                enum_word(one.held, "status"),
            ]
            for one in entries
        ),
        empty="no tokens",
        title="tokens",
    )


def _show(client: Client, found: LocalList) -> None:
    client.out.facts(
        {
            "station": found.station_id,
            "state": enum_word(found, "state"),
            "version": number(found, "version"),
            "kept in step": "yes" if found.keep_in_step else "no",
            "groups": ", ".join(found.group_ids),
            "refused tokens": "included" if found.include_refused else "",
            "tokens": str(found.entries),
            "differences": str(found.differences or ""),
            "confirmed": time_word(found, "confirm_time"),
            "problem": found.problem,
        }
    )


async def synchronize_list(
    client: Client,
    station: StationId,
    on: Annotated[bool, typer.Option("--on/--off", help="Keep it in step with the tokens by itself, or not.")] = True,
    groups: Annotated[
        list[str], typer.Option("--group", metavar="G", help="Only tokens of this group; repeatable.")
    ] = [],  # noqa: B006  # typer takes a list as its own
    include_refused: Annotated[
        bool, typer.Option("--include-refused", help="Also tokens that may not charge, to refuse them offline.")
    ] = False,
) -> None:
    """Keep the list of a station in step with the tokens from now on."""
    wanted = LocalList(station_id=station, keep_in_step=on, group_ids=groups, include_refused=include_refused)
    fields = ["keep_in_step", "group_ids", "include_refused"] if on else ["keep_in_step"]
    changed = await client.citrine.local_auth_list.UpdateLocalList(
        UpdateLocalListRequest(local_list=wanted, update_mask=FieldMask(paths=fields))
    )
    if client.out.as_json:
        client.out.message(changed)
        return
    client.out.line(f"the list of station {station} is {'kept in step' if on else 'left as it is'} from now on")


async def sync_list(
    client: Client,
    station: StationId,
    full: Annotated[bool, typer.Option("--full", help="Send the whole list, whatever the station has.")] = False,
) -> None:
    """Send the tokens that a station should store, and wait until it has them. The exit code is 1 if it refuses."""
    request = SyncLocalListRequest(target=CommandTarget(station_id=station), full=full)
    answer = await client.citrine.local_auth_list.SyncLocalList(request, timeout=LONGEST_WORK)
    if client.out.as_json:
        client.out.message(answer)
    elif not answer.commands:
        client.out.line(f"station {station} has the list already")
    else:
        _show(client, answer.local_list)
    _check_accepted(station, answer)


async def send_list(
    client: Client,
    station: StationId,
    tokens: Annotated[list[str], typer.Argument(metavar="TOKEN…", help="Tokens, as ID or TYPE:ID.")] = [],  # noqa: B006
    full: Annotated[bool, typer.Option("--full", help="They are the whole list.")] = False,
    remove: Annotated[list[str], typer.Option("--remove", metavar="TOKEN", help="Token to remove; repeatable.")] = [],  # noqa: B006
) -> None:
    """Send a list of your own, or changes of it: --full alone empties it. The exit code is 1 if it is refused."""
    if not full and not tokens and not remove:
        raise UsageError("nothing is given to send: name tokens, --remove tokens, or --full")
    if full and remove:
        raise UsageError("--remove: a full list removes what it does not name")
    update_type = ocpp.UPDATE_ENUM_FULL if full else ocpp.UPDATE_ENUM_DIFFERENTIAL
    entries = [
        *[await _entry(client, text) for text in with_progress(tokens, "tokens")],
        *[ocpp.AuthorizationData(id_token=await _id_token(client, text)) for text in with_progress(remove, "removed")],
    ]
    request = SendLocalListRequest(
        target=CommandTarget(station_id=station),
        request=ocpp.SendLocalListRequest(update_type=update_type, local_authorization_list=entries),
    )
    answer = await client.citrine.local_auth_list.SendLocalList(request, timeout=LONGEST_WORK)
    if client.out.as_json:
        client.out.message(answer)
    _check_accepted(station, answer)
    if not client.out.as_json:
        client.out.line(f"station {station} answered Accepted")


# Any, because there are two types of answers. Both have a response of OCPP, which is unset if nothing was sent.
def _check_accepted(station: str, answer: Any) -> None:
    if answer.HasField("response") and answer.response.status != ocpp.SEND_LOCAL_LIST_STATUS_ENUM_ACCEPTED:
        raise CliError(f"{station} answered {enum_word(answer.response, 'status')}; its list is as it was")


async def _id_token(client: Client, text: str) -> IdToken:
    kind, separator, name = text.partition(":")
    if separator:
        return IdToken(id_token=name, type=kind)
    found = await client.citrine.tokens.GetToken(GetTokenRequest(id_token=text))
    return IdToken(id_token=found.id_token, type=found.type)


async def _entry(client: Client, text: str) -> ocpp.AuthorizationData:
    return ocpp.AuthorizationData(
        id_token=await _id_token(client, text),
        id_token_info=IdTokenInfo(status=AUTHORIZATION_STATUS_ENUM_ACCEPTED),
    )


async def ask_version(client: Client, station: StationId) -> None:
    """Ask a station which version of its list it has; 0 is none."""
    request = GetLocalListVersionRequest(
        target=CommandTarget(station_id=station), request=ocpp.GetLocalListVersionRequest()
    )
    answer = await client.citrine.local_auth_list.GetLocalListVersion(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    version = answer.response.version_number
    # A station of OCPP 1.6 that knows no lists says -1.
    client.out.line(f"station {station} stores no lists" if version < 0 else f"station {station} has version {version}")
