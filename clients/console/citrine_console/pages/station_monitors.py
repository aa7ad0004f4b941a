"""The monitors of a station, the alerts that they raise, and what else it reported of itself."""

from collections.abc import Mapping, Sequence

import grpc

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.diagnostics_pb2 import (
    ClearVariableMonitoringRequest,
    GetMonitoringReportRequest,
    GetMonitoringRequest,
    ListAlertsRequest,
    ListMonitorsRequest,
    ListStationEventsRequest,
    Monitor,
    SetMonitoringBaseRequest,
    SetMonitoringLevelRequest,
    SetVariableMonitoringRequest,
    StationEvent,
)
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine_console.cells import Ago, Button, Card, Code, Figure, segment
from citrine_console.filter_forms import enum_choices, enum_number
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.alerts import ALERT_EVENTS, alert_table
from citrine_console.pages.station_tabs import tab_page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.errors import WrongText
from citrine_words.variable_names import parse_name, write_name
from citrine_words.words import plain

__all__ = ["ACTIONS", "PAGES"]

MOST_ALERTS = 100


async def _alerts(visit: Visit) -> Mapping[str, object]:
    request = ListAlertsRequest(station_id=visit["station_id"], page_size=MOST_ALERTS)
    answer = await visit.citrine.diagnostics.ListAlerts(request)
    every = f"/alerts?station={segment(visit['station_id'])}"
    buttons = [Button(every, _("All"), is_page=True)] if answer.next_page_token else []
    return {"cards": [Card(_("Alerts"), alert_table(visit, answer.alerts, of_station=True), buttons)]}


async def _monitors(visit: Visit) -> Mapping[str, object]:
    request = ListMonitorsRequest(station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["page"])
    answer = await visit.citrine.diagnostics.ListMonitors(request)
    base = f"/stations/{segment(visit['station_id'])}/monitors"
    buttons = [
        Button(f"{base}/{part}", text)
        for part, text, rpc in (
            ("set", _("Set a monitor"), "SetVariableMonitoring"),
            ("report", _("Ask for all"), "GetMonitoringReport"),
            ("base", _("Base"), "SetMonitoringBase"),
            ("level", _("Level"), "SetMonitoringLevel"),
        )
        if visit.may(rpc)
    ]
    heads = [_("Variable"), _("Kind"), Figure(_("Value")), Figure(_("Severity")), Figure("Id"), _("Set"), ""]
    rows = [_monitor_row(visit, one) for one in answer.monitors]
    card = list_card(
        visit,
        _("Monitors"),
        heads,
        rows,
        answer.next_page_token,
        buttons=buttons,
        hint=await _level(visit),
        empty=_("None are known."),
    )
    return {"cards": [card]}


def _monitor_row(visit: Visit, one: Monitor) -> Sequence[object]:
    monitoring = one.monitoring
    clear = f"/stations/{segment(visit['station_id'])}/monitors/clear?id={monitoring.id}"
    return [
        Code(write_name(one.component, one.variable)),
        str(enum_word(monitoring, "type")),
        plain(monitoring.value),
        monitoring.severity,
        str(monitoring.id),
        Ago(one.set_time) if one.HasField("set_time") else "",
        [Button(clear, _("Clear")) if visit.may("ClearVariableMonitoring") else ""],
    ]


async def _level(visit: Visit) -> str:
    if not visit.may("GetMonitoring"):
        return ""
    try:
        found = await visit.citrine.diagnostics.GetMonitoring(GetMonitoringRequest(station_id=visit["station_id"]))
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return ""
    base = _("Base: {base}.").format(base=enum_word(found, "base")) if found.HasField("base") else ""
    level = _("Severities up to {level} are reported.").format(level=found.level) if found.HasField("level") else ""
    return f"{base} {level}".strip()


async def _events(visit: Visit) -> Mapping[str, object]:
    request = ListStationEventsRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["station-events-page"]
    )
    answer = await visit.citrine.diagnostics.ListStationEvents(request)
    heads = [_("Time"), _("What"), _("Value"), _("Why"), _("Said"), _("Cleared")]
    rows = [_event_row(one) for one in answer.station_events]
    title, empty = _("What it reported"), _("It has reported nothing.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, name="station-events", empty=empty)]}


def _event_row(one: StationEvent) -> Sequence[object]:
    event = one.event
    return [
        event.timestamp,
        Code(write_name(event.component, event.variable)),
        Code(event.actual_value),
        str(enum_word(event, "trigger")),
        " ".join(filter(None, (event.tech_code, event.tech_info))),
        event.cleared if event.HasField("cleared") else "",
    ]


def _target(visit: Visit) -> CommandTarget:
    return CommandTarget(station_id=visit["station_id"])


async def _set_fields(visit: Visit) -> Sequence[Field]:
    kinds = enum_choices(ocpp.SetMonitoringData, "type")
    return [
        Field("name", _("Variable"), required=True, hint="Component@EVSE.Variable"),
        Field("type", _("Kind"), "select", choices=kinds, value="UpperThreshold"),
        Field("value", _("Value"), "decimal", required=True, hint=_("a threshold, a difference, or seconds")),
        Field("severity", _("Severity"), "number", "5", hint=_("0 is danger, 9 is debug"), attributes=_SEVERITIES),
        Field("transaction", _("Only while a transaction is under way"), "checkbox"),
        Field("id", _("Replaces the monitor"), "number", hint=_("empty: it is a new one")),
    ]


_SEVERITIES = {"min": "0", "max": "9"}


async def _set(visit: Visit, values: Values) -> Done:
    try:
        component, variable, _attribute = parse_name(values["name"])
    except WrongText as error:
        raise Wrong("name", str(error)) from None
    data = ocpp.SetMonitoringData(
        component=component,
        variable=variable,
        type=enum_number(ocpp.SetMonitoringData, "type", values["type"]),
        value=values.decimal("value") or 0.0,
        severity=values.number("severity"),
        transaction=values.checked("transaction"),
    )
    if values["id"]:
        data.id = values.number("id")
    answer = await visit.citrine.diagnostics.SetVariableMonitoring(
        SetVariableMonitoringRequest(
            target=_target(visit), request=ocpp.SetVariableMonitoringRequest(set_monitoring_data=[data])
        )
    )
    states = [enum_word(one, "status") for one in answer.response.set_monitoring_result]
    return Done.answered(answer.response, states[0] if states else "")


async def _clear_fields(visit: Visit) -> Sequence[Field]:
    return [Field("id", _("Id of the monitor"), "number", required=True)]


async def _clear(visit: Visit, values: Values) -> Done:
    answer = await visit.citrine.diagnostics.ClearVariableMonitoring(
        ClearVariableMonitoringRequest(
            target=_target(visit), request=ocpp.ClearVariableMonitoringRequest(id=[values.number("id")])
        )
    )
    states = [enum_word(one, "status") for one in answer.response.clear_monitoring_result]
    return Done.answered(answer.response, states[0] if states else "")


async def _report(visit: Visit, values: Values) -> Done:
    answer = await visit.citrine.diagnostics.GetMonitoringReport(
        GetMonitoringReportRequest(target=_target(visit), request=ocpp.GetMonitoringReportRequest())
    )
    return Done.answered(answer.response)


async def _base_fields(visit: Visit) -> Sequence[Field]:
    choices = enum_choices(ocpp.SetMonitoringBaseRequest, "monitoring_base")
    return [Field("monitoring_base", _("Base"), "select", choices=choices)]


async def _set_base(visit: Visit, values: Values) -> Done:
    number = enum_number(ocpp.SetMonitoringBaseRequest, "monitoring_base", values["monitoring_base"])
    answer = await visit.citrine.diagnostics.SetMonitoringBase(
        SetMonitoringBaseRequest(target=_target(visit), request=ocpp.SetMonitoringBaseRequest(monitoring_base=number))
    )
    return Done.answered(answer.response)


async def _level_fields(visit: Visit) -> Sequence[Field]:
    hint = _("0 is danger, 9 is debug")
    return [Field("severity", _("Up to this severity"), "number", "9", hint=hint, attributes=_SEVERITIES)]


async def _set_level(visit: Visit, values: Values) -> Done:
    request = ocpp.SetMonitoringLevelRequest(severity=values.number("severity"))
    answer = await visit.citrine.diagnostics.SetMonitoringLevel(
        SetMonitoringLevelRequest(target=_target(visit), request=request)
    )
    return Done.answered(answer.response)


_DIALOGS = [
    FormDialog(
        path="/stations/{station_id}/monitors/set",
        title=lambda visit: _("Set a monitor of {station}").format(station=visit["station_id"]),
        fields=_set_fields,
        act=_set,
        needs=("SetVariableMonitoring",),
        submit=lambda visit: _("Set"),
    ),
    FormDialog(
        path="/stations/{station_id}/monitors/clear",
        title=lambda visit: _("Clear a monitor of {station}").format(station=visit["station_id"]),
        words=lambda visit: _("The station watches this no more, and its alert goes."),
        fields=_clear_fields,
        act=_clear,
        needs=("ClearVariableMonitoring",),
        submit=lambda visit: _("Clear"),
        hurts=True,
    ),
    FormDialog(
        path="/stations/{station_id}/monitors/report",
        title=lambda visit: _("Ask {station} for its monitors").format(station=visit["station_id"]),
        words=lambda visit: _("The station sends a report in parts; monitors show up here as they arrive."),
        act=_report,
        needs=("GetMonitoringReport",),
        submit=lambda visit: _("Ask"),
    ),
    FormDialog(
        path="/stations/{station_id}/monitors/base",
        title=lambda visit: _("Monitors that {station} comes with").format(station=visit["station_id"]),
        words=lambda visit: _(
            "This activates a set of monitors. HardWiredOnly and FactoryDefault drop those set here."
        ),
        fields=_base_fields,
        act=_set_base,
        needs=("SetMonitoringBase",),
        submit=lambda visit: _("Activate"),
        hurts=True,
    ),
    FormDialog(
        path="/stations/{station_id}/monitors/level",
        title=lambda visit: _("What {station} reports").format(station=visit["station_id"]),
        fields=_level_fields,
        act=_set_level,
        needs=("SetMonitoringLevel",),
        submit=lambda visit: _("Set"),
    ),
]

PAGES: list[Page] = [
    tab_page(
        "monitors",
        [
            Region("alerts", "parts/cards.html", _alerts, kinds=ALERT_EVENTS, concerns=of_station),
            Region(
                "monitors",
                "parts/cards.html",
                _monitors,
                kinds=("command_finished", "report_finished"),
                concerns=of_station,
            ),
            Region(
                "station-events",
                "parts/cards.html",
                _events,
                kinds=("station_events_received",),
                concerns=of_station,
                needs=("ListStationEvents",),
            ),
        ],
    )
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
