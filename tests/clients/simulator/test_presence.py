from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock


async def test_G01_FR_03_04_plugging_changes_the_status(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await csms.until_count("StatusNotification", 1)

    await station.plug_in()
    await csms.until_count("StatusNotification", 2)
    await station.unplug()
    await csms.until_count("StatusNotification", 3)

    statuses = [status["connectorStatus"] for status in csms.of("StatusNotification")]
    assert statuses == ["Available", "Occupied", "Available"]


async def test_B04_FR_02_after_a_short_time_offline_only_changes_are_reported(
    csms: Csms, make_station: MakeStation
) -> None:
    station = await make_station(evses=2)
    await csms.until_count("StatusNotification", 2)
    await station.disconnect()
    await station.plug_in(2)

    await station.reconnect()
    await csms.until_count("StatusNotification", 3)
    await csms.until_count("Heartbeat", 1)

    assert csms.of("StatusNotification")[2]["evseId"] == 2
    assert len(csms.of("StatusNotification")) == 3


async def test_B04_FR_01_after_a_long_time_offline_everything_is_reported(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    station = await make_station(evses=2)
    await csms.until_count("StatusNotification", 2)
    await station.disconnect()
    clock.advance(61)

    await station.reconnect()

    await csms.until_count("StatusNotification", 4)


async def test_a_status_that_was_not_confirmed_is_reported_again(csms: Csms, make_station: MakeStation) -> None:
    csms.scripts["StatusNotification"] = lambda call: f'[4,"{call.message_id}","InternalError","",{{}}]'
    station = await make_station()
    await csms.until_count("StatusNotification", 1)
    csms.scripts.clear()
    await station.disconnect()

    await station.reconnect()
    await station.wait_for("status")

    assert len(csms.of("StatusNotification")) == 2


async def test_G02_FR_05_other_messages_put_the_heartbeat_off(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    csms.interval = 100
    station = await make_station()
    await station.wait_for("status")
    await clock.until_sleeping(100)
    clock.advance(60)
    await station.call("DataTransfer", {"vendorId": "1"})

    clock.advance(40)
    await clock.until_sleeping(60)
    assert csms.of("Heartbeat") == []
    clock.advance(60)

    await csms.until_count("Heartbeat", 1)


async def test_a_new_heartbeat_interval_holds_at_once(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    await make_station()
    variable = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}

    await csms.call("CS-1", "SetVariables", {"setVariableData": [{**variable, "attributeValue": "9"}]})
    await clock.pass_by(9)

    await csms.until_count("Heartbeat", 1)


async def test_a_heartbeat_that_fails_is_followed_by_others(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    csms.scripts["Heartbeat"] = lambda call: f'[4,"{call.message_id}","InternalError","",{{}}]'
    csms.interval = 100
    await make_station()

    await clock.pass_by(100)
    await csms.until_count("Heartbeat", 1)
    await clock.pass_by(100)

    await csms.until_count("Heartbeat", 2)
