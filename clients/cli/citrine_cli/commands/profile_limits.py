"""Commands of `citrine profile` for vehicles, limits, capacities and plans."""

from typing import Annotated

import typer

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine_cli.client import Client, Limit, collect
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.named_things import check_station
from citrine_cli.prefixes import listed_transaction
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_words.cells import Figure, PrefixId
from citrine_words.schedules import periods_word
from citrine_words.words import count, enum_word, instant_word, plain, quantity, time_word

__all__ = ["capacity", "list_limits", "list_needs", "renegotiate", "show_plan"]

Station = Annotated[str, typer.Argument(metavar="STATION", help="Name of the station.")]
_NEEDS = (
    *(
        "id",
        "time",
        "station",
        "evse",
        "transaction",
        "cause",
        "needs",
        "departure",
        "state",
        "profile",
        "ev",
        "reason",
    ),
)
_LIMITS = ("id", "station", "evse", "source", "limits", "since", "until")

OfStation = Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")]


async def list_needs(
    client: Client,
    number: Annotated[int, typer.Argument(metavar="[ID]", help="Only this one, with all its facts.")] = 0,
    station: OfStation = "",
    transaction_id: Annotated[str, typer.Option("--transaction", metavar="ID", help="Only of this transaction.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the charging needs of vehicles and the resulting schedules, the latest first; or show one."""
    if number:
        await _show_needs(client, number)
        return
    transaction_id = await listed_transaction(client, transaction_id, station)
    request = pb.ListChargingNegotiationsRequest(
        create_time=range_of(begin, end),
        station_id=station,
        transaction_id=transaction_id,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.smart_charging.ListChargingNegotiations, request, limit)
    found = [one async for page in pages for one in page.negotiations]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(_NEEDS, map(_needs_row, found), empty="no vehicle has reported its needs")


async def _show_needs(client: Client, number: int) -> None:
    request = pb.GetChargingNegotiationRequest(negotiation_id=number)
    one = await client.citrine.smart_charging.GetChargingNegotiation(request)
    if client.out.as_json:
        client.out.message(one)
        return
    more = {"answered": enum_word(one, "needs_status"), "updated": time_word(one, "update_time")}
    client.out.facts(dict(zip(_NEEDS, _needs_row(one), strict=True)) | more)


def _needs_row(one: pb.ChargingNegotiation) -> list[str]:
    return [
        str(one.negotiation_id),
        instant_word(one, "create_time"),
        one.station_id,
        count(one.evse_id),
        PrefixId(one.transaction_id),
        enum_word(one, "cause"),
        _needs(one.needs.charging_needs) if one.HasField("needs") else "",
        time_word(one.needs.charging_needs, "departure_time"),
        enum_word(one, "state"),
        str(one.charging_profile_id) if one.HasField("charging_profile_id") else "",
        enum_word(one, "ev_schedule_status"),
        one.reason,
    ]


def _needs(needs: ocpp.ChargingNeeds) -> str:
    energy = needs.ac_charging_parameters.energy_amount or needs.dc_charging_parameters.energy_amount
    mode = enum_word(needs, "requested_energy_transfer")
    return f"{plain(energy / 1000)} kWh, {mode}" if energy else mode


async def renegotiate(
    client: Client,
    station_id: Station,
    evse: Annotated[int, typer.Argument(metavar="EVSE", help="EVSE that the vehicle charges on.")],
) -> None:
    """Plan the schedule of a vehicle anew, and send it."""
    request = pb.RenegotiateChargingScheduleRequest(station_id=station_id, evse_id=evse)
    begun = await client.citrine.smart_charging.RenegotiateChargingSchedule(request)
    if client.out.as_json:
        client.out.message(begun)
        return
    client.out.line(f"the schedule of transaction {begun.transaction_id} is planned anew")


async def list_limits(
    client: Client,
    number: Annotated[int, typer.Argument(metavar="[ID]", help="Only this one, in force or not.")] = 0,
    station: OfStation = "",
    all_: Annotated[bool, typer.Option("--all", help="Ended ones, too.")] = False,
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List limits that other systems imposed on stations, the latest first; by default those in force."""
    if number:
        await _show_limit(client, number)
        return
    request = pb.ListChargingLimitsRequest(
        set_time=range_of(begin, end),
        station_id=station,
        in_force_only=not all_,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.smart_charging.ListChargingLimits, request, limit)
    found = [one async for page in pages for one in page.limits]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(_LIMITS, map(_limit_row, found), empty="no limits")


async def _show_limit(client: Client, number: int) -> None:
    one = await client.citrine.smart_charging.GetChargingLimit(pb.GetChargingLimitRequest(limit_id=number))
    if client.out.as_json:
        client.out.message(one)
        return
    client.out.facts(dict(zip(_LIMITS, _limit_row(one), strict=True)))


def _limit_row(one: pb.ChargingLimit) -> list[str]:
    return [
        str(one.limit_id),
        one.station_id,
        str(one.request.evse_id),
        one.request.charging_limit.charging_limit_source,
        "; ".join(periods_word(schedule) for schedule in one.request.charging_schedule),
        time_word(one, "set_time"),
        time_word(one, "clear_time"),
    ]


async def capacity(
    client: Client,
    station_id: Annotated[str, typer.Argument(metavar="[STATION]", help="Name of the station.")] = "",
    evse: Annotated[
        int | None, typer.Option("--evse", metavar="N", help="EVSE; 0 is the station itself, which is set by default.")
    ] = None,
    power: Annotated[float | None, typer.Option("--power", metavar="W", help="Power limit in W.")] = None,
    current: Annotated[
        float | None, typer.Option("--current", metavar="A", help="Current limit on each phase, in A.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Forget it.")] = False,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """Set the capacity of a station or an EVSE, which its transactions share. Without a value, show capacities."""
    service, number = client.citrine.smart_charging, evse or 0
    if remove:
        await service.DeleteChargingCapacity(pb.DeleteChargingCapacityRequest(station_id=station_id, evse_id=number))
        if not client.out.as_json:
            client.out.line(f"the capacity of EVSE {number} of {station_id} is removed")
        return
    if power is None and current is None and evse is not None:
        one = pb.GetChargingCapacityRequest(station_id=station_id, evse_id=evse)
        _show_capacities(client, [await service.GetChargingCapacity(one)])
        return
    if power is None and current is None:
        selected = station_selector(location, group, label)
        request = pb.ListChargingCapacitiesRequest(station_id=station_id, stations=selected)
        pages = collect(service.ListChargingCapacities, request, limit)
        _show_capacities(client, [one async for page in pages for one in page.capacities])
        return
    await check_station(client, station_id, [number])
    wanted = pb.ChargingCapacity(station_id=station_id, evse_id=number, max_power_w=power, max_current_a=current)
    _show_capacities(client, [await service.SetChargingCapacity(pb.SetChargingCapacityRequest(capacity=wanted))])


def _show_capacities(client: Client, capacities: list[pb.ChargingCapacity]) -> None:
    if client.out.as_json:
        client.out.messages(capacities)
        return
    rows = (
        [
            one.station_id,
            count(one.evse_id),
            quantity(one.max_power_w, "W") if one.HasField("max_power_w") else "",
            quantity(one.max_current_a, "A") if one.HasField("max_current_a") else "",
        ]
        for one in capacities
    )
    client.out.table(["station", "evse", "power", "current"], rows, empty="no capacities")


async def show_plan(
    client: Client,
    station_id: Annotated[str, typer.Argument(metavar="[STATION]", help="Name of the station.")] = "",
    limit: Limit = 0,
) -> None:
    """Show how a station's capacity is shared, with pending changes. Without a station, show all plans."""
    service = client.citrine.smart_charging
    if station_id:
        plans = [await service.GetChargingPlan(pb.GetChargingPlanRequest(station_id=station_id))]
    else:
        pages = collect(service.ListChargingPlans, pb.ListChargingPlansRequest(), limit)
        plans = [one async for page in pages for one in page.plans]
    if client.out.as_json:
        client.out.messages(plans)
        return
    for plan in plans:
        client.out.line(_plan_word(plan))
    client.out.table(
        ["station", "evse", "transaction", "given", "planned", "on its way", "since", "reason"],
        (
            [
                plan.station_id,
                str(share.evse_id) if share.evse_id else "others",
                PrefixId(share.transaction_id),
                quantity(share.given_a, "A") if share.HasField("given_a") else Figure("no limit"),
                quantity(share.planned_a, "A"),
                quantity(share.pending_a, "A") if share.HasField("pending_a") else "",
                time_word(share, "since"),
                share.reason,
            ]
            for plan in plans
            for share in plan.shares
        ),
        empty="no plans",
    )


def _plan_word(plan: pb.ChargingPlan) -> str:
    there = [f"{plain(plan.max_current_a)} A" if plan.HasField("max_current_a") else ""]
    there.append(f"{plain(plan.max_power_w)} W" if plan.HasField("max_power_w") else "")
    given = f"{plain(plan.given_a)} A" if plan.HasField("given_a") else "no limit"
    words = [
        f"{plan.station_id}: {enum_word(plan, 'state')}",
        f"given {given} of {' and '.join(one for one in there if one) or 'no limit'}",
        f"because {plan.cause_text}" if plan.cause_text else "",
        "AT RISK: more may be drawn than there is" if plan.at_risk else "",
    ]
    return ", ".join(word for word in words if word)
