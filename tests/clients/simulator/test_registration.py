import pytest

from citrine_simulator import Event
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import NOON, ManualClock


async def test_B01_FR_05_statuses_follow_the_accepted_boot(csms: Csms, make_station: MakeStation) -> None:
    await make_station(evses=2)

    await csms.until_count("StatusNotification", 2)

    assert [call.action for call in csms.calls[:3]] == ["BootNotification", "StatusNotification", "StatusNotification"]
    assert csms.of("BootNotification")[0]["reason"] == "PowerUp"


async def test_B01_FR_04_the_interval_is_that_of_the_heartbeat(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    csms.interval = 77
    await make_station()

    await clock.pass_by(77)

    await csms.until_count("Heartbeat", 1)


async def test_B01_FR_06_the_clock_is_set_by_the_csms(csms: Csms, make_station: MakeStation) -> None:
    boot = {"currentTime": "2030-05-05T05:05:05Z", "interval": 300, "status": "Accepted"}
    csms.scripts["BootNotification"] = lambda _: boot

    station = await make_station()

    assert station.parts.now().isoformat() == "2030-05-05T05:05:05+00:00"


async def test_a_leap_second_leaves_the_clock(csms: Csms, make_station: MakeStation) -> None:
    boot = {"currentTime": "2016-12-31T23:59:60Z", "interval": 300, "status": "Accepted"}
    csms.scripts["BootNotification"] = lambda _: boot

    station = await make_station()

    assert station.parts.now() == NOON


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
@pytest.mark.parametrize(
    ("interval", "wait"),
    [pytest.param(45, 45, id="B02.FR.08 named"), pytest.param(0, 30, id="B02.FR.07 its own")],
)
async def test_it_boots_again_after_the_interval(
    csms: Csms, clock: ManualClock, make_station: MakeStation, status: str, interval: int, wait: int
) -> None:
    csms.registration, csms.interval = status, interval
    station = await make_station(wait_for=status.lower())
    await clock.until_sleeping(wait)
    csms.registration = "Accepted"
    assert len(csms.of("BootNotification")) == 1

    clock.advance(wait)

    await station.wait_for("accepted")
    assert len(csms.of("BootNotification")) == 2


async def test_B02_FR_02_while_pending_only_boots_are_sent(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    csms.registration, csms.interval = "Pending", 45
    station = await make_station(wait_for="pending")
    await station.plug_in()
    await clock.pass_by(45)
    await csms.until_count("BootNotification", 2)
    assert {call.action for call in csms.calls} == {"BootNotification"}

    csms.registration = "Accepted"
    await clock.pass_by(45)
    await csms.until_count("TransactionEvent", 1)

    assert station.queued <= 1


async def test_B02_FR_01_variables_and_reports_work_while_pending(csms: Csms, make_station: MakeStation) -> None:
    csms.registration = "Pending"
    await make_station(wait_for="pending")
    variable = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}

    await csms.call("CS-1", "SetVariables", {"setVariableData": [{**variable, "attributeValue": "5"}]})
    got = await csms.call("CS-1", "GetVariables", {"getVariableData": [variable]})
    await csms.call("CS-1", "GetBaseReport", {"requestId": 1, "reportBase": "SummaryInventory"})

    assert got["getVariableResult"][0]["attributeValue"] == "5"
    await csms.until_count("NotifyReport", 1)


async def test_B02_FR_05_no_remote_start_while_pending(csms: Csms, make_station: MakeStation) -> None:
    csms.registration = "Pending"
    await make_station(wait_for="pending")
    start = {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1}

    assert (await csms.call("CS-1", "RequestStartTransaction", start))["status"] == "Rejected"
    assert (await csms.call("CS-1", "RequestStopTransaction", {"transactionId": "T"}))["status"] == "Rejected"


async def test_B02_FR_04_a_trigger_makes_it_boot_before_its_time(csms: Csms, make_station: MakeStation) -> None:
    csms.registration = "Pending"
    station = await make_station(wait_for="pending")
    csms.registration = "Accepted"

    answer = await csms.call("CS-1", "TriggerMessage", {"requestedMessage": "BootNotification"})

    assert answer["status"] == "Accepted"
    await station.wait_for("accepted")
    assert csms.of("BootNotification")[1]["reason"] == "Triggered"


async def test_B03_FR_08_a_rejected_station_answers_with_a_security_error(
    csms: Csms, make_station: MakeStation
) -> None:
    csms.registration = "Rejected"
    await make_station(wait_for="rejected")

    answer = await csms.ask("CS-1", '[2,"a","ClearCache",{}]')

    assert answer[:3] == [4, "a", "SecurityError"]


async def test_a_boot_that_fails_is_repeated(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    csms.scripts["BootNotification"] = lambda call: f'[4,"{call.message_id}","InternalError","",{{}}]'
    station = await make_station(wait_for="boot_failed")
    csms.scripts.clear()

    await clock.pass_by(30)

    await station.wait_for("accepted")


async def test_a_boot_that_is_never_answered_is_repeated(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    csms.scripts["BootNotification"] = lambda _: None
    station = await make_station(wait_for=None, boot_retry_interval=11)
    await clock.pass_by(30)
    csms.scripts.clear()

    await clock.pass_by(11)

    await station.wait_for("accepted")


@pytest.mark.parametrize(
    ("again", "boots"),
    [pytest.param(False, 1, id="as part 4 wants"), pytest.param(True, 2, id="as some firmware does")],
)
async def test_boots_after_a_mere_reconnect(
    csms: Csms, clock: ManualClock, make_station: MakeStation, again: bool, boots: int
) -> None:
    station = await make_station(boot_on_reconnect=again)
    await station.disconnect()

    await station.reconnect()
    await csms.until_count("Heartbeat" if not again else "BootNotification", boots)

    assert len(csms.of("BootNotification")) == boots


async def test_a_station_may_begin_as_one_accepted_long_ago(
    csms: Csms, make_station: MakeStation, events: list[Event]
) -> None:
    station = await make_station(boot_on_start=False)

    await station.call("Heartbeat", {})

    assert csms.of("BootNotification") == []
