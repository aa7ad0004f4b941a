"""`citrine variable`: names as people write them, what is asked, what is printed."""

from typing import Any

import pytest

from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.provisioning_pb2 import (
    GetVariablesResponse,
    ListVariablesRequest,
    ListVariablesResponse,
    SetVariablesResponse,
)
from citrine.api.v1.provisioning_pb2 import Variable as Stored
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import EVSE, Component, Variable
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

INTERVAL: dict[str, Any] = {
    "component": Component(name="OCPPCommCtrlr"),
    "variable": Variable(name="HeartbeatInterval"),
}
POWER: dict[str, Any] = {
    "component": Component(name="Connector", evse=EVSE(id=1, connector_id=2)),
    "variable": Variable(name="Power", instance="max"),
    "attribute_type": ocpp.ATTRIBUTE_ENUM_TARGET,
}


def test_variables_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    stored = Stored(
        component=POWER["component"], variable=POWER["variable"], attribute=ocpp.ATTRIBUTE_ENUM_TARGET, value="11",
        mutability=ocpp.MUTABILITY_ENUM_READ_ONLY, characteristics=ocpp.VariableCharacteristics(unit="kW"),
    )  # fmt: skip
    core.on("ListVariables", ListVariablesResponse(variables=[stored]))

    people = citrine("variable", "list", "CS-1", "--component", "Connector")
    machines = citrine("variable", "list", "CS-1", "--json")

    assert people.lines[1].split() == ["Connector@1/2.Power[max]:Target", "11", "kW", "ReadOnly"]
    assert machines.json[0]["value"] == "11"
    assert core.requests("ListVariables")[0] == ListVariablesRequest(
        station_id="CS-1", component="Connector", page_size=1000
    )


def test_variables_are_read(citrine: Cli, core: ScriptedCore) -> None:
    read = ocpp.GetVariableResult(
        attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED, attribute_value="300", **INTERVAL
    )
    unknown = ocpp.GetVariableResult(attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_UNKNOWN_VARIABLE, **POWER)
    response = ocpp.GetVariablesResponse(get_variable_result=[read, unknown])
    core.on("GetVariables", GetVariablesResponse(response=response))

    ran = citrine("variable", "get", "CS-1", "OCPPCommCtrlr.HeartbeatInterval", "Connector@1/2.Power[max]:target")

    assert [line.split() for line in ran.lines[1:]] == [
        ["OCPPCommCtrlr.HeartbeatInterval", "Accepted", "300"],
        ["Connector@1/2.Power[max]:Target", "UnknownVariable"],
    ]
    assert (ran.code, ran.err) == (1, "error: 1 of 2 variables were not read\n")
    (request,) = core.requests("GetVariables")
    assert list(request.request.get_variable_data) == [ocpp.GetVariableData(**INTERVAL), ocpp.GetVariableData(**POWER)]


def test_variables_are_set(citrine: Cli, core: ScriptedCore) -> None:
    done = ocpp.SetVariableResult(attribute_status=ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED, **INTERVAL)
    core.on("SetVariables", SetVariablesResponse(response=ocpp.SetVariablesResponse(set_variable_result=[done])))

    ran = citrine("variable", "set", "CS-1", "OCPPCommCtrlr.HeartbeatInterval=a=b", "--json")

    assert ran.code == 0
    assert ran.json["response"]["setVariableResult"][0]["component"] == {"name": "OCPPCommCtrlr"}
    (request,) = core.requests("SetVariables")
    assert list(request.request.set_variable_data) == [ocpp.SetVariableData(attribute_value="a=b", **INTERVAL)]


def test_what_waits_for_its_station_is_told(citrine: Cli, core: ScriptedCore) -> None:
    core.on("SetVariables", SetVariablesResponse(command=Command(command_id="c-1", station_id="CS-1")))

    ran = citrine("variable", "set", "CS-1", "OCPPCommCtrlr.HeartbeatInterval=60", "--when-online")

    assert ran.lines == ["command c-1 waits for CS-1"]
    assert core.requests("SetVariables")[0].target.when_online


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["get", "CS-1", "HeartbeatInterval"], "'HeartbeatInterval' names no variable"),
        (["get", "CS-1", "A.B:Odd"], "'Odd' is not an attribute"),
        (["get", "CS-1"], "Missing argument"),
        (["set", "CS-1", "A.B"], "expected NAME=VALUE"),
    ],
)
def test_what_can_not_be_right_is_refused(citrine: Cli, core: ScriptedCore, arguments: list[str], problem: str) -> None:
    ran = citrine("variable", *arguments)

    assert ran.code == 2
    assert problem in ran.err
    assert core.seen == []
