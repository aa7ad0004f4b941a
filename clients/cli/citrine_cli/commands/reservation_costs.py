"""`citrine reservation cost` and `costs`: costs of reservations that no transaction used."""

from typing import Annotated

import typer

from citrine.api.v1.reservation_costs_pb2 import GetReservationCostRequest, ListReservationCostsRequest
from citrine_cli.client import Client, collect
from citrine_cli.costs import cost_lines
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import Station
from citrine_words.words import enum_word, money, number, time_word

__all__ = ["list_reservation_costs", "show_reservation_cost"]


async def list_reservation_costs(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    id_token: Annotated[str, typer.Option("--token", metavar="TOKEN", help="Only for this token.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the costs of reservations that expired or were cancelled, the latest first."""
    request = ListReservationCostsRequest(
        station_id=station,
        id_token=id_token,
        start_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.reservation_costs.ListReservationCosts, request, limit)
    found = [one async for page in pages for one in page.costs]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["id", "station", "token", "from", "until", "state", "without vat", "with vat", "tariff"],
        (
            [
                str(one.reservation_id),
                one.station_id,
                one.id_token.id_token,
                time_word(one, "start_time"),
                time_word(one, "end_time"),
                f"{enum_word(one, 'state')}{', withdrawn' if one.withdrawn else ''}",
                money(one.cost.total.before_tax, one.cost.currency),
                money(one.cost.total.after_tax, one.cost.currency),
                f"{one.tariff_id} version {one.tariff_version}",
            ]
            for one in found
        ),
        empty="no costs of reservations",
    )


async def show_reservation_cost(
    client: Client,
    station_id: Station,
    reservation_id: Annotated[int, typer.Argument(metavar="ID", help="Id of the reservation at the station.")],
) -> None:
    """Show what a reservation costs, with the parts of the cost."""
    request = GetReservationCostRequest(station_id=station_id, reservation_id=reservation_id)
    found = await client.citrine.reservation_costs.GetReservationCost(request)
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "reservation": str(found.reservation_id),
            "station": found.station_id,
            "evse": number(found, "evse_id"),
            "token": found.id_token.id_token,
            "from": time_word(found, "start_time"),
            "until": time_word(found, "end_time"),
            "state": enum_word(found, "state"),
            "withdrawn": "yes: nothing is to be paid" if found.withdrawn else "",
            "tariff": f"{found.tariff_id} version {found.tariff_version}",
            "computed": time_word(found, "update_time"),
        }
    )
    cost_lines(client.out, found.cost)
