"""Reservations of partners: replaced, cancelled by anybody, used; who is asked about their tokens, and what is said."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from citrine.api.v1 import reservation_pb2 as api
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.reservation_pb2_grpc import ReservationServiceStub
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine_core.events import OutboxRepository
from citrine_ocpi.modules.tokens.repository import TokenRepository
from tests.clients.ocpi.modules import test_roaming
from tests.clients.ocpi.modules.test_commands import CANCELLED, OCCUPIED, RESERVED, UID, Commander, token
from tests.support.core import PASSWORD, running_core
from tests.support.emsp import Emsp, emsp
from tests.support.ocpi import running_adapter

roaming = test_roaming.roaming
LOCATION = test_roaming.LOCATION


class Guest(Commander):
    """A partner that reserves."""

    def __init__(self, found: Any, partner: Emsp, uid: str = UID) -> None:
        super().__init__(found, partner)
        self.uid = uid

    def token(self) -> dict[str, Any]:
        """Return its token."""
        return token(self.partner, self.uid)

    async def reserve(self, name: str = "R-1", hours: float = 1, reference: str = "", evse_uid: str = "E-1") -> str:
        """Have the EVSE reserved, and return the result."""
        expiry = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"token": self.token(), "expiry_date": expiry, "reservation_id": name, "location_id": "L-1"}
        optional = {"evse_uid": evse_uid, "authorization_reference": reference}
        body |= {field: value for field, value in optional.items() if value}
        assert (await self.ask("RESERVE_NOW", body))[1]["result"] == "ACCEPTED"
        return await self.result("RESERVE_NOW")

    def said(self, number: int) -> list[str]:
        """Return all that the partner was told of a reservation, by the number of the command that made it."""
        place = f"RESERVE_NOW/{number}"
        return [one.body["result"] for one in self.partner.received if one.path == place]

    async def until_said(self, number: int, *results: str) -> None:
        """Wait until the partner was told this."""
        await self.partner.wait_for(lambda _: self.said(number) == [*results])

    def sessions(self) -> list[Any]:
        return [value for (module, _), value in self.partner.objects.items() if module == "sessions"]

    async def until(self, *statuses: str) -> list[Any]:
        """Return the sessions of the partner once they have these statuses."""
        found: list[Any] = await self.partner.wait_for(
            lambda _: (found := self.sessions()) and [one["status"] for one in found] == [*statuses] and found
        )
        return found

    async def update(self, number: int, status: str) -> None:
        """Have the station tell how a reservation ended."""
        value = ocpp.ReservationUpdateStatusEnum.Value(f"RESERVATION_UPDATE_STATUS_ENUM_{status}")
        await self.roaming.station.call(
            ocpp.ReservationStatusUpdateRequest(reservation_id=number, reservation_update_status=value)
        )

    async def is_commanded(self, minutes: float) -> bool:
        """Return whether nobody is asked about the token at the station, so many minutes from now."""
        then = datetime.now(UTC) + timedelta(minutes=minutes)
        async with self.roaming.adapter.office.database.reading() as session:
            return await TokenRepository(session).is_commanded("tnm", UID, "CS-1", then)


@pytest.fixture
def guest(roaming: Any) -> Guest:
    return Guest(roaming, roaming.tnm)


def number_of(message: Message) -> int:
    assert isinstance(message, ocpp.ReserveNowRequest)
    return message.id


async def test_a_partner_is_told_of_each_reservation_that_somebody_else_cancelled(guest: Guest) -> None:
    """By the operator or the station; not of those that it cancelled itself, or whose time is over."""
    guest.answer(RESERVED, CANCELLED, RESERVED, RESERVED, CANCELLED, RESERVED)
    desk: Any = guest.roaming.core.stub(ReservationServiceStub)

    assert await guest.reserve(reference="ref-1") == "ACCEPTED"
    (reserved,) = await guest.until("RESERVATION")
    assert (reserved["authorization_reference"], reserved["auth_method"]) == ("ref-1", "COMMAND")
    number = number_of(guest.sent[0])
    assert await guest.is_commanded(minutes=50)
    cancel = ocpp.CancelReservationRequest(reservation_id=number)
    await desk.CancelReservation(api.CancelReservationRequest(target=CommandTarget(station_id="CS-1"), request=cancel))
    await guest.until_said(1, "ACCEPTED", "CANCELED_RESERVATION")
    (over,) = await guest.until("COMPLETED")
    assert over["authorization_reference"] == "ref-1"
    assert not await guest.is_commanded(minutes=50)
    # The driver may come all the same for a while, and is not asked about.
    assert await guest.is_commanded(minutes=14)

    assert await guest.reserve() == "ACCEPTED"
    await guest.until("COMPLETED", "RESERVATION")
    assert number_of(guest.sent[2]) == number
    await guest.update(number, "REMOVED")
    await guest.until_said(2, "ACCEPTED", "CANCELED_RESERVATION")

    assert await guest.reserve() == "ACCEPTED"
    await guest.until("COMPLETED", "COMPLETED", "RESERVATION")
    assert (await guest.ask("CANCEL_RESERVATION", {"reservation_id": "r-1"}))[1]["result"] == "ACCEPTED"
    assert await guest.result("CANCEL_RESERVATION") == "ACCEPTED"
    await guest.until("COMPLETED", "COMPLETED", "COMPLETED")

    assert await guest.reserve() == "ACCEPTED"
    await guest.until("COMPLETED", "COMPLETED", "COMPLETED", "RESERVATION")
    await guest.update(number, "EXPIRED")
    await guest.until("COMPLETED", "COMPLETED", "COMPLETED", "COMPLETED")
    assert [guest.said(one) for one in (1, 2, 3, 5)] == [
        ["ACCEPTED", "CANCELED_RESERVATION"],
        ["ACCEPTED", "CANCELED_RESERVATION"],
        ["ACCEPTED"],
        ["ACCEPTED"],
    ]


async def test_a_reservation_is_replaced_by_another_of_its_name_and_partner_alone(guest: Guest) -> None:
    """Where the station refuses that, the one of before stands as it was."""
    guest.answer(RESERVED, RESERVED, OCCUPIED, RESERVED, CANCELLED)
    stranger = Guest(guest.roaming, guest.roaming.xyz, uid="04D4E5F6")
    stranger.sent = guest.sent

    assert await guest.reserve(reference="ref-1") == "ACCEPTED"
    await guest.until("RESERVATION")
    # Its EVSE, which is not available, need not be named.
    await guest.roaming.set_status("RESERVED")
    await guest.partner.wait_for(
        lambda one: any("RESERVED" in str(x) for (module, _), x in one.objects.items() if module == "locations")
    )
    assert await guest.reserve(hours=2, reference="ref-2", evse_uid="") == "ACCEPTED"
    first, second = await guest.until("COMPLETED", "RESERVATION")
    assert first["id"] != second["id"]
    assert [one["authorization_reference"] for one in (first, second)] == ["ref-1", "ref-2"]
    assert number_of(guest.sent[0]) == number_of(guest.sent[1])
    assert await guest.reserve(hours=3, reference="ref-3") == "EVSE_OCCUPIED"
    assert not await guest.is_commanded(minutes=150)
    assert await guest.is_commanded(minutes=110)

    # To another partner it is another one's, whatever it calls it.
    answer = await stranger.ask("CANCEL_RESERVATION", {"reservation_id": "R-1"})
    assert answer[1]["result"] == "REJECTED"
    refused = await stranger.ask("START_SESSION", {"token": guest.token(), "location_id": "L-1"})
    assert refused[0] == 2001
    assert await stranger.reserve() == "ACCEPTED"
    assert number_of(guest.sent[3]) != number_of(guest.sent[0])
    # The station has one reservation of an EVSE: that of before is gone, as its partner is told where it asked for it.
    await guest.until_said(2, "ACCEPTED", "CANCELED_RESERVATION")
    assert guest.said(3) == ["EVSE_OCCUPIED"]
    assert (await stranger.ask("CANCEL_RESERVATION", {"reservation_id": "R-1"}))[1]["result"] == "ACCEPTED"
    assert await stranger.result("CANCEL_RESERVATION") == "ACCEPTED"
    assert isinstance(guest.sent[4], ocpp.CancelReservationRequest)
    assert guest.sent[4].reservation_id == number_of(guest.sent[3])


async def test_what_became_of_a_reservation_is_said_though_no_event_of_it_is_retained(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Nor is it another one's, where the partner had its name again since."""
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(running_core(sqlite_url, tmp_path, station_clock_tolerance=None))
        await core.add_station("CS-1", registration=1)
        edge = await stack.enter_async_context(core.edge())
        station = await edge.connect("CS-1", PASSWORD)
        await test_roaming.prepare(core)
        partner = await stack.enter_async_context(emsp())
        async with running_adapter(tmp_path, core=core.address, key=core.key) as adapter:
            await partner.register(adapter.versions_url, await adapter.invite("tnm"))
            found = test_roaming.Roaming(core, adapter, station, partner, partner)
            guest = Guest(found, partner)
            guest.answer(RESERVED)
            await found.set_status("AVAILABLE")
            await partner.wait_for(lambda one: one.objects.get(("locations", LOCATION)))
            assert await guest.reserve() == "ACCEPTED"
            await guest.until("RESERVATION")

        number = number_of(guest.sent[0])
        await guest.update(number, "REMOVED")
        async with core.core.unit_of_work() as work:
            assert await OutboxRepository(work.session).remove_before(datetime.now(UTC) + timedelta(days=1), 10_000)
            await work.commit()
        async with running_adapter(tmp_path, core=core.address, key=core.key):
            await guest.until("COMPLETED")
            await guest.until_said(1, "ACCEPTED", "CANCELED_RESERVATION")


async def test_a_reservation_that_is_made_anew_at_once_ends_the_session_and_the_bill_of_the_one_before(
    guest: Guest,
) -> None:
    """Both have the same number at the station, and the adapter may read of both at the same time."""
    guest.answer(RESERVED, CANCELLED, RESERVED)
    assert await guest.reserve() == "ACCEPTED"
    await guest.until("RESERVATION")
    assert (await guest.ask("CANCEL_RESERVATION", {"reservation_id": "R-1"}))[1]["result"] == "ACCEPTED"
    assert await guest.result("CANCEL_RESERVATION") == "ACCEPTED"
    assert await guest.reserve() == "ACCEPTED"

    first, second = await guest.until("COMPLETED", "RESERVATION")

    assert number_of(guest.sent[0]) == number_of(guest.sent[2])
    assert first["id"] != second["id"]
    assert guest.said(1) == ["ACCEPTED"]
