"""Block N, Diagnostics: monitors and what they report."""

from typing import Any

import pytest

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
)
from citrine.api.v1.provisioning_pb2 import GetVariablesRequest
from citrine.api.v1.reports_pb2 import (
    REPORT_KIND_MONITORING,
    REPORT_STATE_COMPLETE,
    REPORT_STATE_REFUSED,
    GetReportRunRequest,
    ReportState,
)
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2.types_pb2 import EVSE, GENERIC_STATUS_ENUM_REJECTED, Component, ComponentVariable, Variable
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation, now

STATION = {"component": {"name": "ChargingStation"}}
EVSE_1 = {"component": {"name": "EVSE", "evse": {"id": 1}}}
POWER = {"variable": {"name": "Power"}}
AVAILABILITY = {"variable": {"name": "AvailabilityState"}}

_COMPONENTS = {"ChargingStation": Component(name="ChargingStation"), "EVSE": Component(name="EVSE", evse=EVSE(id=1))}

DELTA = ocpp.MONITORING_CRITERION_ENUM_DELTA_MONITORING
THRESHOLD = ocpp.MONITORING_CRITERION_ENUM_THRESHOLD_MONITORING


@pytest.fixture
async def booted(station: ConformanceStation) -> ConformanceStation:
    await states.booted(station)
    return station


class Reports:
    """Asks for reports of monitors, and plays the station that sends them."""

    def __init__(self, station: ConformanceStation, api: Citrine) -> None:
        self.station = station
        self.api = api

    async def ask(
        self, status: str, *variables: tuple[str, str], criteria: "ocpp.MonitoringCriterionEnum.ValueType | None" = None
    ) -> dict[str, Any]:
        """Do the manual action; return the payload that the station was sent."""
        request = ocpp.GetMonitoringReportRequest(
            monitoring_criteria=[criteria] if criteria else [],
            component_variable=[
                ComponentVariable(component=_COMPONENTS[component], variable=Variable(name=variable))
                for component, variable in variables
            ],
        )
        rpc = self.api.diagnostics.GetMonitoringReport(
            GetMonitoringReportRequest(target=CommandTarget(station_id=self.station.station_id), request=request)
        )
        asked, _ = await self.station.asked_by(rpc, "GetMonitoringReport", {"status": status})
        return asked

    async def send(self, asked: dict[str, Any], *monitors: dict[str, Any]) -> None:
        """Send a report, one monitor a message."""
        for seq_no, monitor in enumerate(monitors):
            payload = {
                "monitor": [monitor],
                "requestId": asked["requestId"],
                "generatedAt": now(),
                "seqNo": seq_no,
                "tbc": seq_no < len(monitors) - 1,
            }
            assert await self.station.call("NotifyMonitoringReport", payload) == {}

    async def state(self, asked: dict[str, Any]) -> "ReportState.ValueType":
        run = await self.api.reports.GetReportRun(
            GetReportRunRequest(
                station_id=self.station.station_id, kind=REPORT_KIND_MONITORING, request_id=asked["requestId"]
            )
        )
        return run.state

    async def shown(self) -> list[tuple[str, str, Any]]:
        """Return the monitors that Citrine shows."""
        page = await self.api.diagnostics.ListMonitors(ListMonitorsRequest(station_id=self.station.station_id))
        return [_words(monitor) for monitor in page.monitors]


def _words(monitor: Monitor) -> tuple[str, str, Any]:
    return monitor.component.name, monitor.variable.name, monitor.monitoring.type


@pytest.fixture
def reports(booted: ConformanceStation, api: Citrine) -> Reports:
    return Reports(booted, api)


def monitor(of: dict[str, Any], variable: dict[str, Any], monitor_id: int, kind: str) -> dict[str, Any]:
    settings = {"id": monitor_id, "transaction": False, "value": 1.0, "type": kind, "severity": 5}
    return {**of, **variable, "variableMonitoring": [settings]}


async def test_TC_N_01_CSMS(reports: Reports) -> None:
    """A report of the monitors of one kind, empty and not."""
    empty = await reports.ask("EmptyResultSet", criteria=DELTA)
    asked = await reports.ask("Accepted", criteria=THRESHOLD)
    upper, lower = monitor(STATION, POWER, 1, "UpperThreshold"), monitor(EVSE_1, POWER, 2, "LowerThreshold")
    await reports.send(asked, upper, lower)

    assert empty["monitoringCriteria"] == ["DeltaMonitoring"]
    assert asked["monitoringCriteria"] == ["ThresholdMonitoring"]
    assert await reports.state(empty) == REPORT_STATE_REFUSED
    assert await reports.state(asked) == REPORT_STATE_COMPLETE
    assert await reports.shown() == [
        ("ChargingStation", "Power", ocpp.MONITOR_ENUM_UPPER_THRESHOLD),
        ("EVSE", "Power", ocpp.MONITOR_ENUM_LOWER_THRESHOLD),
    ]


async def test_TC_N_02_CSMS(reports: Reports) -> None:
    """A report of the monitors of one variable, empty and not."""
    empty = await reports.ask("EmptyResultSet", ("ChargingStation", "Power"))
    asked = await reports.ask("Accepted", ("EVSE", "AvailabilityState"))
    await reports.send(asked, monitor(EVSE_1, AVAILABILITY, 3, "Delta"))

    assert empty["componentVariable"] == [{**STATION, **POWER}]
    assert asked["componentVariable"] == [{**EVSE_1, **AVAILABILITY}]
    assert await reports.shown() == [("EVSE", "AvailabilityState", ocpp.MONITOR_ENUM_DELTA)]


async def test_TC_N_03_CSMS(reports: Reports) -> None:
    """A report of the monitors of one kind on one variable, empty and not."""
    empty = await reports.ask("EmptyResultSet", ("EVSE", "AvailabilityState"), criteria=DELTA)
    asked = await reports.ask("Accepted", ("ChargingStation", "Power"), criteria=THRESHOLD)
    await reports.send(asked, monitor(STATION, POWER, 1, "UpperThreshold"))

    assert empty["monitoringCriteria"] == ["DeltaMonitoring"]
    assert empty["componentVariable"] == [{**EVSE_1, **AVAILABILITY}]
    assert asked["monitoringCriteria"] == ["ThresholdMonitoring"]
    assert asked["componentVariable"] == [{**STATION, **POWER}]
    assert await reports.shown() == [("ChargingStation", "Power", ocpp.MONITOR_ENUM_UPPER_THRESHOLD)]


async def test_TC_N_60_CSMS(reports: Reports) -> None:
    """A report of the monitors of one kind on several variables, empty and not."""
    variables = (("ChargingStation", "AvailabilityState"), ("EVSE", "AvailabilityState"))
    empty = await reports.ask("EmptyResultSet", *variables, criteria=THRESHOLD)
    asked = await reports.ask("Accepted", *variables, criteria=DELTA)
    await reports.send(asked, monitor(STATION, AVAILABILITY, 1, "Delta"), monitor(EVSE_1, AVAILABILITY, 2, "Delta"))

    both = [{**STATION, **AVAILABILITY}, {**EVSE_1, **AVAILABILITY}]
    assert (empty["monitoringCriteria"], empty["componentVariable"]) == (["ThresholdMonitoring"], both)
    assert (asked["monitoringCriteria"], asked["componentVariable"]) == (["DeltaMonitoring"], both)
    assert await reports.shown() == [
        ("ChargingStation", "AvailabilityState", ocpp.MONITOR_ENUM_DELTA),
        ("EVSE", "AvailabilityState", ocpp.MONITOR_ENUM_DELTA),
    ]


async def test_TC_N_47_CSMS(reports: Reports) -> None:
    """A report of all monitors."""
    asked = await reports.ask("Accepted")
    await reports.send(asked, monitor(STATION, POWER, 1, "UpperThreshold"), monitor(EVSE_1, AVAILABILITY, 2, "Delta"))

    assert asked.keys() == {"requestId"}
    assert await reports.state(asked) == REPORT_STATE_COMPLETE


async def test_TC_N_05_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """Each of the monitoring bases is set."""
    target = CommandTarget(station_id=booted.station_id)
    for base, spelling in (
        (ocpp.MONITORING_BASE_ENUM_ALL, "All"),
        (ocpp.MONITORING_BASE_ENUM_FACTORY_DEFAULT, "FactoryDefault"),
        (ocpp.MONITORING_BASE_ENUM_HARD_WIRED_ONLY, "HardWiredOnly"),
    ):
        request = SetMonitoringBaseRequest(target=target, request=ocpp.SetMonitoringBaseRequest(monitoring_base=base))
        rpc = api.diagnostics.SetMonitoringBase(request)
        asked, _ = await booted.asked_by(rpc, "SetMonitoringBase", {"status": "Accepted"})
        shown = await api.diagnostics.GetMonitoring(GetMonitoringRequest(station_id=booted.station_id))
        assert asked == {"monitoringBase": spelling}
        assert shown.base == base


def _accepted(asked: dict[str, Any]) -> dict[str, Any]:
    """Answer as a station does that takes every monitor."""
    named = ("type", "severity", "component", "variable")
    return {
        "setMonitoringResult": [
            {"id": place + 1, "status": "Accepted", **{name: data[name] for name in named}}
            for place, data in enumerate(asked["setMonitoringData"])
        ]
    }


async def _set_delta_monitors(station: ConformanceStation, api: Citrine, *components: str) -> list[dict[str, Any]]:
    data = [
        # N04.FR.17: the value that is recommended where the variable is no number.
        ocpp.SetMonitoringData(
            value=1,
            type=ocpp.MONITOR_ENUM_DELTA,
            severity=8,
            component=_COMPONENTS[component],
            variable=Variable(name="AvailabilityState"),
        )
        for component in components
    ]
    rpc = api.diagnostics.SetVariableMonitoring(
        SetVariableMonitoringRequest(
            target=CommandTarget(station_id=station.station_id),
            request=ocpp.SetVariableMonitoringRequest(set_monitoring_data=data),
        )
    )
    asked, answer = await station.asked_by(rpc, "SetVariableMonitoring", _accepted)
    accepted = ocpp.SET_MONITORING_STATUS_ENUM_ACCEPTED
    assert [result.status for result in answer.response.set_monitoring_result] == [accepted] * len(components)
    sent: list[dict[str, Any]] = asked["setMonitoringData"]
    return sent


async def test_TC_N_08_CSMS(booted: ConformanceStation, api: Citrine, reports: Reports) -> None:
    """A monitor is set on one variable."""
    sent = await _set_delta_monitors(booted, api, "EVSE")

    assert sent == [{"value": 1, "type": "Delta", "severity": 8, **EVSE_1, **AVAILABILITY}]
    assert await reports.shown() == [("EVSE", "AvailabilityState", ocpp.MONITOR_ENUM_DELTA)]


async def test_TC_N_09_CSMS(booted: ConformanceStation, api: Citrine, reports: Reports) -> None:
    """Monitors are set on two variables at once."""
    sent = await _set_delta_monitors(booted, api, "EVSE", "ChargingStation")

    assert sent == [
        {"value": 1, "type": "Delta", "severity": 8, **EVSE_1, **AVAILABILITY},
        {"value": 1, "type": "Delta", "severity": 8, **STATION, **AVAILABILITY},
    ]
    assert len(await reports.shown()) == 2


async def _set_level(station: ConformanceStation, api: Citrine, status: str) -> Any:
    request = ocpp.SetMonitoringLevelRequest(severity=4)
    rpc = api.diagnostics.SetMonitoringLevel(
        SetMonitoringLevelRequest(target=CommandTarget(station_id=station.station_id), request=request)
    )
    asked, answer = await station.asked_by(rpc, "SetMonitoringLevel", {"status": status})
    assert asked == {"severity": 4}
    return answer.response.status


async def test_TC_N_16_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """The monitoring level is set."""
    await _set_level(booted, api, "Accepted")

    shown = await api.diagnostics.GetMonitoring(GetMonitoringRequest(station_id=booted.station_id))
    assert shown.level == 4


async def test_TC_N_17_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A monitoring level is refused by the station."""
    assert await _set_level(booted, api, "Rejected") == GENERIC_STATUS_ENUM_REJECTED


async def test_TC_N_18_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """More monitors are to be cleared than the station takes in one message."""
    limit = {
        "component": {"name": "MonitoringCtrlr"},
        "variable": {"name": "ItemsPerMessage", "instance": "ClearVariableMonitoring"},
    }
    target = CommandTarget(station_id=booted.station_id)
    variable = Variable(name="ItemsPerMessage", instance="ClearVariableMonitoring")
    data = provisioning.GetVariableData(component=Component(name="MonitoringCtrlr"), variable=variable)
    rpc = api.provisioning.GetVariables(
        GetVariablesRequest(target=target, request=provisioning.GetVariablesRequest(get_variable_data=[data]))
    )
    result = {"attributeStatus": "Accepted", "attributeType": "Actual", "attributeValue": "2", **limit}
    asked, _ = await booted.asked_by(rpc, "GetVariables", {"getVariableResult": [result]})
    assert asked["getVariableData"] == [limit]

    clearing = api.diagnostics.ClearVariableMonitoring(
        ClearVariableMonitoringRequest(target=target, request=ocpp.ClearVariableMonitoringRequest(id=range(5)))
    )
    pieces = [await booted.asked("ClearVariableMonitoring", _not_found) for _ in range(2)]
    last, answer = await booted.asked_by(clearing, "ClearVariableMonitoring", _not_found)

    assert [piece["id"] for piece in (*pieces, last)] == [[0, 1], [2, 3], [4]]
    assert [cleared.id for cleared in answer.response.clear_monitoring_result] == list(range(5))


def _not_found(asked: dict[str, Any]) -> dict[str, Any]:
    return {"clearMonitoringResult": [{"id": number, "status": "NotFound"} for number in asked["id"]]}


async def test_TC_N_44_CSMS(booted: ConformanceStation, api: Citrine, reports: Reports) -> None:
    """A monitor that can't be cleared stays."""
    await _set_delta_monitors(booted, api, "EVSE")
    rpc = api.diagnostics.ClearVariableMonitoring(
        ClearVariableMonitoringRequest(
            target=CommandTarget(station_id=booted.station_id), request=ocpp.ClearVariableMonitoringRequest(id=[1])
        )
    )
    rejected = {"clearMonitoringResult": [{"id": 1, "status": "Rejected"}]}

    asked, answer = await booted.asked_by(rpc, "ClearVariableMonitoring", rejected)

    assert asked == {"id": [1]}
    (result,) = answer.response.clear_monitoring_result
    assert result.status == ocpp.CLEAR_MONITORING_STATUS_ENUM_REJECTED
    assert len(await reports.shown()) == 1


async def _notify(station: ConformanceStation, api: Citrine, **event: Any) -> ocpp.EventData:
    """Send an event, and return it as Citrine shows it."""
    data = {
        "eventId": next(station.numbers),
        "timestamp": now(),
        "trigger": "Alerting",
        "actualValue": "900",
        "eventNotificationType": "CustomMonitor",
        "component": {"name": "Fan"},
        "variable": {"name": "Speed"},
        "variableMonitoringId": 7,
        **event,
    }
    assert await station.call("NotifyEvent", {"generatedAt": now(), "seqNo": 0, "eventData": [data]}) == {}
    page = await api.diagnostics.ListStationEvents(
        ListStationEventsRequest(station_id=station.station_id, component="Fan", page_size=1)
    )
    shown = page.station_events[0].event
    assert shown.event_id == data["eventId"]
    return shown


async def test_TC_N_21_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A hard-wired monitor reports an event."""
    shown = await _notify(booted, api, eventNotificationType="HardWiredMonitor")

    assert shown.event_notification_type == ocpp.EVENT_NOTIFICATION_ENUM_HARD_WIRED_MONITOR


async def test_TC_N_24_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A monitor reports the same value again and again."""
    for _ in range(3):
        shown = await _notify(booted, api, trigger="Periodic")
        assert shown.trigger == ocpp.EVENT_TRIGGER_ENUM_PERIODIC


async def test_TC_N_48_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A monitor of a variable that can only be written reports no value."""
    assert (await _notify(booted, api, actualValue="")).actual_value == ""


async def test_TC_N_49_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A threshold is no longer exceeded after a reboot."""
    await _notify(booted, api)
    before = await api.diagnostics.ListAlerts(ListAlertsRequest(station_id=booted.station_id))

    shown = await _notify(booted, api, cleared=True)

    after = await api.diagnostics.ListAlerts(ListAlertsRequest(station_id=booted.station_id))
    assert shown.cleared
    assert (len(before.alerts), len(after.alerts)) == (1, 0)


async def test_TC_N_50_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A periodic monitor goes on after a reboot."""
    assert (await _notify(booted, api, trigger="Periodic")).trigger == ocpp.EVENT_TRIGGER_ENUM_PERIODIC
