"""`citrine tariff assign`, `assignments` and `unassign`: to whom, where and when tariffs apply."""

from typing import Annotated

import grpc
import typer
from google.protobuf.message import Message

from citrine.api.v1.tariffs_pb2 import (
    AssignTariffRequest,
    ListTariffAssignmentsRequest,
    ListTariffsRequest,
    TariffAssignment,
    UnassignTariffRequest,
)
from citrine.ocpp.v2 import types_pb2
from citrine_cli.assignment_order import applying_of, rivals_of
from citrine_cli.client import Client, Limit, collect
from citrine_cli.errors import CliError
from citrine_cli.filters import ChangedOption, changed_since
from citrine_cli.named_things import check_station, check_token
from citrine_cli.prefixes import with_assignment
from citrine_cli.station_selectors import labels_of
from citrine_words.cells import PrefixId
from citrine_words.values import parse_span, parse_time
from citrine_words.words import time_word

__all__ = [
    "Evse",
    "IdToken",
    "Station",
    "TariffId",
    "TokenType",
    "assign_tariff",
    "check_unassigned",
    "id_token_of",
    "list_assignments",
    "unassign_tariff",
]

LOOKED_AT = 5000
"""Most assignments that are compared with a new one."""

NAMED = 5
"""Most assignments that a message names."""

TariffId = Annotated[str, typer.Argument(metavar="ID", help="Id of the tariff.")]
Station = Annotated[str, typer.Option("--station", metavar="ID", help="Station.")]
Evse = Annotated[int, typer.Option("--evse", metavar="N", help="EVSE of the station.")]
IdToken = Annotated[str, typer.Option("--token", metavar="ID", help="Token of the driver.")]
TokenType = Annotated[str, typer.Option("--type", metavar="TYPE", help="Type of the token.")]


def id_token_of(id_token: str, token_type: str) -> types_pb2.IdToken | None:
    """Return the token that options name; None where they name none."""
    return types_pb2.IdToken(id_token=id_token, type=token_type) if id_token or token_type else None


async def assign_tariff(
    client: Client,
    tariff_id: TariffId,
    station: Station = "",
    evse: Evse = 0,
    location: Annotated[str, typer.Option("--location", metavar="ID", help="Stations that stand there.")] = "",
    station_group: Annotated[str, typer.Option("--station-group", metavar="G", help="Stations of a group.")] = "",
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="KEY=VALUE", help="Stations with this label; repeat it, all must match."),
    ] = None,
    group: Annotated[str, typer.Option("--group", metavar="G", help="Group of tokens.")] = "",
    id_token: IdToken = "",
    token_type: TokenType = "",
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="From when on.", show_default="now")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Until when.", show_default="without end")] = "",
) -> None:
    """Assign a tariff to drivers, stations and times; without options to all drivers at all stations from now on."""
    first, last = parse_span("--from", begin, "--to", end)
    assignment = TariffAssignment(
        tariff_id=tariff_id,
        station_id=station,
        evse_id=evse,
        location_id=location,
        station_group=station_group,
        station_labels=labels_of(labels),
        group_id=group,
        id_token=id_token_of(id_token, token_type),
        valid_from=first,
        valid_to=last,
    )
    if station:
        await check_station(client, station, [evse])
    if id_token:
        await check_token(client, id_token, token_type)
    made = await client.citrine.tariffs.AssignTariff(AssignTariffRequest(assignment=assignment))
    if client.out.as_json:
        client.out.message(made)
        return
    client.out.line(f"tariff {tariff_id} applies to {_subject(made)}{_when(made)}: assignment {made.assignment_id}")
    await _warn_of_rivals(client, made)


async def _warn_of_rivals(client: Client, made: TariffAssignment) -> None:
    """Print which assignment applies, for each other one that overlaps with the new one."""
    try:
        pages = collect(client.citrine.tariffs.ListTariffAssignments, ListTariffAssignmentsRequest(), LOOKED_AT)
        rivals = list(rivals_of(made, [one async for page in pages for one in page.assignments]))
        listed = collect(client.citrine.tariffs.ListTariffs, ListTariffsRequest(), LOOKED_AT) if rivals else None
        tariffs = [tariff async for page in listed for tariff in page.tariffs] if listed else []
    except grpc.aio.AioRpcError as error:
        # The key may lack the scope to read.
        if error.code() not in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED):
            raise
        return
    valid_from = {tariff.tariff_id: tariff.valid_from for tariff in tariffs if tariff.HasField("valid_from")}
    for other in rivals[:NAMED]:
        is_first = applying_of(made, other, valid_from) is made
        order = f"it goes before {other.tariff_id}" if is_first else f"{other.tariff_id} goes before it"
        whom = f"{_subject(other)}{_when(other)}"
        client.out.line(f"{order}, which applies to {whom}: assignment {other.assignment_id}")
    if len(rivals) > NAMED:
        client.out.line(f"and {len(rivals) - NAMED} more, see citrine tariff assignments")


async def list_assignments(
    client: Client,
    tariff_id: Annotated[str, typer.Option("--tariff", metavar="ID", help="Only of this tariff.")] = "",
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only for this station alone.")] = "",
    location: Annotated[str, typer.Option("--location", metavar="ID", help="Only for this location.")] = "",
    station_group: Annotated[
        str, typer.Option("--station-group", metavar="G", help="Only for this group of stations.")
    ] = "",
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="KEY=VALUE", help="Only for stations with this label; repeat it, all must match."
        ),
    ] = None,
    group: Annotated[str, typer.Option("--group", metavar="G", help="Only for this group of tokens.")] = "",
    id_token: Annotated[str, typer.Option("--token", metavar="ID", help="Only for this token.")] = "",
    include_ended: Annotated[bool, typer.Option("--all", help="Also those that ended.")] = False,
    changed: ChangedOption = "",
    limit: Limit = 0,
) -> None:
    """List to whom, where and when tariffs apply."""
    request = ListTariffAssignmentsRequest(
        tariff_id=tariff_id,
        station_id=station,
        location_id=location,
        station_group=station_group,
        station_labels=labels_of(labels),
        group_id=group,
        id_token=id_token,
        include_ended=include_ended,
        update_time=changed_since(changed),
    )
    pages = collect(client.citrine.tariffs.ListTariffAssignments, request, limit)
    found = [one async for page in pages for one in page.assignments]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["assignment", "tariff", "applies to", "from", "to", "made"],
        (
            [
                PrefixId(one.assignment_id),
                one.tariff_id,
                _subject(one),
                time_word(one, "valid_from" if one.HasField("valid_from") else "create_time"),
                time_word(one, "valid_to"),
                time_word(one, "create_time"),
            ]
            for one in found
        ),
        empty="no assignments",
    )


async def unassign_tariff(
    client: Client,
    assignment_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the assignment, or what it begins with.")],
    end: Annotated[str, typer.Option("--at", metavar="TIME", help="When it ends.", show_default="now")] = "",
) -> None:
    """End an assignment. Open transactions retain their tariff."""
    time = parse_time("--at", end) if end else None

    async def unassign(whole: str) -> Message:
        return await client.citrine.tariffs.UnassignTariff(UnassignTariffRequest(assignment_id=whole, valid_to=time))

    answer = await with_assignment(client, assignment_id, unassign)
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"assignment {assignment_id} {f'ends {end}' if end else 'removed'}")


async def check_unassigned(client: Client, tariff_id: str) -> None:
    """Check that a tariff is not assigned, for an assigned one can't be removed.

    Raises:
        CliError: When it is assigned; the text says to whom, and how to end that.
        grpc.aio.AioRpcError: When the call fails.
    """
    # Imported here, because few commands need it.
    from citrine_words.event_lines import short_id

    pages = collect(client.citrine.tariffs.ListTariffAssignments, ListTariffAssignmentsRequest(tariff_id=tariff_id))
    found = [one async for page in pages for one in page.assignments]
    if not found:
        return
    named = "; ".join(
        f"{_subject(one)}: citrine tariff unassign {short_id(one.assignment_id)}" for one in found[:NAMED]
    )
    more = f"; {len(found) - NAMED} more, see citrine tariff assignments" if len(found) > NAMED else ""
    raise CliError(f"tariff {tariff_id} is assigned; end that first, for {named}{more}")


def _when(one: TariffAssignment) -> str:
    begin = f" from {time_word(one, 'valid_from')}" if one.HasField("valid_from") else ""
    return begin + (f" until {time_word(one, 'valid_to')}" if one.HasField("valid_to") else "")


def _subject(one: TariffAssignment) -> str:
    who = (
        f"token {one.id_token.id_token}"
        if one.HasField("id_token")
        else f"group {one.group_id}"
        if one.group_id
        else "all drivers"
    )
    if not one.station_id:
        places = [f"location {one.location_id}"] if one.location_id else []
        labels = ", ".join(f"{key}={value}" for key, value in sorted(one.station_labels.items()))
        places += [f"stations labelled {labels}"] if labels else []
        places += [f"stations of group {one.station_group}"] if one.station_group else []
        return f"{who} at {' and '.join(places) or 'all stations'}"
    return f"{who} at {one.station_id}{f' EVSE {one.evse_id}' if one.evse_id else ''}"
