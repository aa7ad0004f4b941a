"""What becomes of reservations, as stations tell."""

import asyncio

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from citrine.api.v1.commands_pb2 import CallStationRequest
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.codec import encode
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import StatusInfo
from tests.support.charging import at, started, updated
from tests.support.reservations import Desk, reserve_now
from tests.support.waiting import WAIT


async def test_H01_FR_15_a_transaction_uses_a_reservation(desk: Desk) -> None:
    """Whatever the station says of it later."""
    await desk.reserve(evse_id=1)

    await desk.session.call_all([started(reservation_id=1), updated(1, reservation_id=1)])
    await desk.update(1, "EXPIRED")

    found = await desk.get(1)
    assert found.transaction_id == "T-1"
    assert found.status_update.reservation_id == 1
    assert found.state_time == at(0)
    assert await desk.told() == ["REQUESTED", "ACTIVE", "USED"]


async def test_a_late_event_does_not_use_a_later_reservation_of_the_same_id(desk: Desk) -> None:
    await desk.reserve(evse_id=1, id=5)
    await desk.session.call(started(reservation_id=5))
    await desk.reserve(evse_id=1, id=5)

    await desk.session.call(updated(1, reservation_id=5))

    assert await desk.state(5) == "ACTIVE"


async def test_H04_FR_01_a_station_says_how_reservations_ended(desk: Desk) -> None:
    """Once or twice."""
    for evse_id in (1, 2, 3):
        await desk.reserve(evse_id=evse_id)

    for _ in range(2):
        for number, status in enumerate(("EXPIRED", "REMOVED", "NO_TRANSACTION"), start=1):
            await desk.update(number, status)

    assert [await desk.state(number) for number in (1, 2, 3)] == ["EXPIRED", "REMOVED", "NO_TRANSACTION"]
    assert (await desk.told())[6:] == ["EXPIRED", "REMOVED", "NO_TRANSACTION"]


async def test_an_update_of_a_reservation_that_is_not_ours_is_answered(desk: Desk) -> None:
    await desk.update(99, "EXPIRED")

    assert await desk.told() == []


async def test_H02_a_reservation_is_cancelled(desk: Desk) -> None:
    """A station that rejects it has no such reservation (H02.FR.01)."""
    for evse_id in (1, 2):
        await desk.reserve(evse_id=evse_id)

    await desk.cancel(1)
    desk.cancel_status = ocpp.CANCEL_RESERVATION_STATUS_ENUM_REJECTED
    answer = await desk.cancel(2)

    assert answer.response.status == ocpp.CANCEL_RESERVATION_STATUS_ENUM_REJECTED
    assert desk.sent[-1] == ocpp.CancelReservationRequest(reservation_id=2)
    assert [await desk.state(number) for number in (1, 2)] == ["CANCELLED", "REMOVED"]


async def test_a_refusal_is_kept_with_its_reason(desk: Desk) -> None:
    desk.session.edge.on_command = lambda command: ocpp.ReserveNowResponse(
        status=ocpp.RESERVE_NOW_STATUS_ENUM_OCCUPIED,
        status_info=StatusInfo(reason_code="InUse", additional_info="EVSE 1"),
    )

    reservation = await desk.reserve(evse_id=1)

    assert reservation.status == ocpp.RESERVE_NOW_STATUS_ENUM_OCCUPIED
    assert (await desk.state(1), reservation.detail) == ("REFUSED", "InUse EVSE 1")


async def test_a_reservation_by_call_station_is_one(desk: Desk) -> None:
    request = CallStationRequest(target=CommandTarget(station_id="CS-1"), action="ReserveNow")
    ParseDict(encode(reserve_now(id=3, evse_id=1)), request.payload)

    await desk.core.stub(CommandsServiceStub).CallStation(request)

    assert await desk.state(3) == "ACTIVE"
    assert await desk.told() == ["REQUESTED", "ACTIVE"]


async def test_a_station_that_may_hold_what_it_did_not_confirm_is_told_to_cancel_it(desk: Desk) -> None:
    desk.status = None
    with pytest.raises(grpc.aio.AioRpcError) as late:
        await desk.reserve(evse_id=1)

    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    async with asyncio.timeout(WAIT):
        while await desk.state(1) != "CANCELLED":
            await asyncio.sleep(0.05)
    assert desk.sent[-1] == ocpp.CancelReservationRequest(reservation_id=1)
    assert await desk.told() == ["REQUESTED", "FAILED", "CANCELLED"]


async def test_what_comes_after_the_answer_may_be_handled_before_it(desk: Desk) -> None:
    """Within a batch, messages of stations go first: the reservation stays what it has become."""
    edge = desk.session.edge
    edge.on_command = lambda command: None
    running = asyncio.ensure_future(desk.reserve(evse_id=1))
    async with asyncio.timeout(WAIT):
        while not edge.commands:
            await asyncio.sleep(0.01)

    await desk.update(1, "REMOVED")
    answer = ocpp.ReserveNowResponse(status=ocpp.RESERVE_NOW_STATUS_ENUM_ACCEPTED)
    edge.put(link.Upstream(command_result=edge.result(edge.commands[0], answer)))
    reservation = await running

    assert reservation.status == ocpp.RESERVE_NOW_STATUS_ENUM_ACCEPTED
    assert await desk.state(1) == "REMOVED"
    assert await desk.told() == ["REQUESTED", "REMOVED"]
