"""What is done with tariffs beside editing them: where they apply, their end, and which costs stations are sent."""

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.tariffs_pb2 import (
    PRICE_MESSAGES_UNSPECIFIED,
    RUNNING_COST_UNSPECIFIED,
    AssignTariffRequest,
    CostSettings,
    DeleteTariffRequest,
    GetCostSettingsRequest,
    PriceMessages,
    RunningCost,
    TariffAssignment,
    UnassignTariffRequest,
    UpdateCostSettingsRequest,
)
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.durations import duration_text
from citrine_words.enums import words_of
from citrine_words.errors import WrongText
from citrine_words.values import parse_duration

__all__ = ["DIALOGS"]

_RUNNING = words_of(RunningCost.items(), "RUNNING_COST_")
_MESSAGES = words_of(PriceMessages.items(), "PRICE_MESSAGES_")


async def _assign_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("location_id", _("Location"), hint=_("empty: anywhere")),
        Field("station_group", _("Group of stations"), hint=_("empty: any")),
        Field("station_labels", _("Labels of stations"), hint=_("as row=quay, owner=city")),
        Field("station_id", _("Station"), hint=_("instead of the three above; empty: all")),
        Field("evse_id", _("EVSE of the station"), "number", hint=_("empty: all"), attributes={"min": "1"}),
        Field("group_id", _("Group of tokens"), hint=_("empty: all drivers")),
        Field("id_token", _("Token"), hint=_("empty: all drivers, or all of the group")),
        Field("type", _("Type of the token"), hint=_("empty: any")),
        Field("valid_from", _("From"), "datetime", hint=_("empty: from now on; in {zone}").format(zone=visit.zone.key)),
        Field("valid_to", _("Until"), "datetime", hint=_("empty: without end")),
    ]


async def _assign(visit: Visit, values: Values) -> Done:
    assignment = TariffAssignment(
        tariff_id=visit["tariff_id"],
        location_id=values["location_id"],
        station_group=values["station_group"],
        station_id=values["station_id"],
        evse_id=values.number("evse_id", 0),
        group_id=values["group_id"],
        id_token=IdToken(id_token=values["id_token"], type=values["type"]) if values["id_token"] else None,
        valid_from=values.time("valid_from"),
        valid_to=values.time("valid_to"),
    )
    for part in filter(None, (one.strip() for one in values["station_labels"].split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise Wrong("station_labels", _("Each label is a name, =, and a value."))
        assignment.station_labels[key.strip()] = value.strip()
    await visit.citrine.tariffs.AssignTariff(AssignTariffRequest(assignment=assignment))
    return Done(_("The tariff applies there."))


async def _unassign_fields(visit: Visit) -> Sequence[Field]:
    return [Field("valid_to", _("When"), "datetime", hint=_("empty: now; in {zone}").format(zone=visit.zone.key))]


async def _unassign(visit: Visit, values: Values) -> Done:
    request = UnassignTariffRequest(assignment_id=visit["assignment_id"], valid_to=values.time("valid_to"))
    await visit.citrine.tariffs.UnassignTariff(request)
    return Done(_("The assignment ends."))


async def _delete(visit: Visit, values: Values) -> Done:
    await visit.citrine.tariffs.DeleteTariff(DeleteTariffRequest(tariff_id=visit["tariff_id"]))
    return Done(goto="/tariffs")


async def _settings_fields(visit: Visit) -> Sequence[Field]:
    settings = await visit.citrine.tariffs.GetCostSettings(GetCostSettingsRequest())
    seconds = settings.running_cost_interval.ToTimedelta().total_seconds()
    return [
        Field("etag", "", "hidden", settings.etag),
        Field(
            "running_cost",
            _("Cost so far, to stations"),
            "select",
            next((word for word, number in _RUNNING.items() if number == settings.running_cost), ""),
            choices=[
                ("answer", _("in answers to their transaction events")),
                ("cost-updated", _("by CostUpdated, at the interval")),
                ("both", _("both")),
                ("none", _("not at all")),
            ],
        ),
        Field("running_cost_interval", _("Interval"), value=duration_text(seconds), hint=_("from 10s to 1d")),
        Field(
            "price_messages",
            _("Tariff as a message to the driver"),
            "select",
            next((word for word, number in _MESSAGES.items() if number == settings.price_messages), ""),
            choices=[
                ("supported", _("to stations that say they can show it")),
                ("always", _("to all stations")),
                ("never", _("to none")),
            ],
        ),
    ]


async def _set_settings(visit: Visit, values: Values) -> Done:
    try:
        interval = parse_duration("running_cost_interval", values["running_cost_interval"] or "1m")
    except WrongText as error:
        raise Wrong("running_cost_interval", str(error)) from None
    settings = CostSettings(
        etag=values["etag"],
        running_cost=_RUNNING.get(values["running_cost"], RUNNING_COST_UNSPECIFIED),
        running_cost_interval=interval,
        price_messages=_MESSAGES.get(values["price_messages"], PRICE_MESSAGES_UNSPECIFIED),
    )
    mask = FieldMask(paths=["running_cost", "running_cost_interval", "price_messages"])
    await visit.citrine.tariffs.UpdateCostSettings(UpdateCostSettingsRequest(settings=settings, update_mask=mask))
    return Done(_("The settings are changed."))


DIALOGS = [
    FormDialog(
        path="/tariffs/settings",
        title=lambda visit: _("Prices and costs that stations are sent"),
        fields=_settings_fields,
        act=_set_settings,
        needs=("GetCostSettings", "UpdateCostSettings"),
        words=lambda visit: _("That holds for transactions under way, too."),
        submit=lambda visit: _("Save"),
    ),
    FormDialog(
        path="/tariffs/{tariff_id}/assign",
        title=lambda visit: _("Where {tariff} applies").format(tariff=visit["tariff_id"]),
        fields=_assign_fields,
        act=_assign,
        needs=("AssignTariff",),
        words=lambda visit: _(
            "It applies to transactions that begin from then on. Of several that fit, one for a token goes before one "
            "for a group, and one for a station before one for a location."
        ),
        submit=lambda visit: _("Assign"),
    ),
    FormDialog(
        path="/tariffs/{tariff_id}/assignments/{assignment_id}/end",
        title=lambda visit: _("End an assignment of {tariff}").format(tariff=visit["tariff_id"]),
        fields=_unassign_fields,
        act=_unassign,
        needs=("UnassignTariff",),
        words=lambda visit: _(
            "Transactions that begin later have another tariff, or none, and cost nothing. Those under way keep it."
        ),
        submit=lambda visit: _("End it"),
        hurts=True,
    ),
    FormDialog(
        path="/tariffs/{tariff_id}/delete",
        title=lambda visit: _("Delete {tariff}").format(tariff=visit["tariff_id"]),
        act=_delete,
        needs=("DeleteTariff",),
        words=lambda visit: _(
            "That works once it is assigned nowhere. Transactions keep the versions that they began under."
        ),
        submit=lambda visit: _("Delete"),
        hurts=True,
    ),
]
