"""`citrine reservation`: reservations of EVSEs for drivers."""

from typing import Annotated

import typer

from citrine.api.v1 import reservation_pb2 as pb
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_cli.client import Client, client_command, collect
from citrine_cli.commands.reservation_costs import list_reservation_costs, show_reservation_cost
from citrine_cli.errors import UsageError
from citrine_cli.filters import (
    ChangedOption,
    EvseOption,
    FromOption,
    StationOption,
    TokenGroupOption,
    ToOption,
    changed_since,
    range_of,
)
from citrine_cli.named_things import warn_unknown_token
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, WhenOnline, choice, show_answer, target
from citrine_words.cells import PrefixId
from citrine_words.values import parse_time
from citrine_words.words import enum_word, number, time_word

__all__ = ["build"]

_STATES = {
    name.removeprefix("RESERVATION_STATE_").lower().replace("_", "-"): state
    for name, state in pb.ReservationState.items()
    if state
}

StationOrId = Annotated[
    str, typer.Argument(metavar="STATION|ID", help="Name of the station; or alone, the id that list shows.")
]
IdAtStation = Annotated[int | None, typer.Argument(metavar="[ID]", help="Id of the reservation at the station.")]


def build() -> typer.Typer:
    """Return the commands of `citrine reservation`."""
    app = typer.Typer(help="Reservations: add, cancel, list, show; what those cost that nobody used.")
    client_command(app, "add")(add_reservation)
    client_command(app, "cancel")(cancel_reservation)
    client_command(app, "list")(list_reservations)
    client_command(app, "show")(show_reservation)
    client_command(app, "costs")(list_reservation_costs)
    client_command(app, "cost")(show_reservation_cost)
    return app


async def add_reservation(
    client: Client,
    station_id: Station,
    id_token: Annotated[str, typer.Option("--token", metavar="TOKEN", help="Who the EVSE is reserved for.")],
    token_type: Annotated[str, typer.Option("--type", metavar="TYPE", help="Type of the token.")] = "ISO14443",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="When it ends.")] = "+1h",
    evse: Annotated[int | None, typer.Option("--evse", metavar="N", help="This EVSE; without: any.")] = None,
    connector_type: Annotated[
        str | None, typer.Option("--connector-type", metavar="TYPE", help="Any EVSE with such a connector: cType2.")
    ] = None,
    group: Annotated[str, typer.Option("--group", metavar="G", help="Tokens of this group may use it, too.")] = "",
    reservation_id: Annotated[
        int,
        typer.Option(
            "--id", metavar="ID", help="Its id, e.g. of one that it replaces; else it is chosen.", show_default=False
        ),
    ] = 0,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Reserve an EVSE. The exit code is 1 if the station refuses."""
    request = ocpp.ReserveNowRequest(
        id=reservation_id,
        expiry_date_time=parse_time("--until", until),
        id_token=IdToken(id_token=id_token, type=token_type),
        evse_id=evse,
        connector_type=connector_type,
        group_id_token=IdToken(id_token=group, type="Central") if group else None,
    )
    await warn_unknown_token(client, id_token, token_type)
    answer = await client.citrine.reservation.ReserveNow(
        pb.ReserveNowRequest(target=target(station_id, timeout, when_online), request=request),
        timeout=timeout + MARGIN,
    )
    show_answer(client, answer)
    if not client.out.as_json and answer.HasField("response"):
        end = time_word(answer.reservation.request, "expiry_date_time")
        client.out.line(f"reservation {answer.reservation.request.id} until {end}")


async def cancel_reservation(
    client: Client,
    station_id: StationOrId,
    reservation_id: IdAtStation = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Cancel a reservation. The exit code is 1 if the station has no such reservation."""
    request = pb.CancelReservationRequest(target=target("", timeout, when_online))
    if reservation_id is None:
        request.record_id = _own_id(station_id)
    else:
        request.target.station_id = station_id
        request.request.reservation_id = reservation_id
    show_answer(client, await client.citrine.reservation.CancelReservation(request, timeout=timeout + MARGIN))


async def list_reservations(
    client: Client,
    station: StationOption = "",
    evse: EvseOption = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    id_token: Annotated[str, typer.Option("--token", metavar="TOKEN", help="Only for this token.")] = "",
    token_group: TokenGroupOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    begin: FromOption = "",
    end: ToOption = "",
    changed: ChangedOption = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List reservations, the latest first."""
    request = pb.ListReservationsRequest(
        station_id=station,
        open_only=open_only,
        state=choice("--state", _STATES, state) if state else pb.RESERVATION_STATE_UNSPECIFIED,
        id_token=id_token,
        evse_id=evse,
        group_id=token_group,
        stations=station_selector(location, group, label),
        create_time=range_of(begin, end),
        update_time=changed_since(changed),
    )
    pages = collect(client.citrine.reservation.ListReservations, request, limit)
    found = [reservation async for page in pages for reservation in page.reservations]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["id", "station", "id at station", "evse", "token", "state", "until", "transaction"],
        (
            [
                str(one.record_id),
                one.station_id,
                str(one.request.id),
                number(one.request, "evse_id") or one.request.connector_type or "any",
                one.request.id_token.id_token,
                enum_word(one, "state"),
                time_word(one.request, "expiry_date_time"),
                PrefixId(one.transaction_id),
            ]
            for one in found
        ),
        empty="no reservations",
    )


async def show_reservation(client: Client, station_id: StationOrId, reservation_id: IdAtStation = None) -> None:
    """Show a reservation."""
    if reservation_id is None:
        request = pb.GetReservationRequest(record_id=_own_id(station_id))
    else:
        request = pb.GetReservationRequest(station_id=station_id, reservation_id=reservation_id)
    found = await client.citrine.reservation.GetReservation(request)
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "id": str(found.record_id),
            "station": found.station_id,
            "id at station": str(found.request.id),
            "evse": number(found.request, "evse_id"),
            "connector type": found.request.connector_type,
            "token": found.request.id_token.id_token,
            "group": found.request.group_id_token.id_token,
            "state": enum_word(found, "state"),
            "since": time_word(found, "state_time"),
            "because": found.detail,
            "answer": enum_word(found, "status"),
            "until": time_word(found.request, "expiry_date_time"),
            "accepted": time_word(found, "accept_time"),
            "transaction": found.transaction_id,
            "created": time_word(found, "create_time"),
        }
    )


def _own_id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**63:
        raise UsageError(f"{text!r} is no id of a reservation; for one by its id at a station: STATION ID")
    return int(text)
