from typing import Any

import pytest

from citrine_simulator import Store
from citrine_simulator.answers.diagnostics import STEP
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock

STATE = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
INTERVAL = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
TOKEN = {"idToken": "C0FFEE01", "type": "ISO14443"}


async def set_monitors(csms: Csms, *monitors: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return status and id of each monitor."""
    data = [{"value": 1, "type": "Delta", "severity": 5, **STATE, **monitor} for monitor in monitors]
    answer = await csms.call("CS-1", "SetVariableMonitoring", {"setMonitoringData": data})
    return [(result["status"], result.get("id")) for result in answer["setMonitoringResult"]]


async def set_interval(csms: Csms, *values: str) -> None:
    for value in values:
        data = [{**INTERVAL, "attributeValue": value}]
        await csms.call("CS-1", "SetVariables", {"setVariableData": data})


async def test_N04_monitors_are_judged(csms: Csms, make_station: MakeStation) -> None:
    await make_station()

    results = await set_monitors(
        csms,
        {},
        {},
        {"type": "UpperThreshold"},
        {"component": {"name": "Toaster"}},
        {"variable": {"name": "Heat"}},
        {"id": 99},
        {"id": 1, "severity": 3},
    )

    assert [status for status, _ in results] == [
        "Accepted", "Duplicate", "UnsupportedMonitorType", "UnknownComponent", "UnknownVariable", "Rejected", "Accepted"
    ]  # fmt: skip
    assert results[0][1] == results[-1][1] == 1


async def test_N07_a_change_of_what_is_watched_is_told(csms: Csms, make_station: MakeStation) -> None:
    """Also after a loss of power (N07.FR.13)."""
    store = Store()
    first = await make_station(store=store)
    await set_monitors(csms, {})
    await first.stop()
    station = await make_station(store=store)

    await station.plug_in()

    (told,) = await csms.until_count("NotifyEvent", 1)
    (event,) = told["eventData"]
    assert (event["trigger"], event["actualValue"], event["variableMonitoringId"]) == ("Delta", "Occupied", 1)


async def test_N07_a_threshold_is_told_where_it_is_passed_and_where_it_is_not_any_more(
    csms: Csms, make_station: MakeStation
) -> None:
    await make_station()
    await set_monitors(csms, {**INTERVAL, "type": "UpperThreshold", "value": 500})

    await set_interval(csms, "400", "501", "600", "500")

    events = [one["eventData"][0] for one in await csms.until_count("NotifyEvent", 2)]
    assert [(event["actualValue"], event.get("cleared", False)) for event in events] == [("501", False), ("500", True)]


async def test_N07_FR_15_what_is_less_severe_than_the_level_is_not_told(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    await set_monitors(csms, {**INTERVAL, "severity": 5}, {**INTERVAL, "severity": 2, "value": 100})
    await csms.call("CS-1", "SetMonitoringLevel", {"severity": 4})

    await set_interval(csms, "290", "600")

    (told,) = await csms.until_count("NotifyEvent", 1)
    assert told["eventData"][0]["variableMonitoringId"] == 2
    assert (await csms.call("CS-1", "SetMonitoringLevel", {"severity": 10}))["status"] == "Rejected"


async def test_N02_monitors_are_reported(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    await set_monitors(csms, {}, {**INTERVAL, "type": "LowerThreshold"})

    empty = await csms.call(
        "CS-1", "GetMonitoringReport", {"requestId": 1, "monitoringCriteria": ["PeriodicMonitoring"]}
    )
    await csms.call("CS-1", "GetMonitoringReport", {"requestId": 2, "monitoringCriteria": ["ThresholdMonitoring"]})
    await csms.call("CS-1", "GetMonitoringReport", {"requestId": 3})

    reports = await csms.until_count("NotifyMonitoringReport", 2)
    assert empty["status"] == "EmptyResultSet"
    found = [[one["variableMonitoring"][0]["id"] for one in report["monitor"]] for report in reports]
    assert (found, [report["requestId"] for report in reports]) == ([[2], [1, 2]], [2, 3])


async def test_N06_monitors_are_removed(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    await set_monitors(csms, {}, INTERVAL)

    cleared = await csms.call("CS-1", "ClearVariableMonitoring", {"id": [1, 9]})
    await csms.call("CS-1", "SetMonitoringBase", {"monitoringBase": "FactoryDefault"})

    assert [one["status"] for one in cleared["clearMonitoringResult"]] == ["Accepted", "NotFound"]
    assert (await csms.call("CS-1", "GetMonitoringReport", {"requestId": 1}))["status"] == "EmptyResultSet"


def log(request_id: int, host: str = "logs.example") -> dict[str, Any]:
    location = {"remoteLocation": f"https://{host}/inbox"}
    return {"requestId": request_id, "logType": "DiagnosticsLog", "log": location}


@pytest.mark.parametrize(
    ("host", "status"), [("logs.example", "Uploaded"), ("logs.invalid", "UploadFailure")], ids=["uploaded", "failed"]
)
async def test_N01_a_log_is_uploaded(
    csms: Csms, clock: ManualClock, make_station: MakeStation, host: str, status: str
) -> None:
    await make_station()

    answer = await csms.call("CS-1", "GetLog", log(7, host))
    await csms.until_count("LogStatusNotification", 1)
    await clock.pass_by(STEP)
    told = await csms.until_count("LogStatusNotification", 2)

    assert answer["status"] == "Accepted"
    assert told == [{"status": "Uploading", "requestId": 7}, {"status": status, "requestId": 7}]


async def test_N01_FR_12_another_log_cancels_the_one_under_way(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    await csms.call("CS-1", "GetLog", log(1))
    await csms.until_count("LogStatusNotification", 1)

    answer = await csms.call("CS-1", "GetLog", log(2))

    told = [(one["requestId"], one["status"]) for one in await csms.until_count("LogStatusNotification", 3)]
    assert answer["status"] == "AcceptedCanceled"
    assert sorted(told) == [(1, "AcceptedCanceled"), (1, "Uploading"), (2, "Uploading")]


async def test_N10_a_customer_is_told_and_cleared(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.authorize(TOKEN)
    request = {"report": True, "clear": True, "idToken": TOKEN}

    await csms.call("CS-1", "CustomerInformation", {"requestId": 1, **request})
    await csms.until_count("NotifyCustomerInformation", 1)
    await csms.call("CS-1", "CustomerInformation", {"requestId": 2, **request})

    told = await csms.until_count("NotifyCustomerInformation", 2)
    assert [one["data"] for one in told] == ["authorization cache", ""]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"report": True, "clear": False}, "Invalid"),
        ({"report": True, "clear": False, "idToken": TOKEN, "customerIdentifier": "C"}, "Invalid"),
        ({"report": False, "clear": False, "idToken": TOKEN}, "Rejected"),
    ],
    ids=["nobody", "two", "nothing"],
)
async def test_N09_what_names_no_one_customer_is_refused(
    csms: Csms, make_station: MakeStation, request_: dict[str, Any], status: str
) -> None:
    await make_station()

    assert (await csms.call("CS-1", "CustomerInformation", {"requestId": 1, **request_}))["status"] == status
