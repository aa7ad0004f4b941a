"""Alerts of all stations: what their monitors say is wrong, until it is right again or somebody acknowledges it."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from markupsafe import Markup

from citrine.api.v1.diagnostics_pb2 import AcknowledgeAlertRequest, Alert, ListAlertsRequest
from citrine_console.cells import Ago, Button, Card, Code, Figure, badge, muted, station_link, table, two_lines
from citrine_console.filter_forms import Filter, place_filters
from citrine_console.filters import selector_of
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.lists import list_page
from citrine_console.live import Page
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.variable_names import write_name

__all__ = ["ACTIONS", "ALERT_EVENTS", "PAGES", "alert_table"]

PAGE_SIZE = 50

ALERT_EVENTS = ("alert_changed", "station_events_received")

GRAVE = 4
"""Severities up to this one are errors, beyond it they are warnings and less."""


def alert_table(visit: Visit, alerts: Sequence[Alert], *, of_station: bool = False) -> Markup:
    """Return a table of alerts; of one station without its name."""
    heads = [_("What"), _("Station"), _("Value"), Figure(_("Severity")), _("Reported"), _("Acknowledged"), ""]
    rows = [_row(visit, one) for one in alerts]
    if of_station:
        heads, rows = [heads[0], *heads[2:]], [[row[0], *row[2:]] for row in rows]
    return table(visit.zone, _("Alerts"), heads, rows, empty=_("There are none."))


def _row(visit: Visit, one: Alert) -> Sequence[object]:
    event = one.event
    said = " ".join(filter(None, (event.tech_code, event.tech_info)))
    what = two_lines(Code(write_name(event.component, event.variable)), said or enum_word(event, "trigger"), visit.zone)
    acknowledged: object = badge(_("open"), "bad") if not one.HasField("acknowledge_time") else ""
    if one.HasField("acknowledge_time"):
        acknowledged = [one.acknowledged_by, muted(one.acknowledge_note), Ago(one.acknowledge_time)]
    query = {"station": one.station_id, "component": event.component.name, "variable": event.variable.name}
    if event.HasField("variable_monitoring_id"):
        query["monitor"] = str(event.variable_monitoring_id)
    may = visit.may("AcknowledgeAlert") and not one.HasField("acknowledge_time")
    return [
        what,
        station_link(one.station_id, "monitors"),
        Code(event.actual_value),
        _severity(event.severity) if event.HasField("severity") else "",
        Ago(event.timestamp),
        acknowledged,
        [Button(f"/alerts/acknowledge?{urlencode(query)}", _("Acknowledge")) if may else ""],
    ]


def _severity(number: int) -> object:
    return badge(str(number), "bad") if number <= GRAVE else str(number)


def _filters() -> Sequence[Filter]:
    return [
        Filter("acknowledged", _("State"), [("no", _("Open")), ("yes", _("Acknowledged"))]),
        Filter("station", _("Station")),
        Filter("component", _("Component")),
        Filter("variable", _("Variable")),
        *place_filters(),
    ]


async def _alerts(visit: Visit) -> Mapping[str, object]:
    query = visit.query
    request = ListAlertsRequest(
        page_size=PAGE_SIZE,
        page_token=query["page"],
        station_id=query["station"],
        component=query["component"],
        variable=query["variable"],
        stations=selector_of(visit),
    )
    if query["acknowledged"]:
        request.acknowledged = query["acknowledged"] == "yes"
    answer = await visit.citrine.diagnostics.ListAlerts(request)
    return {
        "cards": [
            Card(_("Alerts"), alert_table(visit, answer.alerts), pages=paging(visit, answer.next_page_token)),
        ]
    }


async def _acknowledge_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("station", _("Station"), "hidden"),
        Field("component", _("Component"), "hidden"),
        Field("variable", _("Variable"), "hidden"),
        Field("monitor", _("Monitor"), "hidden"),
        Field("note", _("Note"), hint=_("for your colleagues"), attributes={"maxlength": "255"}),
    ]


async def _acknowledge(visit: Visit, values: Values) -> Done:
    request = AcknowledgeAlertRequest(
        station_id=values["station"], component=values["component"], variable=values["variable"], note=values["note"]
    )
    if values["monitor"]:
        request.monitor_id = values.number("monitor")
    await visit.citrine.diagnostics.AcknowledgeAlert(request)
    return Done(_("Acknowledged."))


_DIALOGS = [
    FormDialog(
        path="/alerts/acknowledge",
        title=lambda visit: _("Acknowledge an alert"),
        words=lambda visit: _("It counts as seen until the station reports it again. Nothing is sent to the station."),
        fields=_acknowledge_fields,
        act=_acknowledge,
        needs=("AcknowledgeAlert",),
        submit=lambda visit: _("Acknowledge"),
    )
]

PAGES: list[Page] = [
    list_page("/alerts", lambda visit: _("Alerts"), "ListAlerts", _alerts, filters=_filters, kinds=ALERT_EVENTS),
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
