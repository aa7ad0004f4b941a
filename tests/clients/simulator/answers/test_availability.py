from typing import Any

import pytest

from citrine_simulator import Store
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms

OFF: dict[str, Any] = {"operationalStatus": "Inoperative"}
ON: dict[str, Any] = {"operationalStatus": "Operative"}


def last_statuses(csms: Csms) -> dict[tuple[int, int], str]:
    return {(one["evseId"], one["connectorId"]): one["connectorStatus"] for one in csms.of("StatusNotification")}


@pytest.mark.parametrize(
    ("evse", "off"),
    [
        pytest.param({}, {(1, 1), (1, 2), (2, 1), (2, 2)}, id="G04.FR.01 station"),
        pytest.param({"evse": {"id": 1}}, {(1, 1), (1, 2)}, id="G03.FR.06 EVSE"),
        pytest.param({"evse": {"id": 1, "connectorId": 2}}, {(1, 2)}, id="connector"),
    ],
)
async def test_what_is_switched_off_reports_itself_and_comes_back(
    csms: Csms, make_station: MakeStation, evse: dict[str, Any], off: set[tuple[int, int]]
) -> None:
    await make_station(evses=2, connectors_per_evse=2)
    await csms.until_count("StatusNotification", 4)

    answer = await csms.call("CS-1", "ChangeAvailability", {**OFF, **evse})
    await csms.until_count("StatusNotification", 4 + len(off))
    unavailable = {key for key, status in last_statuses(csms).items() if status == "Unavailable"}
    await csms.call("CS-1", "ChangeAvailability", {**ON, **evse})
    await csms.until_count("StatusNotification", 4 + 2 * len(off))

    assert answer == {"status": "Accepted"}
    assert unavailable == off
    assert set(last_statuses(csms).values()) == {"Available"}


async def test_G03_FR_05_a_transaction_is_waited_for(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.plug_in()
    transaction_id = await station.start_transaction()

    answer = await csms.call("CS-1", "ChangeAvailability", {**OFF, "evse": {"id": 1}})
    await station.stop_transaction(transaction_id)

    assert answer == {"status": "Scheduled"}
    await csms.until(lambda: last_statuses(csms) == {(1, 1): "Unavailable"})


@pytest.mark.parametrize(
    "evse",
    [
        pytest.param({}, id="station"),
        pytest.param({"evse": {"id": 1}}, id="EVSE"),
        pytest.param({"evse": {"id": 1, "connectorId": 1}}, id="connector"),
    ],
)
async def test_what_is_switched_off_and_on_while_it_charges_is_on_afterwards(
    csms: Csms, make_station: MakeStation, evse: dict[str, Any]
) -> None:
    """The last change of several that a transaction puts off is the one that counts (G03.FR.05, G04.FR.06)."""
    station = await make_station(evses=2)
    await station.plug_in()
    transaction_id = await station.start_transaction()
    await csms.call("CS-1", "ChangeAvailability", {**OFF, **evse})

    answer = await csms.call("CS-1", "ChangeAvailability", {**ON, **evse})
    await station.stop_transaction(transaction_id)
    await station.unplug()

    assert answer == {"status": "Accepted"}
    await csms.until(lambda: last_statuses(csms) == {(1, 1): "Available", (2, 1): "Available"})


async def test_a_change_that_waits_is_not_dropped_by_one_of_something_else(
    csms: Csms, make_station: MakeStation
) -> None:
    station = await make_station()
    await station.plug_in()
    transaction_id = await station.start_transaction()
    first = await csms.call("CS-1", "ChangeAvailability", {**OFF, "evse": {"id": 1}})
    second = await csms.call("CS-1", "ChangeAvailability", {**OFF, "evse": {"id": 1, "connectorId": 1}})
    await csms.call("CS-1", "ChangeAvailability", {**ON, "evse": {"id": 1, "connectorId": 1}})

    await station.stop_transaction(transaction_id)

    assert [first, second] == [{"status": "Scheduled"}] * 2
    await csms.until(lambda: last_statuses(csms) == {(1, 1): "Unavailable"})


async def test_a_change_that_waits_is_not_dropped_by_one_of_another_evse(csms: Csms, make_station: MakeStation) -> None:
    """Each of them comes into force when the transaction of its own EVSE has ended (G03.FR.05)."""
    station = await make_station(evses=3)
    transactions = []
    for evse_id in (1, 2):
        await station.plug_in(evse_id)
        transactions.append(await station.start_transaction(evse_id))
    first, second, third = [
        await csms.call("CS-1", "ChangeAvailability", {**OFF, "evse": {"id": evse_id}}) for evse_id in (1, 2, 3)
    ]

    for transaction_id in transactions:
        await station.stop_transaction(transaction_id)

    assert [first["status"], second["status"], third["status"]] == ["Scheduled", "Scheduled", "Accepted"]
    await csms.until(lambda: set(last_statuses(csms).values()) == {"Unavailable"})


async def test_a_change_that_waits_survives_a_loss_of_power(csms: Csms, make_station: MakeStation) -> None:
    store = Store()
    station = await make_station(store=store)
    await station.plug_in()
    await station.start_transaction()
    await csms.call("CS-1", "ChangeAvailability", {**OFF, "evse": {"id": 1}})
    await station.stop()
    csms.calls.clear()

    again = await make_station(store=store)
    await again.unplug()

    await csms.until(lambda: last_statuses(csms) == {(1, 1): "Unavailable"})


async def test_G04_FR_06_the_rest_of_the_station_goes_off_at_once(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(evses=2)
    await station.plug_in(1)

    answer = await csms.call("CS-1", "ChangeAvailability", OFF)

    assert answer == {"status": "Scheduled"}
    await csms.until(lambda: last_statuses(csms) == {(1, 1): "Occupied", (2, 1): "Unavailable"})


async def test_G03_FR_08_availability_survives_a_loss_of_power(csms: Csms, make_station: MakeStation) -> None:
    store = Store()
    station = await make_station(store=store)
    await csms.call("CS-1", "ChangeAvailability", OFF)
    await station.stop()
    csms.calls.clear()

    await make_station(store=store)

    await csms.until_count("StatusNotification", 1)
    assert last_statuses(csms) == {(1, 1): "Unavailable"}


async def test_F01_FR_23_nothing_starts_on_what_is_switched_off(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    await csms.call("CS-1", "ChangeAvailability", OFF)
    start = {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1}

    answer = await csms.call("CS-1", "RequestStartTransaction", start)

    assert answer["status"] == "Rejected"
    assert answer["statusInfo"]["reasonCode"]


async def test_an_unknown_connector_is_rejected(csms: Csms, make_station: MakeStation) -> None:
    await make_station()

    answer = await csms.call("CS-1", "ChangeAvailability", {**OFF, "evse": {"id": 1, "connectorId": 9}})

    assert answer["status"] == "Rejected"
