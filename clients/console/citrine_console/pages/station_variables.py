"""The variables of a station: search, reading anew, and setting, with the station's own answer."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2 import (
    GetBaseReportRequest,
    GetVariablesRequest,
    ListVariablesRequest,
    SetVariablesRequest,
    Variable,
)
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_console.cells import Ago, Button, Code, muted, segment
from citrine_console.filter_forms import Filter, enum_choices, enum_number, filters_region
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.station_tabs import tab_page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_sdk import pages
from citrine_words.errors import WrongText
from citrine_words.variable_names import VariableName, parse_name, write_name

__all__ = ["ACTIONS", "PAGES"]

MOST_SEARCHED = 10_000
"""Variables of one station that a search looks at."""

MOST_FOUND = 200
"""Of these, those that it shows."""


def _filters() -> Sequence[Filter]:
    return [
        Filter("search", _("Name has"), placeholder=_("Heartbeat, EVSE@1 …")),
        Filter("component", _("Component"), placeholder="OCPPCommCtrlr"),
    ]


async def _variables(visit: Visit) -> Mapping[str, object]:
    request = ListVariablesRequest(
        station_id=visit["station_id"],
        component=visit.query["component"],
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
    )
    if visit.query["search"]:
        found, is_cut = await _search(visit, request)
        token = ""
    else:
        is_cut = False
        answer = await visit.citrine.provisioning.ListVariables(request)
        found, token = [*answer.variables], answer.next_page_token
    heads = [_("Variable"), _("Value"), _("Kind"), _("Mutability"), _("Updated"), ""]
    empty = _("No variable is like this.") if visit.query else _("None are known. Ask the station for a report.")
    base = f"/stations/{segment(visit['station_id'])}/variables"
    buttons = [
        Button(f"{base}/report", _("Base report")) if visit.may("GetBaseReport") else None,
        Button(f"{base}/set", _("Set another")) if visit.may("SetVariables") else None,
    ]
    rows = [_row(visit, one) for one in found]
    card = list_card(
        visit,
        _("Variables"),
        heads,
        rows,
        token,
        buttons=[button for button in buttons if button],
        hint=_("There may be more: search for more of the name.") if is_cut else "",
        empty=empty,
    )
    return {"cards": [card]}


async def _search(visit: Visit, request: ListVariablesRequest) -> tuple[list[Variable], bool]:
    """Return what is found, and whether not all was looked at."""
    request.page_size, request.page_token = 1000, ""
    wanted = visit.query["search"].lower()
    found: list[Variable] = []
    seen = 0
    async for page in pages(visit.citrine.provisioning.ListVariables, request):
        found += [one for one in page.variables if wanted in _name(one).lower()]
        seen += len(page.variables)
        if page.next_page_token and (len(found) >= MOST_FOUND or seen >= MOST_SEARCHED):
            return found[:MOST_FOUND], True
    return found[:MOST_FOUND], len(found) > MOST_FOUND


def _name(one: Variable) -> str:
    return write_name(one.component, one.variable, one.attribute)


def _row(visit: Visit, one: Variable) -> Sequence[object]:
    base = f"/stations/{segment(visit['station_id'])}/variables"
    kind = enum_word(one.characteristics, "data_type")
    values = one.characteristics.values_list.replace(",", ", ")
    mutability = str(enum_word(one, "mutability"))
    query = urlencode({"name": _name(one), "value": one.value})
    settable = visit.may("SetVariables") and mutability != "ReadOnly"
    readable = visit.may("GetVariables") and mutability != "WriteOnly"
    return [
        Code(_name(one)),
        Code(one.value) if one.HasField("value") else "",
        [", ".join(filter(None, (str(kind), one.characteristics.unit))), muted(values[:80])],
        mutability,
        Ago(one.update_time),
        [
            Button(f"{base}/set?{query}", _("Set")) if settable else "",
            Button(f"{base}/get?{urlencode({'name': _name(one)})}", _("Get")) if readable else "",
        ],
    ]


def _parsed(values: Values) -> VariableName:
    try:
        return parse_name(values["name"])
    except WrongText as error:
        raise Wrong("name", str(error)) from None


def _target(visit: Visit) -> CommandTarget:
    return CommandTarget(station_id=visit["station_id"])


async def _set_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("name", _("Variable"), required=True, hint="Component@EVSE.Variable:Attribute"),
        Field("value", _("Value"), attributes={"maxlength": "2500", "autocomplete": "off"}),
    ]


async def _set(visit: Visit, values: Values) -> Done:
    component, variable, attribute = _parsed(values)
    data = ocpp.SetVariableData(
        component=component, variable=variable, attribute_type=attribute, attribute_value=values["value"]
    )
    answer = await visit.citrine.provisioning.SetVariables(
        SetVariablesRequest(target=_target(visit), request=ocpp.SetVariablesRequest(set_variable_data=[data]))
    )
    states = [enum_word(one, "attribute_status") for one in answer.response.set_variable_result]
    return Done.answered(answer.response, states[0] if states else "")


async def _get_fields(visit: Visit) -> Sequence[Field]:
    return [Field("name", _("Variable"), required=True, hint="Component@EVSE.Variable:Attribute")]


async def _get(visit: Visit, values: Values) -> Done:
    component, variable, attribute = _parsed(values)
    data = ocpp.GetVariableData(component=component, variable=variable, attribute_type=attribute)
    answer = await visit.citrine.provisioning.GetVariables(
        GetVariablesRequest(target=_target(visit), request=ocpp.GetVariablesRequest(get_variable_data=[data]))
    )
    states = [enum_word(one, "attribute_status") for one in answer.response.get_variable_result]
    return Done.answered(answer.response, states[0] if states else "")


async def _report_fields(visit: Visit) -> Sequence[Field]:
    choices = enum_choices(ocpp.GetBaseReportRequest, "report_base")
    return [Field("report_base", _("Which"), "select", choices=choices, value="FullInventory")]


async def _report(visit: Visit, values: Values) -> Done:
    request = ocpp.GetBaseReportRequest(
        report_base=enum_number(ocpp.GetBaseReportRequest, "report_base", values["report_base"])
    )
    answer = await visit.citrine.provisioning.GetBaseReport(
        GetBaseReportRequest(target=_target(visit), request=request)
    )
    return Done.answered(answer.response)


_DIALOGS = [
    FormDialog(
        path="/stations/{station_id}/variables/set",
        title=lambda visit: _("Set a variable of {station}").format(station=visit["station_id"]),
        fields=_set_fields,
        act=_set,
        needs=("SetVariables",),
        submit=lambda visit: _("Set"),
    ),
    FormDialog(
        path="/stations/{station_id}/variables/get",
        title=lambda visit: _("Ask {station} for a variable").format(station=visit["station_id"]),
        fields=_get_fields,
        act=_get,
        needs=("GetVariables",),
        submit=lambda visit: _("Ask"),
    ),
    FormDialog(
        path="/stations/{station_id}/variables/report",
        title=lambda visit: _("Ask {station} for its variables").format(station=visit["station_id"]),
        words=lambda visit: _("The station sends a report in parts; variables show up here as they arrive."),
        fields=_report_fields,
        act=_report,
        needs=("GetBaseReport",),
        submit=lambda visit: _("Ask"),
    ),
]

PAGES: list[Page] = [
    tab_page(
        "variables",
        [
            filters_region(_filters),
            Region(
                "variables",
                "parts/cards.html",
                _variables,
                kinds=("command_finished", "report_finished", "provisioning_changed", "station_booted"),
                concerns=of_station,
                every=60,
            ),
        ],
    )
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
