from datetime import UTC, datetime, timedelta
from typing import Any

from citrine_simulator.clock import format_time
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock

TOKEN = {"idToken": "AA", "type": "Central"}


def reserve_now(**fields: Any) -> dict[str, Any]:
    # The station has the time of the CSMS.
    end = format_time(datetime.now(UTC) + timedelta(hours=1))
    return {"id": 7, "expiryDateTime": end, "idToken": TOKEN, "evseId": 1, **fields}


def last_statuses(csms: Csms) -> dict[int, str]:
    return {one["evseId"]: one["connectorStatus"] for one in csms.of("StatusNotification")}


async def test_H01_FR_15_the_reserved_token_uses_its_evse(csms: Csms, make_station: MakeStation) -> None:
    """Nobody else can; nor can anybody reserve what is reserved."""
    station = await make_station()
    others = {"idToken": {"idToken": "BB", "type": "Central"}, "remoteStartId": 1}

    accepted = await csms.call("CS-1", "ReserveNow", reserve_now())
    await csms.until(lambda: last_statuses(csms) == {1: "Reserved"})
    occupied = await csms.call("CS-1", "ReserveNow", reserve_now(id=8))
    refused = await csms.call("CS-1", "RequestStartTransaction", others)
    await station.plug_in()
    await csms.call("CS-1", "RequestStartTransaction", {"idToken": TOKEN, "remoteStartId": 2})
    await csms.until(lambda: any("reservationId" in event for event in csms.of("TransactionEvent")))

    assert (accepted, occupied) == ({"status": "Accepted"}, {"status": "Occupied"})
    assert refused["status"] == "Rejected"
    assert refused["statusInfo"]["additionalInfo"] == "EVSE 1 is reserved: 7"
    (event,) = [event for event in csms.of("TransactionEvent") if "reservationId" in event]
    assert (event["reservationId"], event["idToken"]) == (7, TOKEN)
    await csms.until(lambda: last_statuses(csms) == {1: "Occupied"})
    assert await csms.call("CS-1", "CancelReservation", {"reservationId": 7}) == {"status": "Rejected"}


async def test_H02_a_cancelled_reservation_is_none(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    await csms.call("CS-1", "ReserveNow", reserve_now())
    await csms.until(lambda: last_statuses(csms) == {1: "Reserved"})

    answer = await csms.call("CS-1", "CancelReservation", {"reservationId": 7})

    assert answer == {"status": "Accepted"}
    await csms.until(lambda: last_statuses(csms) == {1: "Available"})
    assert csms.of("ReservationStatusUpdate") == []


async def test_H04_FR_01_a_reservation_expires(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    await make_station()
    await csms.call("CS-1", "ReserveNow", reserve_now())
    await csms.until(lambda: last_statuses(csms) == {1: "Reserved"})

    clock.advance(3601)

    assert await csms.until_count("ReservationStatusUpdate", 1) == [
        {"reservationId": 7, "reservationUpdateStatus": "Expired"}
    ]
    await csms.until(lambda: last_statuses(csms) == {1: "Available"})


async def test_H01_FR_16_a_fault_removes_a_reservation(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await csms.call("CS-1", "ReserveNow", reserve_now())
    await csms.call("CS-1", "ReserveNow", reserve_now(idToken={"idToken": "BB", "type": "Central"}))
    await csms.until(lambda: last_statuses(csms) == {1: "Reserved"})

    await station.status(1, 1, "Faulted")

    assert await csms.until_count("ReservationStatusUpdate", 1) == [
        {"reservationId": 7, "reservationUpdateStatus": "Removed"}
    ]
    assert await csms.call("CS-1", "ReserveNow", reserve_now()) == {"status": "Faulted"}
    assert (await csms.call("CS-1", "ReserveNow", reserve_now(evseId=9)))["status"] == "Rejected"
