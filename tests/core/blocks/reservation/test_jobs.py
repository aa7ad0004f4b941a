"""What the core does about reservations by itself."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine_core.blocks.reservation import Reservation, ReservationExpiry
from citrine_core.blocks.reservation.jobs import SAY_TIME
from tests.support.charging import started
from tests.support.reservations import Desk
from tests.support.waiting import PAUSE, WAIT


async def run(desk: Desk, **later: float) -> None:
    """Do what is due after a time."""
    services = desk.core.core.services
    ahead = timedelta(**later)
    await ReservationExpiry(replace(services, clock=lambda: services.clock() + ahead)).run()


async def boot(desk: Desk, reason: str = "POWER_UP") -> None:
    """Have the station boot."""
    station = provisioning.ChargingStation(model="M", vendor_name="V")
    request = provisioning.BootNotificationRequest(
        reason=provisioning.BootReasonEnum.Value(f"BOOT_REASON_ENUM_{reason}"), charging_station=station
    )
    await desk.session.call(request)


async def test_a_reservation_expires_by_our_clock_where_the_station_says_nothing(desk: Desk) -> None:
    """And if it says later that a transaction used it in time, that is what counts."""
    reservation = await desk.reserve(evse_id=1)

    await run(desk, minutes=59)
    assert await desk.state(1) == "ACTIVE"
    await run(desk, minutes=61)
    expired = await desk.get(1)
    await desk.update(1, "EXPIRED")
    await desk.session.call(started(reservation_id=1))

    assert expired.state_time == reservation.request.expiry_date_time
    assert expired.detail == "its time passed"
    assert await desk.told() == ["REQUESTED", "ACTIVE", "EXPIRED", "USED"]


async def test_an_evse_out_of_order_keeps_nothing(desk: Desk) -> None:
    """H01.FR.16, H01.FR.17: the station has some time to say so itself; a reservation of any EVSE lasts longer."""
    for evse_id in (1, 2):
        await desk.connector(evse_id, "AVAILABLE")
    await desk.reserve(evse_id=1)
    await desk.reserve()
    await desk.connector(1, "FAULTED")

    await run(desk, seconds=SAY_TIME.total_seconds() - 5)
    assert await desk.state(1) == "ACTIVE"
    await run(desk, seconds=SAY_TIME.total_seconds() + 5)
    assert (await desk.state(1), await desk.state(2)) == ("REMOVED", "ACTIVE")

    await desk.connector(2, "UNAVAILABLE")
    await run(desk, seconds=SAY_TIME.total_seconds() + 5)
    assert await desk.state(2) == "REMOVED"


async def test_what_a_connector_was_before_the_reservation_is_of_no_account(desk: Desk) -> None:
    await desk.connector(1, "FAULTED")
    await desk.reserve(evse_id=1)

    await run(desk, minutes=10)

    assert await desk.state(1) == "ACTIVE"


async def test_a_station_that_booted_is_asked_for_its_reservations_again(desk: Desk) -> None:
    """It may have lost them. It is the same reservation where it takes it, and ends where it does not."""
    reservation = await desk.reserve(evse_id=1)
    await boot(desk, "TRIGGERED")
    await run(desk)
    assert len(desk.sent) == 1

    await boot(desk)
    await run(desk)
    await run(desk)

    assert desk.sent == [reservation.request, reservation.request]
    assert await desk.told() == ["REQUESTED", "ACTIVE", "REQUESTED", "ACTIVE"]

    desk.status = ocpp.RESERVE_NOW_STATUS_ENUM_OCCUPIED
    await boot(desk)
    await run(desk)

    ended = await desk.get(1)
    assert (await desk.state(1), ended.detail) == ("REMOVED", "the station booted: it is asked again, and refused it")


async def test_a_station_whose_evse_is_free_is_asked_for_its_reservation_again(desk: Desk) -> None:
    """But not for ever: some never say Reserved, and keep the EVSE all the same."""
    await desk.connector(1, "AVAILABLE")
    reservation = await desk.reserve(evse_id=1)
    await run(desk, minutes=10)
    assert len(desk.sent) == 1

    for _ in range(4):
        await desk.connector(1, "AVAILABLE")
        await run(desk, seconds=SAY_TIME.total_seconds() + 5)

    assert desk.sent == [reservation.request] * 3
    assert await desk.state(1) == "ACTIVE"


async def test_a_reservation_that_can_t_be_asked_for_again_keeps_nothing(desk: Desk) -> None:
    """And the station is told to cancel it, should it have it."""
    await desk.reserve(evse_id=1)
    desk.status = None

    await boot(desk)
    await run(desk)
    # The core cleans up at once, or this does.
    await run(desk)
    async with asyncio.timeout(WAIT):
        while await desk.state(1) != "CANCELLED":
            await asyncio.sleep(PAUSE)

    assert await desk.told() == ["REQUESTED", "ACTIVE", "REQUESTED", "REMOVED", "CANCELLED"]
    assert desk.sent[-1].reservation_id == 1


async def test_a_reservation_whose_command_was_lost_fails(desk: Desk) -> None:
    """As where its core died between storing it and sending it; the station is told to cancel what it may hold."""
    await desk.reserve(evse_id=1)
    async with desk.core.core.unit_of_work() as work:
        row = await work.session.get_one(Reservation, 1)
        row.state, row.status = 1, None
        await work.commit()

    await run(desk, minutes=12)

    assert await desk.told() == ["REQUESTED", "ACTIVE", "FAILED", "CANCELLED"]
    assert desk.sent[-1].reservation_id == 1
