"""The configuration of a station: what it should be set to, where it differs, and how far setting it is."""

from collections.abc import Mapping, Sequence

import grpc

from citrine.api.v1.configurations_pb2 import (
    ApplyConfigurationRequest,
    GetDriftReportRequest,
    GetProvisioningRequest,
)
from citrine_console.cells import Button, Card, Code, facts, link, segment, table
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.station_tabs import STATION_EVENTS, tab_page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.variable_names import write_name

__all__ = ["ACTIONS", "PAGES"]

_NONE = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)


async def _drift(visit: Visit) -> Mapping[str, object]:
    try:
        report = await visit.citrine.configurations.GetDriftReport(
            GetDriftReportRequest(station_id=visit["station_id"])
        )
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
            raise
        body = table(visit.zone, "", [""], [], empty=_("No configuration applies to it."))
        return {"cards": [Card(_("Drift"), body)]}
    heads = [_("Variable"), _("Wanted"), _("Actual"), _("How it is"), _("Problem")]
    entries = sorted(report.entries, key=lambda one: enum_word(one, "kind") == "matches")
    rows = [
        [
            Code(write_name(one.component, one.variable, one.attribute)),
            Code(one.wanted),
            Code(one.actual) if one.HasField("actual") else "",
            enum_word(one, "kind"),
            one.problem,
        ]
        for one in entries
    ]
    buttons = []
    if visit.may("ApplyConfiguration"):
        path = f"/stations/{segment(visit['station_id'])}/configuration/apply"
        buttons = [Button(path, _("Apply"))]
    name = link(f"/configurations/{segment(report.configuration_id)}", report.configuration_id)
    drifted = sum(enum_word(one, "kind") != "matches" for one in entries)
    pairs = [(_("Configuration"), name), (_("Variables"), len(entries)), (_("That differ"), str(drifted))]
    note = _("It differs from its configuration.") if report.drifted else ""
    body = facts(visit.zone, pairs) + table(visit.zone, _("Drift"), heads, rows)
    return {"cards": [Card(_("Drift"), body, buttons, note=note)]}


async def _provisioning(visit: Visit) -> Mapping[str, object]:
    try:
        one = await visit.citrine.configurations.GetProvisioning(GetProvisioningRequest(station_id=visit["station_id"]))
    except grpc.aio.AioRpcError as error:
        if error.code() not in _NONE:
            raise
        return {"cards": []}
    pairs = [
        (_("State"), enum_word(one, "state")),
        (_("Problem"), one.problem),
        (_("Begun"), one.start_time),
        (_("Next step"), one.next_time if one.HasField("next_time") else ""),
        (_("Finished"), one.finish_time if one.HasField("finish_time") else ""),
    ]
    heads = [_("Variable"), _("Value"), _("Status"), _("Problem")]
    rows = [
        [
            Code(write_name(result.component, result.variable, result.attribute)),
            Code(result.value),
            enum_word(result, "status"),
            result.problem,
        ]
        for result in one.results
    ]
    body = facts(visit.zone, pairs) + table(visit.zone, _("What it answered"), heads, rows)
    return {"cards": [Card(_("Provisioning"), body)]}


async def _apply_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("may_reset", _("Reset it where variables count after a reboot only"), "checkbox"),
        Field("everything", _("Set what is right already, too"), "checkbox"),
    ]


async def _apply(visit: Visit, values: Values) -> Done:
    await visit.citrine.configurations.ApplyConfiguration(
        ApplyConfigurationRequest(
            station_id=visit["station_id"],
            may_reset=values.checked("may_reset"),
            everything=values.checked("everything"),
        )
    )
    return Done(_("It is applied."))


_DIALOGS = [
    FormDialog(
        path="/stations/{station_id}/configuration/apply",
        title=lambda visit: _("Apply the configuration to {station}").format(station=visit["station_id"]),
        words=lambda visit: _("The station sets what differs, at once or when it is back."),
        fields=_apply_fields,
        act=_apply,
        needs=("ApplyConfiguration",),
        submit=lambda visit: _("Apply"),
    )
]

_CHANGES = ("provisioning_changed", "report_finished", "command_finished", *STATION_EVENTS)

PAGES: list[Page] = [
    tab_page(
        "configuration",
        [
            Region("drift", "parts/cards.html", _drift, kinds=_CHANGES, concerns=of_station, every=60),
            Region(
                "provisioning",
                "parts/cards.html",
                _provisioning,
                kinds=("provisioning_changed",),
                concerns=of_station,
                needs=("GetProvisioning",),
            ),
        ],
    )
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
