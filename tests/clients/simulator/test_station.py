import asyncio

import pytest

from citrine_simulator import SimulatorError, Station, StationConfig, UsageError
from citrine_simulator.store import Store
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms


async def test_a_station_that_is_off_does_nothing(csms: Csms) -> None:
    station = Station(StationConfig(station_id="CS-1", url=csms.url))

    with pytest.raises(UsageError, match="switched off"):
        await station.plug_in()
    with pytest.raises(UsageError, match="switched off"):
        await station.wait_for("connected")
    await station.stop()


async def test_a_station_is_switched_on_once(make_station: MakeStation) -> None:
    station = await make_station()

    with pytest.raises(UsageError, match="switched on already"):
        await station.start()


async def test_waiting_for_what_does_not_happen_ends(make_station: MakeStation) -> None:
    station = await make_station()

    with pytest.raises(TimeoutError, match="no given_up"):
        await station.wait_for("given_up", timeout=0.01)


async def test_waiting_ends_with_the_station(make_station: MakeStation) -> None:
    station = await make_station()
    waiting = station.expect("given_up")
    await station.stop()

    with pytest.raises(SimulatorError, match="switched off"):
        await waiting


async def test_a_state_that_holds_needs_no_waiting(make_station: MakeStation) -> None:
    station = await make_station()

    first = await station.wait_for("connected")

    assert await station.wait_for("connected") is first


async def test_a_wrong_configuration_is_refused_at_the_start() -> None:
    station = Station(StationConfig(station_id="CS-1", variables={"Toaster.Heat": "1"}))

    with pytest.raises(UsageError, match=r"Toaster\.Heat"):
        await station.start()
    await station.stop()


async def test_a_reboot_boots(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()

    await station.boot("Watchdog")
    await station.expect("accepted")

    assert [boot["reason"] for boot in csms.of("BootNotification")] == ["PowerUp", "Watchdog"]


async def test_a_forced_status_is_reported(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await csms.until_count("StatusNotification", 1)

    await station.status(1, 1, "Faulted")

    await csms.until_count("StatusNotification", 2)
    assert csms.of("StatusNotification")[1]["connectorStatus"] == "Faulted"


async def test_a_sample_can_be_asked_for(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.plug_in()
    transaction_id = await station.start_transaction()

    await station.meter(transaction_id)
    await station.wait_for("queue_empty")

    assert csms.of("TransactionEvent")[-1]["triggerReason"] == "MeterValuePeriodic"


async def test_a_station_that_reboots_can_be_switched_off_at_any_moment(make_station: MakeStation) -> None:
    store = Store()
    station = await make_station(store)

    for moment in range(12):
        await station.boot("Watchdog")
        for _ in range(moment):
            await asyncio.sleep(0)
        done, _ = await asyncio.wait([asyncio.create_task(station.stop())], timeout=10)
        assert done, moment
        await station.start()
        await station.wait_for("accepted")
