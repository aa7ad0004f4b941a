"""What is done about variables of many stations: one is set, and all are reported."""

from collections.abc import Sequence

from citrine.api.v1 import provisioning_pb2 as api
from citrine.api.v1.stations_pb2 import Station
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine_console.forms import Field, Values
from citrine_console.pages.actions.station_action import StationAction, ocpp, place, place_field
from citrine_console.texts import _, noop
from citrine_console.visits import Visit

__all__ = ["ACTIONS"]


async def _set_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    attributes = [(one, one) for one in ("Actual", "Target", "MinSet", "MaxSet")]
    return [
        Field("component", _("Component"), required=True, attributes={"maxlength": "50"}),
        Field("instance", _("Its instance"), hint=_("optional"), attributes={"maxlength": "50"}),
        place_field(station, connectors=True),
        Field("variable", _("Variable"), required=True, attributes={"maxlength": "50"}),
        Field("variable_instance", _("Its instance"), hint=_("optional"), attributes={"maxlength": "50"}),
        Field("attribute", _("Attribute"), "select", choices=attributes),
        Field("value", _("Value"), attributes={"maxlength": "2500"}),
    ]


def _set(values: Values) -> api.SetVariablesRequest:
    evse, connector = place(values)
    component = {
        "name": values["component"],
        "instance": values["instance"] or None,
        "evse": {"id": evse, "connectorId": connector} if evse is not None else None,
    }
    data = {
        "component": component,
        "variable": {"name": values["variable"], "instance": values["variable_instance"] or None},
        "attributeType": values["attribute"] or "Actual",
        "attributeValue": values["value"],
    }
    return api.SetVariablesRequest(request=ocpp(provisioning.SetVariablesRequest, {"setVariableData": [data]}))


async def _report_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    bases = [
        ("FullInventory", _("All variables")),
        ("ConfigurationInventory", _("Those that can be set")),
        ("SummaryInventory", _("A summary")),
    ]
    return [Field("report_base", _("What is reported"), "select", choices=bases)]


def _report(values: Values) -> api.GetBaseReportRequest:
    payload = {"requestId": 0, "reportBase": values["report_base"] or "FullInventory"}
    return api.GetBaseReportRequest(request=ocpp(provisioning.GetBaseReportRequest, payload))


ACTIONS = [
    StationAction(
        "set-variable",
        noop("Set a variable"),
        noop("Set a variable of {station}"),
        "SetVariables",
        "provisioning",
        _set,
        _set_fields,
        words=noop("Some variables change what drivers can do, or have the station lose its connection."),
        hurts=True,
        operation="set_variables",
        many=noop("Set a variable of {stations}"),
        is_for_one=False,
    ),
    StationAction(
        "base-report",
        noop("Report variables"),
        noop("Have {station} report its variables"),
        "GetBaseReport",
        "provisioning",
        _report,
        _report_fields,
        operation="get_base_report",
        many=noop("Have {stations} report their variables"),
        is_for_one=False,
    ),
]
