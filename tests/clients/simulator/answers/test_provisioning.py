import base64
from typing import Any

import pytest

from citrine_simulator import Store
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock

NEW_PASSWORD = "a-new-and-better-password"


def variable(component: str, name: str, **more: Any) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}, **more}


def set_password(password: str = NEW_PASSWORD) -> dict[str, Any]:
    return {"setVariableData": [variable("SecurityCtrlr", "BasicAuthPassword", attributeValue=password)]}


def credentials(csms: Csms) -> list[str]:
    return [base64.b64decode(one["Authorization"].split()[1]).decode().split(":")[1] for one in csms.headers]


async def test_B05_FR_01_every_element_has_its_result(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    data = [
        variable("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="60"),
        variable("Toaster", "Heat", attributeValue="1"),
    ]

    results = (await csms.call("CS-1", "SetVariables", {"setVariableData": data}))["setVariableResult"]

    assert [one["attributeStatus"] for one in results] == ["Accepted", "UnknownComponent"]
    assert [one["component"] for one in results] == [one["component"] for one in data]


async def test_variables_stay_over_a_loss_of_power(csms: Csms, make_station: MakeStation) -> None:
    store = Store()
    station = await make_station(store=store)
    data = variable("AuthCtrlr", "LocalPreAuthorize", attributeValue="true")
    await csms.call("CS-1", "SetVariables", {"setVariableData": [data]})
    await station.stop()

    again = await make_station(store=store)

    assert again.parts.model.flag("AuthCtrlr.LocalPreAuthorize")


async def test_the_time_of_day_is_a_variable(csms: Csms, make_station: MakeStation) -> None:
    boot = {"currentTime": "2030-05-05T05:05:05Z", "interval": 300, "status": "Accepted"}
    csms.scripts["BootNotification"] = lambda _: boot
    await make_station()

    got = await csms.call("CS-1", "GetVariables", {"getVariableData": [variable("ClockCtrlr", "DateTime")]})

    assert got["getVariableResult"][0]["attributeValue"] == "2030-05-05T05:05:05.000Z"


async def test_A01_a_new_password_is_used_at_once(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    connected = station.expect("connected")

    answer = await csms.call("CS-1", "SetVariables", set_password())
    await connected

    assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"
    assert credentials(csms)[-1] == NEW_PASSWORD
    assert len(csms.of("BootNotification")) == 1


async def test_A01_the_old_password_is_tried_where_the_new_one_is_refused(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    station = await make_station()
    csms.refuse = [(401, {})]
    connected = station.expect("connected")

    await csms.call("CS-1", "SetVariables", set_password())
    await clock.pass_by(10)
    await connected

    assert credentials(csms)[1:] == [NEW_PASSWORD, credentials(csms)[0]]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_B07_FR_08_a_long_report_comes_in_parts(csms: Csms, make_station: MakeStation, version: str) -> None:
    station = await make_station(extra_variables=2000, report_part_size=300, version=version)

    answer = await csms.call("CS-1", "GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"})
    await csms.until(lambda: bool(csms.of("NotifyReport")) and not csms.of("NotifyReport")[-1]["tbc"])

    reports = csms.of("NotifyReport")
    assert answer == {"status": "Accepted"}
    assert [one["seqNo"] for one in reports] == list(range(len(reports)))
    assert sum(len(one["reportData"]) for one in reports) == len(station.parts.model) > 2000


async def test_B08_a_custom_report_follows_its_answer(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    chosen = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}

    nothing = await csms.call(
        "CS-1", "GetReport", {"requestId": 5, "componentVariable": [chosen], "componentCriteria": ["Problem"]}
    )
    answer = await csms.call("CS-1", "GetReport", {"requestId": 6, "componentVariable": [chosen]})
    await csms.until(lambda: bool(csms.of("NotifyReport")))

    assert (nothing, answer) == ({"status": "EmptyResultSet"}, {"status": "Accepted"})
    (report,) = csms.of("NotifyReport")
    assert report["requestId"] == 6
    assert [one["variable"]["name"] for one in report["reportData"]] == ["AvailabilityState"]
