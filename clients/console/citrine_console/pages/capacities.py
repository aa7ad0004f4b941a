"""Smart charging of all stations: what they may draw, and who is given how much of it."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from citrine.api.v1.smart_charging_pb2 import (
    ChargingCapacity,
    ChargingPlan,
    ChargingShare,
    DeleteChargingCapacityRequest,
    ListChargingCapacitiesRequest,
    ListChargingPlansRequest,
    SetChargingCapacityRequest,
)
from citrine_console.cells import (
    Ago,
    Button,
    Card,
    Figure,
    badge,
    evse_words,
    facts,
    segment,
    station_link,
    table,
    transaction_link,
)
from citrine_console.filter_forms import Filter, filters_region, place_filters
from citrine_console.filters import selector_of
from citrine_console.formats import NOTHING, enum_word, power
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import Page, Region
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.words import plain

__all__ = ["ACTIONS", "PAGES", "capacity_card", "plan_card"]


def _current(value: float) -> str:
    return f"{plain(round(value, 2))} A"


async def capacity_card(visit: Visit, station_id: str) -> Card:
    """Return what a station and its EVSEs may draw."""
    request = ListChargingCapacitiesRequest(station_id=station_id, page_size=PAGE_SIZE)
    found = (await visit.citrine.smart_charging.ListChargingCapacities(request)).capacities
    buttons = []
    if visit.may("SetChargingCapacity"):
        buttons = [Button(f"/smart-charging/set?station={segment(station_id)}", _("Set a capacity"))]
    hint = _("What the station may draw is shared among its transactions by charging profiles.")
    return Card(_("Capacity"), _capacity_table(visit, found, of_station=True), buttons, hint=hint)


def _capacity_table(visit: Visit, found: Sequence[ChargingCapacity], *, of_station: bool = False) -> Markup:
    heads = [_("Station"), _("Of what"), Figure(_("Current, each phase")), Figure(_("Power")), _("Set"), ""]
    rows = [_capacity_row(visit, one) for one in found]
    if of_station:
        heads, rows = heads[1:], [row[1:] for row in rows]
    return table(visit.zone, _("Capacities"), heads, rows, empty=_("None is set: nothing is shared out."))


def _capacity_row(visit: Visit, one: ChargingCapacity) -> Sequence[object]:
    query = f"station={segment(one.station_id)}&evse_id={one.evse_id}"
    values = "".join(
        f"&{name}={plain(getattr(one, field))}"
        for name, field in (("current", "max_current_a"), ("power", "max_power_w"))
        if one.HasField(field)  # type: ignore[arg-type]
    )
    return [
        station_link(one.station_id, "charging"),
        evse_words(one.evse_id),
        _current(one.max_current_a) if one.HasField("max_current_a") else "",
        power(one.max_power_w) if one.HasField("max_power_w") else "",
        Ago(one.update_time),
        [
            Button(f"/smart-charging/set?{query}{values}", _("Change")) if visit.may("SetChargingCapacity") else "",
            Button(f"/smart-charging/delete?{query}", _("Remove")) if visit.may("DeleteChargingCapacity") else "",
        ],
    ]


def plan_card(visit: Visit, plan: ChargingPlan) -> Card:
    """Return who is given how much of what a station may draw."""
    limit = plan.max_current_a if plan.HasField("max_current_a") else 0.0
    pairs = [
        (_("State"), enum_word(plan, "state")),
        (_("May draw"), _current(limit) if limit else ""),
        (_("May draw at most"), power(plan.max_power_w) if plan.HasField("max_power_w") else ""),
        (_("Is given"), [_current(plan.given_a), _meter(plan.given_a, limit)] if plan.HasField("given_a") else ""),
        (_("Made because of"), plan.cause_text or str(enum_word(plan, "cause"))),
        (_("Changed"), Ago(plan.update_time)),
    ]
    heads = [
        *(_("EVSE"), _("Transaction"), _("Share"), Figure(_("Given")), Figure(_("Planned")), Figure(_("On its way"))),
        *(_("Since"), _("Why no more")),
    ]
    rows = [_share_row(plan.station_id, one, limit) for one in plan.shares]
    note = _("More is given than there is, or may be.") if plan.at_risk else ""
    shares = table(visit.zone, _("Shares"), heads, rows, empty=_("Nobody charges."))
    return Card(_("Plan"), facts(visit.zone, pairs) + shares, note=note)


def _share_row(station_id: str, one: ChargingShare, limit: float) -> Sequence[object]:
    return [
        evse_words(one.evse_id) if one.evse_id else _("each EVSE that begins"),
        transaction_link(station_id, one.transaction_id),
        _meter(one.given_a, limit) if one.HasField("given_a") else _("not limited"),
        _current(one.given_a) if one.HasField("given_a") else "",
        _current(one.planned_a),
        _current(one.pending_a) if one.HasField("pending_a") else "",
        Ago(one.since),
        one.reason,
    ]


def _meter(value: float, limit: float) -> Markup:
    """Return a part of a whole as a bar."""
    if not limit:
        return Markup()
    said = _("{given} of {limit}").format(given=_current(value), limit=_current(limit))
    return Markup('<meter min="0" max="{}" value="{}" aria-label="{}" title="{}"></meter>').format(
        limit, min(value, limit), said, said
    )


async def _capacities(visit: Visit) -> Mapping[str, object]:
    answer = await visit.citrine.smart_charging.ListChargingCapacities(
        ListChargingCapacitiesRequest(
            page_size=PAGE_SIZE,
            page_token=visit.query["page"],
            station_id=visit.query["station"],
            stations=selector_of(visit),
        )
    )
    buttons = [Button("/smart-charging/set", _("Set a capacity"))] if visit.may("SetChargingCapacity") else []
    return {
        "cards": [
            Card(
                _("Capacities"),
                _capacity_table(visit, answer.capacities),
                buttons,
                pages=paging(visit, answer.next_page_token),
            )
        ]
    }


async def _plans(visit: Visit) -> Mapping[str, object]:
    request = ListChargingPlansRequest(page_size=PAGE_SIZE, page_token=visit.query["plans-page"])
    answer = await visit.citrine.smart_charging.ListChargingPlans(request)
    heads = [
        *(_("Station"), _("State"), _("Given of what there is"), Figure(_("Given")), Figure(_("May draw"))),
        *(Figure(_("Transactions")), Figure(_("Wait")), _("Because of"), _("Changed")),
    ]
    rows = [_plan_row(one) for one in answer.plans]
    return {"cards": [list_card(visit, _("Plans"), heads, rows, answer.next_page_token, name="plans")]}


def _plan_row(one: ChargingPlan) -> Sequence[object]:
    limit = one.max_current_a if one.HasField("max_current_a") else 0.0
    shares = [share for share in one.shares if share.transaction_id]
    return [
        station_link(one.station_id, "charging"),
        [enum_word(one, "state"), badge(_("too much is given"), "bad") if one.at_risk else ""],
        _meter(one.given_a, limit) if one.HasField("given_a") else NOTHING,
        _current(one.given_a) if one.HasField("given_a") else _("not limited"),
        _current(limit) if limit else power(one.max_power_w) if one.HasField("max_power_w") else "",
        len(shares),
        sum(not share.planned_a for share in shares),
        str(enum_word(one, "cause")),
        Ago(one.update_time),
    ]


def _filters() -> Sequence[Filter]:
    return [Filter("station", _("Station")), *place_filters()]


async def _set_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("station", _("Station"), required=True),
        Field("evse_id", _("EVSE"), "number", "0", hint=_("0: the whole station"), attributes={"min": "0"}),
        Field("current", _("At most on each phase, in A"), "decimal"),
        Field("power", _("At most, in W"), "decimal", hint=_("one of both, or both")),
    ]


async def _set(visit: Visit, values: Values) -> Done:
    current, watts = values.decimal("current"), values.decimal("power")
    if current is None and watts is None:
        raise Wrong("current", _("Enter a current or a power."))
    capacity = ChargingCapacity(
        station_id=values["station"],
        evse_id=values.number("evse_id", 0),
        max_current_a=current,
        max_power_w=watts,
    )
    await visit.citrine.smart_charging.SetChargingCapacity(SetChargingCapacityRequest(capacity=capacity))
    return Done(_("The capacity is set; shares follow."))


async def _delete_fields(visit: Visit) -> Sequence[Field]:
    return [Field("station", _("Station"), required=True), Field("evse_id", _("EVSE"), "number", "0")]


async def _delete(visit: Visit, values: Values) -> Done:
    await visit.citrine.smart_charging.DeleteChargingCapacity(
        DeleteChargingCapacityRequest(station_id=values["station"], evse_id=values.number("evse_id", 0))
    )
    return Done(_("The capacity is removed."))


_DIALOGS = [
    FormDialog(
        path="/smart-charging/set",
        title=lambda visit: _("What a station may draw"),
        words=lambda visit: _("Transactions get their shares of it by charging profiles from now on."),
        fields=_set_fields,
        act=_set,
        needs=("SetChargingCapacity",),
        submit=lambda visit: _("Set"),
    ),
    FormDialog(
        path="/smart-charging/delete",
        title=lambda visit: _("Remove a capacity"),
        words=lambda visit: _("Nothing limits the station here any more: profiles that gave shares are cleared."),
        fields=_delete_fields,
        act=_delete,
        needs=("DeleteChargingCapacity",),
        submit=lambda visit: _("Remove"),
        hurts=True,
    ),
]

PAGES: list[Page] = [
    Page(
        path="/smart-charging",
        title=lambda visit: _("Smart charging"),
        template="parts/page.html",
        section="smart-charging",
        needs=("ListChargingCapacities",),
        regions=[
            filters_region(_filters),
            Region(
                "plans",
                "parts/cards.html",
                _plans,
                kinds=("charging_plan_changed",),
                needs=("ListChargingPlans",),
                every=60,
            ),
            Region(
                "capacities",
                "parts/cards.html",
                _capacities,
                kinds=("charging_plan_changed",),
                is_main=True,
                every=60,
            ),
        ],
    )
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
