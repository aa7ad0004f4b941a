"""ReservationService on a whole core, with a station played by the test."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import reservation_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget, TimeRange
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import CustomData, IdToken
from tests.support.api import field_violations
from tests.support.blocks import stamp
from tests.support.reservations import Desk, in_an_hour


async def test_the_core_chooses_ids_that_the_station_was_never_sent(desk: Desk) -> None:
    first = await desk.reserve(evse_id=1)
    own = await desk.reserve(evse_id=2, id=41)
    last = await desk.reserve(evse_id=3, group_id_token=IdToken(id_token="FLEET", type="Central"))

    assert [one.request.id for one in (first, own, last)] == [1, 41, 42]
    assert [one.id for one in desk.sent] == [1, 41, 42]
    assert last.request == desk.sent[-1]
    assert last.request.group_id_token.id_token == "FLEET"
    assert {one.state for one in (first, own, last)} == {pb.RESERVATION_STATE_ACTIVE}


async def test_largest_id_leaves_room_below_it(desk: Desk) -> None:
    await desk.reserve(evse_id=1, id=2**31 - 1)
    await desk.reserve(evse_id=2, id=1)

    assert (await desk.reserve(evse_id=3)).request.id == 2


async def test_H01_FR_11_what_is_free_the_station_says(desk: Desk) -> None:
    """It is asked whatever our record says, which may be wrong; it refuses what it keeps for somebody else."""
    kept = await desk.reserve(evse_id=1)
    desk.status = ocpp.RESERVE_NOW_STATUS_ENUM_OCCUPIED

    refused = await desk.reserve(evse_id=1, id_token=IdToken(id_token="BB", type="Central"))

    assert refused.state == pb.RESERVATION_STATE_REFUSED
    assert len(desk.sent) == 2
    assert await desk.state(kept.request.id) == "ACTIVE"


async def test_an_evse_that_a_station_gives_to_another_is_kept_for_the_first_no_more(desk: Desk) -> None:
    lost = await desk.reserve(evse_id=1)
    elsewhere = await desk.reserve(evse_id=2)

    won = await desk.reserve(evse_id=1, id_token=IdToken(id_token="BB", type="Central"))

    ended = await desk.get(lost.request.id)
    assert ended.state == pb.RESERVATION_STATE_REMOVED
    assert ended.detail == f"the station accepted reservation {won.request.id} of its EVSE"
    assert await desk.state(elsewhere.request.id) == "ACTIVE"


async def test_H03_a_station_is_told_the_group_of_the_token(desk: Desk) -> None:
    tokens = desk.core.stub(TokensServiceStub)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="AA", type="Central", group_id="FLEET")))

    reservation = await desk.reserve()
    other = IdToken(id_token="OTHER", type="Central")
    given = await desk.reserve(group_id_token=other)
    unknown = await desk.reserve(id_token=IdToken(id_token="BB", type="Central"))

    assert reservation.request.group_id_token == IdToken(id_token="FLEET", type="Central")
    assert desk.sent[0] == reservation.request
    assert given.request.group_id_token == other
    assert not unknown.request.HasField("group_id_token")


async def test_a_reservation_of_the_same_id_replaces_the_active_one(desk: Desk) -> None:
    """H01.FR.02, also for the same EVSE. The old one is what it was until the station accepts."""
    await desk.reserve(evse_id=1, id=7)
    desk.status = ocpp.RESERVE_NOW_STATUS_ENUM_FAULTED
    refused = await desk.reserve(evse_id=1, id=7, id_token=IdToken(id_token="BB", type="Central"))
    assert refused.state == pb.RESERVATION_STATE_REFUSED
    assert (await desk.get(7)).request.id_token.id_token == "AA"

    desk.status = ocpp.RESERVE_NOW_STATUS_ENUM_ACCEPTED
    await desk.reserve(evse_id=1, id=7, id_token=IdToken(id_token="CC", type="Central"))

    listed = (await desk.api.ListReservations(pb.ListReservationsRequest(station_id="CS-1"))).reservations
    assert [(one.request.id_token.id_token, one.state) for one in listed] == [
        ("CC", pb.RESERVATION_STATE_ACTIVE),
        ("BB", pb.RESERVATION_STATE_REFUSED),
        ("AA", pb.RESERVATION_STATE_REPLACED),
    ]


async def changes(desk: Desk, since: Timestamp | None) -> AsyncIterator[tuple[int, int, Timestamp]]:
    """Yield id, state and time of what changed since, read page by page."""
    request = pb.ListReservationsRequest(update_time=TimeRange(start=since), page_size=1)
    while True:
        page = await desk.api.ListReservations(request)
        for one in page.reservations:
            yield one.request.id, one.state, one.update_time
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return


async def test_reservations_are_listed_by_the_time_of_their_last_change(desk: Desk) -> None:
    """Who asks from the latest time that it saw gets what changed since, the first change first."""
    for evse_id, number in ((1, 7), (2, 8)):
        await desk.reserve(evse_id=evse_id, id=number)
    seen = [one async for one in changes(desk, None)]
    assert [number for number, _, _ in seen] == [7, 8]

    desk.status = ocpp.RESERVE_NOW_STATUS_ENUM_FAULTED
    await desk.reserve(evse_id=1, id=9)
    update = ocpp.ReservationStatusUpdateRequest(
        reservation_id=7, reservation_update_status=ocpp.RESERVATION_UPDATE_STATUS_ENUM_REMOVED
    )
    await desk.session.call(update)

    later = [(number, state) async for number, state, _ in changes(desk, seen[-1][2])]
    assert later == [
        (8, pb.RESERVATION_STATE_ACTIVE),
        (9, pb.RESERVATION_STATE_REFUSED),
        (7, pb.RESERVATION_STATE_REMOVED),
    ]


async def refused_field(desk: Desk, **fields: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await desk.reserve(**fields)
    (field,) = field_violations(refused.value)
    return field


async def test_what_can_never_be_right_is_refused(desk: Desk) -> None:
    before = stamp(datetime.now(UTC) - timedelta(minutes=1))

    assert await refused_field(desk, evse_id=0) == "request.evse_id"
    assert await refused_field(desk, id=-1) == "request.id"
    assert await refused_field(desk, id_token=None) == "request.id_token"
    long = IdToken(id_token="A" * 256, type="Central")
    assert await refused_field(desk, id_token=long) == "request.id_token.id_token"
    nothing = IdToken(type="ISO14443")
    assert await refused_field(desk, id_token=nothing) == "request.id_token.id_token"
    assert await refused_field(desk, expiry_date_time=None) == "request.expiry_date_time"
    assert await refused_field(desk, expiry_date_time=before) == "request.expiry_date_time"
    assert (await desk.api.ListReservations(pb.ListReservationsRequest())).reservations == []


async def test_a_reservation_that_can_t_be_sent_keeps_no_evse(desk: Desk) -> None:
    await desk.session.close()

    with pytest.raises(grpc.aio.AioRpcError) as unavailable:
        await desk.reserve(evse_id=1)
    with pytest.raises(grpc.aio.AioRpcError) as invalid:
        await desk.reserve(CommandTarget(station_id="CS-1", reason="x" * 300), evse_id=1)
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await desk.reserve(CommandTarget(station_id="CS-2"), evse_id=1)

    assert unavailable.value.code() is grpc.StatusCode.UNAVAILABLE
    assert invalid.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    listed = (await desk.api.ListReservations(pb.ListReservationsRequest())).reservations
    assert [one.state for one in listed] == [pb.RESERVATION_STATE_FAILED] * 2
    assert "not connected" in listed[1].detail


async def test_a_reservation_waits_for_its_station_no_longer_than_it_would_last(desk: Desk) -> None:
    await desk.session.close()
    end = in_an_hour()

    response = await desk.api.ReserveNow(
        pb.ReserveNowRequest(
            target=CommandTarget(station_id="CS-1", when_online=True),
            request=ocpp.ReserveNowRequest(
                evse_id=1, expiry_date_time=stamp(end), id_token=IdToken(id_token="AA", type="Central")
            ),
        )
    )

    assert response.command.expire_time == stamp(end)
    assert not response.HasField("response")
    assert response.reservation.state == pb.RESERVATION_STATE_REQUESTED
    opened = await desk.api.ListReservations(pb.ListReservationsRequest(open_only=True, id_token="aa"))
    assert list(opened.reservations) == [response.reservation]


async def test_reservations_are_listed_page_by_page_for_their_tenant(desk: Desk) -> None:
    await desk.core.add_tenant("other")
    custom = CustomData(vendor_id="com.example")
    custom.data.update({"spot": "B7"})
    for evse_id in (1, 2, 3):
        await desk.reserve(evse_id=evse_id, custom_data=custom)
    request = pb.ListReservationsRequest(page_size=2, state=pb.RESERVATION_STATE_ACTIVE)

    first = await desk.api.ListReservations(request)
    request.page_token = first.next_page_token
    second = await desk.api.ListReservations(request)
    others = await desk.api.ListReservations(pb.ListReservationsRequest(), metadata=desk.core.metadata("other"))

    shown = [*first.reservations, *second.reservations]
    assert [one.request.evse_id for one in shown] == [3, 2, 1]
    assert shown[0].request.custom_data == custom
    assert not others.reservations


async def test_a_removed_station_leaves_no_reservations(desk: Desk) -> None:
    await desk.reserve(evse_id=1)

    async with desk.core.core.unit_of_work() as work:
        await desk.core.core.services.forget_station(work, "default", "CS-1")
        await work.commit()

    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await desk.get(1)
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND
