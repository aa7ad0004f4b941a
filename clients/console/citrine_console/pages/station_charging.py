"""What may be drawn at a station: its capacity and plan, profiles with their schedule, limits, and vehicles' needs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from markupsafe import Markup

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.smart_charging_pb2 import (
    CHARGING_PROFILE_STATE_ACCEPTED,
    ChargingNegotiation,
    ChargingProfileRecord,
    GetChargingPlanRequest,
    GetChargingProfilesRequest,
    GetCompositeScheduleRequest,
    ListChargingLimitsRequest,
    ListChargingNegotiationsRequest,
    ListChargingProfilesRequest,
    RenegotiateChargingScheduleRequest,
)
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import ChargingSchedule
from citrine_console.cells import Ago, Button, Card, Code, Figure, evse_words, segment, transaction_link
from citrine_console.clock import utc_now
from citrine_console.filter_forms import enum_choices, enum_number
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.capacities import capacity_card, plan_card
from citrine_console.pages.plan_history import plan_history
from citrine_console.pages.station_tabs import action_buttons, tab_page
from citrine_console.plots import Series, lines
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.schedules import periods_word

__all__ = ["ACTIONS", "PAGES"]

PLOTTED = timedelta(hours=24)
"""How far profiles are plotted into the future."""

MOST_PLOTTED = 5

_PROFILES = ("charging_profile_changed", "report_finished")


async def _plan(visit: Visit) -> Mapping[str, object]:
    cards = []
    if visit.may("ListChargingCapacities"):
        cards.append(await capacity_card(visit, visit["station_id"]))
    if visit.may("GetChargingPlan"):
        request = GetChargingPlanRequest(station_id=visit["station_id"])
        try:
            cards.append(plan_card(visit, await visit.citrine.smart_charging.GetChargingPlan(request)))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
        else:
            cards += await plan_history(visit, visit["station_id"])
    return {"cards": cards}


async def _profiles(visit: Visit) -> Mapping[str, object]:
    request = ListChargingProfilesRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["page"]
    )
    if not visit.query["all"]:
        request.state = CHARGING_PROFILE_STATE_ACCEPTED
    answer = await visit.citrine.smart_charging.ListChargingProfiles(request)
    heads = [
        *(Figure("Id"), _("Where"), _("Purpose"), Figure(_("Level")), _("Kind"), _("Limits"), _("State")),
        *(_("Transaction"), _("Set by"), _("Updated")),
    ]
    rows = [_profile_row(one) for one in answer.profiles]
    base = f"/stations/{segment(visit['station_id'])}/charging"
    buttons = action_buttons(visit, "limit-charging", "clear-limits")
    if visit.may("GetCompositeSchedule"):
        buttons.append(Button(f"{base}/schedule", _("Composite schedule")))
    if visit.may("GetChargingProfiles"):
        buttons.append(Button(f"{base}/profiles", _("Ask for profiles")))
    every = (
        Button(base, _("Only those in force"), is_page=True)
        if visit.query["all"]
        else Button(f"{base}?all=yes", _("Earlier ones too"), is_page=True)
    )
    title, empty = _("Charging profiles"), _("None are installed, as far as is known.")
    listed = list_card(visit, title, heads, rows, answer.next_page_token, buttons=[*buttons, every], empty=empty)
    series = _series(answer.profiles)
    plot = [Card(_("What profiles allow"), _plots(visit, series))] if series else []
    return {"cards": [*plot, listed]}


def _profile_row(one: ChargingProfileRecord) -> Sequence[object]:
    profile = one.profile
    return [
        str(profile.id),
        evse_words(one.evse_id),
        str(enum_word(profile, "charging_profile_purpose")),
        profile.stack_level,
        str(enum_word(profile, "recurrency_kind") or enum_word(profile, "charging_profile_kind")),
        "; ".join(periods_word(schedule) for schedule in profile.charging_schedule),
        [enum_word(one, "state"), one.reason],
        transaction_link(one.station_id, one.transaction_id),
        one.cause or one.charging_limit_source,
        Ago(one.update_time),
    ]


def _series(profiles: Sequence[ChargingProfileRecord]) -> list[Series]:
    now = utc_now()
    found = []
    for one in profiles:
        if one.state != CHARGING_PROFILE_STATE_ACCEPTED or len(one.profile.charging_schedule) != 1:
            continue
        schedule = one.profile.charging_schedule[0]
        if schedule.HasField("start_schedule") and schedule.charging_schedule_period:
            name = f"{one.profile.id} {evse_words(one.evse_id)}"
            points = schedule_points(schedule, schedule.start_schedule.ToDatetime(tzinfo=UTC), now)
            found.append(Series(name, points, str(enum_word(schedule, "charging_rate_unit")), 1, stepped=True))
    return found[:MOST_PLOTTED]


def schedule_points(schedule: ChargingSchedule | Any, start: datetime, now: datetime) -> list[tuple[datetime, float]]:
    """Return the limits of a schedule, from its start until its end, or for a day from now on."""
    duration = getattr(schedule, "duration", 0)
    end = start + timedelta(seconds=duration) if duration else max(now + PLOTTED, start + PLOTTED)
    periods = [(start + timedelta(seconds=one.start_period), one.limit) for one in schedule.charging_schedule_period]
    points = [(time, limit) for time, limit in periods if time < end]
    return [*points, (end, points[-1][1])] if points else []


def _plots(visit: Visit, series: Sequence[Series]) -> Markup:
    units = dict.fromkeys(one.unit for one in series)
    plots = [
        lines(_("Limits in {unit}").format(unit=unit), [one for one in series if one.unit == unit], visit.zone)
        for unit in units
    ]
    return Markup('<div class="plots">{}</div>').format(Markup("").join(plots))


async def _limits(visit: Visit) -> Mapping[str, object]:
    request = ListChargingLimitsRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["limits-page"]
    )
    answer = await visit.citrine.smart_charging.ListChargingLimits(request)
    heads = [_("Source"), _("Where"), _("Limits"), _("Set"), _("Lifted")]
    rows = [
        [
            one.request.charging_limit.charging_limit_source,
            evse_words(one.request.evse_id),
            "; ".join(periods_word(schedule) for schedule in one.request.charging_schedule),
            one.set_time,
            one.clear_time if one.HasField("clear_time") else "",
        ]
        for one in answer.limits
    ]
    title, empty = _("Limits of others"), _("Nobody else limits it.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, name="limits", empty=empty)]}


async def _needs(visit: Visit) -> Mapping[str, object]:
    request = ListChargingNegotiationsRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["needs-page"]
    )
    answer = await visit.citrine.smart_charging.ListChargingNegotiations(request)
    heads = [_("EVSE"), _("Transaction"), _("Wants"), _("Departs"), _("State"), _("Profile"), _("Updated"), ""]
    rows = [_need_row(visit, one) for one in answer.negotiations]
    title, empty = _("Needs of vehicles"), _("No vehicle has said what it needs.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, name="needs", empty=empty)]}


def _need_row(visit: Visit, one: ChargingNegotiation) -> Sequence[object]:
    needs = one.needs.charging_needs
    renew = f"/stations/{segment(visit['station_id'])}/charging/renegotiate?evse_id={one.evse_id}"
    return [
        evse_words(one.evse_id),
        transaction_link(one.station_id, one.transaction_id),
        str(enum_word(needs, "requested_energy_transfer")),
        needs.departure_time if needs.HasField("departure_time") else "",
        [enum_word(one, "state"), one.reason],
        Code(one.charging_profile_id) if one.HasField("charging_profile_id") else "",
        Ago(one.update_time),
        [Button(renew, _("Negotiate anew")) if visit.may("RenegotiateChargingSchedule") else ""],
    ]


def _target(visit: Visit) -> CommandTarget:
    return CommandTarget(station_id=visit["station_id"])


async def _schedule_fields(visit: Visit) -> Sequence[Field]:
    units = enum_choices(ocpp.GetCompositeScheduleRequest, "charging_rate_unit")
    return [
        Field("evse_id", _("EVSE"), "number", "1", hint=_("0: the whole station"), attributes={"min": "0"}),
        Field("hours", _("Hours from now"), "number", "24", attributes={"min": "1", "max": "168"}),
        Field("unit", _("Unit"), "select", choices=[("", _("as the station likes")), *units]),
    ]


async def _schedule(visit: Visit, values: Values) -> Done:
    request = ocpp.GetCompositeScheduleRequest(
        evse_id=values.number("evse_id"), duration=values.number("hours", 24) * 3600
    )
    if values["unit"]:
        request.charging_rate_unit = enum_number(type(request), "charging_rate_unit", values["unit"])
    answer = await visit.citrine.smart_charging.GetCompositeSchedule(
        GetCompositeScheduleRequest(target=_target(visit), request=request)
    )
    schedule = answer.response.schedule
    plot = Markup()
    if schedule.charging_schedule_period:
        points = schedule_points(schedule, schedule.schedule_start.ToDatetime(tzinfo=UTC), utc_now())
        unit = str(enum_word(schedule, "charging_rate_unit"))
        series = Series(_("limit"), points, unit, stepped=True)
        plot = lines(_("Composite schedule of {evse}").format(evse=evse_words(schedule.evse_id)), [series], visit.zone)
    return replace(Done.answered(answer.response), shown=plot)


async def _ask_profiles(visit: Visit, values: Values) -> Done:
    request = ocpp.GetChargingProfilesRequest(charging_profile=ocpp.ChargingProfileCriterion())
    request.charging_profile.charging_limit_source.append("CSO")
    answer = await visit.citrine.smart_charging.GetChargingProfiles(
        GetChargingProfilesRequest(target=_target(visit), request=request)
    )
    return Done.answered(answer.response)


async def _evse_field(visit: Visit) -> Sequence[Field]:
    return [Field("evse_id", _("EVSE"), "number", required=True, attributes={"min": "1"})]


async def _renegotiate(visit: Visit, values: Values) -> Done:
    request = RenegotiateChargingScheduleRequest(station_id=visit["station_id"], evse_id=values.number("evse_id"))
    return Done(_("It is negotiated."), await visit.citrine.smart_charging.RenegotiateChargingSchedule(request))


_DIALOGS = [
    FormDialog(
        path="/stations/{station_id}/charging/schedule",
        title=lambda visit: _("Ask {station} what may be drawn").format(station=visit["station_id"]),
        words=lambda visit: _("The station adds up all profiles and limits that it has."),
        fields=_schedule_fields,
        act=_schedule,
        needs=("GetCompositeSchedule",),
        submit=lambda visit: _("Ask"),
    ),
    FormDialog(
        path="/stations/{station_id}/charging/profiles",
        title=lambda visit: _("Ask {station} for its profiles").format(station=visit["station_id"]),
        words=lambda visit: _("The station sends a report; what it has shows up here as it arrives."),
        act=_ask_profiles,
        needs=("GetChargingProfiles",),
        submit=lambda visit: _("Ask"),
    ),
    FormDialog(
        path="/stations/{station_id}/charging/renegotiate",
        title=lambda visit: _("Negotiate anew with the vehicle"),
        words=lambda visit: _("The vehicle gets another schedule, by what it needs and what there is now."),
        fields=_evse_field,
        act=_renegotiate,
        needs=("RenegotiateChargingSchedule",),
        submit=lambda visit: _("Negotiate"),
    ),
]

PAGES: list[Page] = [
    tab_page(
        "charging",
        [
            Region(
                "plan",
                "parts/cards.html",
                _plan,
                kinds=("charging_plan_changed", "station_changed", "charging_limit_changed"),
                concerns=of_station,
                every=30,
            ),
            Region("profiles", "parts/cards.html", _profiles, kinds=_PROFILES, concerns=of_station, every=60),
            Region(
                "limits",
                "parts/cards.html",
                _limits,
                kinds=("charging_limit_changed",),
                concerns=of_station,
                needs=("ListChargingLimits",),
            ),
            Region(
                "needs",
                "parts/cards.html",
                _needs,
                kinds=("charging_needs_received", "ev_charging_schedule_received", "charging_profile_changed"),
                concerns=of_station,
                needs=("ListChargingNegotiations",),
            ),
        ],
    )
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
