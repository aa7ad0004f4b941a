"""Block B, Provisioning: variables and reports of the device model."""

import asyncio
from collections.abc import Mapping
from typing import Any

from citrine.api.v1 import provisioning_pb2 as pb
from citrine.api.v1 import reports_pb2 as reports
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import (
    EVSE,
    GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET,
    Component,
    ComponentVariable,
    Variable,
)
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation, now

Name = tuple[str, str, str]
"""Component, variable and instance."""

THRESHOLD: Name = ("OCPPCommCtrlr", "OfflineThreshold", "")
REMOTE_START: Name = ("AuthCtrlr", "AuthorizeRemoteStart", "")
LIMITS: list[Name] = [
    ("DeviceDataCtrlr", variable, instance)
    for variable in ("ItemsPerMessage", "BytesPerMessage")
    for instance in ("GetReport", "GetVariables")
]


def name_of(data: Mapping[str, Any]) -> Name:
    return data["component"]["name"], data["variable"]["name"], data["variable"].get("instance", "")


def target(station: ConformanceStation) -> CommandTarget:
    return CommandTarget(station_id=station.station_id)


def get(station: ConformanceStation, api: Citrine, *names: Name) -> Any:
    """Do the manual action: have variables read."""
    data = [
        ocpp.GetVariableData(
            component=Component(name=component), variable=Variable(name=name, instance=instance or None)
        )
        for component, name, instance in names
    ]
    return api.provisioning.GetVariables(
        pb.GetVariablesRequest(target=target(station), request=ocpp.GetVariablesRequest(get_variable_data=data))
    )


def tell(values: Mapping[Name, str]) -> Any:
    """Return what answers GetVariables by these values."""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        results = [
            {
                "attributeStatus": "Accepted",
                "attributeType": "Actual",
                "attributeValue": values[name_of(data)],
                "component": data["component"],
                "variable": data["variable"],
            }
            for data in asked["getVariableData"]
        ]
        return {"getVariableResult": results}

    return answer


async def known(station: ConformanceStation, api: Citrine) -> dict[Name, str]:
    """Return what Citrine knows of the variables of the station."""
    listed = await api.provisioning.ListVariables(pb.ListVariablesRequest(station_id=station.station_id))
    return {
        (found.component.name, found.variable.name, found.variable.instance): found.value for found in listed.variables
    }


async def read(station: ConformanceStation, api: Citrine, values: Mapping[Name, str]) -> None:
    """Have variables read in one message, which asks for nothing else."""
    asked, response = await station.asked_by(get(station, api, *values), "GetVariables", tell(values))
    assert {name_of(data): data.get("attributeType", "Actual") for data in asked["getVariableData"]} == dict.fromkeys(
        values, "Actual"
    )
    shown = response.response.get_variable_result
    assert [result.attribute_value for result in shown] == list(values.values())
    assert values.items() <= (await known(station, api)).items()


async def write(station: ConformanceStation, api: Citrine, values: Mapping[Name, str]) -> None:
    """Have variables set in one message, which sets nothing else."""
    data = [
        ocpp.SetVariableData(component=Component(name=name[0]), variable=Variable(name=name[1]), attribute_value=value)
        for name, value in values.items()
    ]
    rpc = api.provisioning.SetVariables(
        pb.SetVariablesRequest(target=target(station), request=ocpp.SetVariablesRequest(set_variable_data=data))
    )
    asked, response = await station.asked_by(
        rpc,
        "SetVariables",
        lambda asked: {
            "setVariableResult": [
                {"attributeStatus": "Accepted", "component": each["component"], "variable": each["variable"]}
                for each in asked["setVariableData"]
            ]
        },
    )
    assert {name_of(each): each["attributeValue"] for each in asked["setVariableData"]} == values
    assert all(each.get("attributeType", "Actual") == "Actual" for each in asked["setVariableData"])
    done = ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED
    assert [result.attribute_status for result in response.response.set_variable_result] == [done] * len(values)
    assert values.items() <= (await known(station, api)).items()


async def test_TC_B_06_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """One variable of a station is read."""
    await states.booted(station)

    await read(station, api, {THRESHOLD: "600"})


async def test_TC_B_07_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Several variables of a station are read at once."""
    await states.booted(station)

    await read(station, api, {THRESHOLD: "600", REMOTE_START: "true"})


async def test_TC_B_08_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """No more variables are asked for at once than the station takes."""
    await states.booted(station)
    await read(station, api, {("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"): "4"})
    values = {**dict.fromkeys(LIMITS, "4"), REMOTE_START: "true"}

    reading = asyncio.ensure_future(get(station, api, *values))
    asked = [await station.asked("GetVariables", tell(values)) for _ in range(2)]
    response = await reading

    assert sorted(len(each["getVariableData"]) for each in asked) == [1, 4]
    assert {name_of(data) for each in asked for data in each["getVariableData"]} == values.keys()
    assert [result.attribute_value for result in response.response.get_variable_result] == list(values.values())
    assert values.items() <= (await known(station, api)).items()


async def test_TC_B_09_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """One variable of a station is set."""
    await states.booted(station)

    await write(station, api, {THRESHOLD: "123"})


async def test_TC_B_10_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Several variables of a station are set at once."""
    await states.booted(station)

    await write(station, api, {THRESHOLD: "123", REMOTE_START: "false"})


async def arrive(station: ConformanceStation, api: Citrine, request_id: int, names: list[Name]) -> None:
    """Send a report, one variable a message, which an operator then sees whole."""
    for seq_no, (component, variable, instance) in enumerate(names):
        named = {"name": variable, **({"instance": instance} if instance else {})}
        data = {
            "component": {"name": component},
            "variable": named,
            "variableAttribute": [{"type": "Actual", "value": f"value {seq_no}", "mutability": "ReadOnly"}],
            "variableCharacteristics": {"dataType": "string", "supportsMonitoring": False},
        }
        part = {
            "requestId": request_id,
            "generatedAt": now(),
            "seqNo": seq_no,
            "tbc": seq_no < len(names) - 1,
            "reportData": [data],
        }
        assert await station.call("NotifyReport", part) == {}
    watch = reports.WatchReportRunRequest(
        station_id=station.station_id, kind=reports.REPORT_KIND_DEVICE_MODEL, request_id=request_id
    )
    async for run in api.reports.WatchReportRun(watch):
        last = run
    assert (last.state, last.parts, last.items) == (reports.REPORT_STATE_COMPLETE, len(names), len(names))
    values = {name: f"value {seq_no}" for seq_no, name in enumerate(names)}
    assert values.items() <= (await known(station, api)).items()


async def base_report(station: ConformanceStation, api: Citrine, base: str) -> None:
    """Have the station asked for an inventory, and see what it reports."""
    await states.booted(station)
    names = {
        "ConfigurationInventory": ocpp.REPORT_BASE_ENUM_CONFIGURATION_INVENTORY,
        "FullInventory": ocpp.REPORT_BASE_ENUM_FULL_INVENTORY,
        "SummaryInventory": ocpp.REPORT_BASE_ENUM_SUMMARY_INVENTORY,
    }
    rpc = api.provisioning.GetBaseReport(
        pb.GetBaseReportRequest(target=target(station), request=ocpp.GetBaseReportRequest(report_base=names[base]))
    )
    asked, _ = await station.asked_by(rpc, "GetBaseReport", {"status": "Accepted"})

    assert asked["requestId"] >= 0
    assert asked["reportBase"] == base
    await arrive(station, api, asked["requestId"], [THRESHOLD, *LIMITS])


async def test_TC_B_12_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A report of all that can be configured is asked for and shown."""
    await base_report(station, api, "ConfigurationInventory")


async def test_TC_B_13_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A report of the whole device model is asked for and shown."""
    await base_report(station, api, "FullInventory")


async def test_TC_B_14_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A report of the condition of the station is asked for and shown."""
    await base_report(station, api, "SummaryInventory")


async def test_TC_B_18_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A report of a chosen variable, where its component meets a criterion, is asked for; there may be none."""
    await states.booted(station)
    evse = ComponentVariable(
        component=Component(name="EVSE", evse=EVSE(id=1)), variable=Variable(name="AvailabilityState")
    )

    async def custom(criterion: ocpp.ComponentCriterionEnum.ValueType, status: str) -> tuple[dict[str, Any], Any]:
        request = ocpp.GetReportRequest(component_variable=[evse], component_criteria=[criterion])
        rpc = api.provisioning.GetReport(pb.GetReportRequest(target=target(station), request=request))
        return await station.asked_by(rpc, "GetReport", {"status": status})

    problem, nothing = await custom(ocpp.COMPONENT_CRITERION_ENUM_PROBLEM, "EmptyResultSet")
    available, some = await custom(ocpp.COMPONENT_CRITERION_ENUM_AVAILABLE, "Accepted")
    await arrive(station, api, available["requestId"], [("EVSE", "AvailabilityState", "")])

    chosen = [{"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}]
    assert (problem["componentCriteria"], problem["componentVariable"]) == (["Problem"], chosen)
    assert (available["componentCriteria"], available["componentVariable"]) == (["Available"], chosen)
    assert nothing.response.status == GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET
    assert list(some.request_ids) == [available["requestId"]]
    refused = await api.reports.GetReportRun(
        reports.GetReportRunRequest(
            station_id=station.station_id, kind=reports.REPORT_KIND_DEVICE_MODEL, request_id=problem["requestId"]
        )
    )
    assert (refused.state, refused.status) == (reports.REPORT_STATE_REFUSED, "EmptyResultSet")
