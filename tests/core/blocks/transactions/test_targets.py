"""Commands about a transaction, or a reservation, that name no station."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import remote_control_pb2, reservation_pb2, smart_charging_pb2, tariff_and_cost_pb2
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.reservation_pb2_grpc import ReservationServiceStub
from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceStub
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2 import reservation_pb2 as reservations
from citrine.ocpp.v2 import smart_charging_pb2 as profiles
from citrine.ocpp.v2 import tariff_and_cost_pb2 as costs
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import (
    CHARGING_PROFILE_KIND_ENUM_RELATIVE,
    CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE,
    CHARGING_RATE_UNIT_ENUM_A,
    ChargingProfile,
    ChargingSchedule,
    ChargingSchedulePeriod,
)
from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.reservations import reserve_now

ANSWERS: dict[type[Message], Message] = {
    ocpp.RequestStopTransactionRequest: ocpp.RequestStopTransactionResponse(
        status=ocpp.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
    ),
    ocpp.UnlockConnectorRequest: ocpp.UnlockConnectorResponse(status=ocpp.UNLOCK_STATUS_ENUM_UNLOCKED),
    profiles.ClearChargingProfileRequest: profiles.ClearChargingProfileResponse(
        status=profiles.CLEAR_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED
    ),
    profiles.SetChargingProfileRequest: profiles.SetChargingProfileResponse(
        status=profiles.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED
    ),
    costs.CostUpdatedRequest: costs.CostUpdatedResponse(),
    reservations.ReserveNowRequest: reservations.ReserveNowResponse(
        status=reservations.RESERVE_NOW_STATUS_ENUM_ACCEPTED
    ),
    reservations.CancelReservationRequest: reservations.CancelReservationResponse(
        status=reservations.CANCEL_RESERVATION_STATUS_ENUM_ACCEPTED
    ),
}


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    async with core.edge() as edge:
        edge.on_command = lambda command: ANSWERS[type(unwrap(command.request))]
        yield edge


async def online(core: RunningCore, edge: FakeEdge, station_id: str) -> FakeSession:
    await core.add_station(station_id, registration=1)
    session = await edge.connect(station_id, PASSWORD)
    await session.call(HeartbeatRequest())
    return session


def last(edge: FakeEdge) -> tuple[str, Any]:
    command: link.Command = edge.commands[-1]
    return command.session.station_id, unwrap(command.request)


def stop(core: RunningCore, transaction_id: str, station_id: str = "") -> Any:
    request = remote_control_pb2.RequestStopTransactionRequest(
        target=CommandTarget(station_id=station_id),
        request=ocpp.RequestStopTransactionRequest(transaction_id=transaction_id),
    )
    return core.stub(RemoteControlServiceStub).RequestStopTransaction(request)


def limit(core: RunningCore, transaction_id: str, station_id: str = "") -> Any:
    schedule = ChargingSchedule(id=1, charging_rate_unit=CHARGING_RATE_UNIT_ENUM_A)
    schedule.charging_schedule_period.append(ChargingSchedulePeriod(start_period=0, limit=16))
    profile = ChargingProfile(
        charging_profile_purpose=CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE,
        charging_profile_kind=CHARGING_PROFILE_KIND_ENUM_RELATIVE,
        charging_schedule=[schedule],
        transaction_id=transaction_id,
    )
    request = smart_charging_pb2.SetChargingProfileRequest(
        target=CommandTarget(station_id=station_id) if station_id else None,
        request=profiles.SetChargingProfileRequest(evse_id=1, charging_profile=profile),
    )
    return core.stub(SmartChargingServiceStub).SetChargingProfile(request)


async def refused(call: Any) -> tuple[grpc.StatusCode, str | None]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details()


async def test_a_command_about_a_transaction_finds_its_station(core: RunningCore, edge: FakeEdge) -> None:
    one, two = await online(core, edge, "CS-1"), await online(core, edge, "CS-2")
    await one.call(started(0, transaction_id="T-1", evse=(1, 2)))
    await two.call(started(0, transaction_id="T-2", evse=(1, 1)))

    await stop(core, "T-1")
    assert last(edge) == ("CS-1", ocpp.RequestStopTransactionRequest(transaction_id="T-1"))

    unlock = remote_control_pb2.UnlockConnectorRequest(transaction_id="T-1")
    await core.stub(RemoteControlServiceStub).UnlockConnector(unlock)
    assert last(edge) == ("CS-1", ocpp.UnlockConnectorRequest(evse_id=1, connector_id=2))

    await limit(core, "T-2")
    station_id, sent = last(edge)
    assert (station_id, sent.evse_id, sent.charging_profile.transaction_id) == ("CS-2", 1, "T-2")

    clear = smart_charging_pb2.ClearChargingProfileRequest(transaction_id="T-2")
    await core.stub(SmartChargingServiceStub).ClearChargingProfile(clear)
    station_id, sent = last(edge)
    assert (station_id, sent.charging_profile_criteria.evse_id) == ("CS-2", 1)
    assert sent.charging_profile_criteria.charging_profile_purpose == CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE

    request = costs.CostUpdatedRequest(transaction_id="T-2", total_cost=1.5)
    await core.stub(TariffAndCostServiceStub).CostUpdated(tariff_and_cost_pb2.CostUpdatedRequest(request=request))
    assert last(edge) == ("CS-2", request)


async def test_a_wrong_pair_and_an_unknown_transaction_are_refused(core: RunningCore, edge: FakeEdge) -> None:
    one, two = await online(core, edge, "CS-1"), await online(core, edge, "CS-2")
    for session in (one, two):
        await session.call(started(0, transaction_id="BOTH"))
    await one.call(started(0, transaction_id="T-1"))

    invalid = grpc.StatusCode.INVALID_ARGUMENT
    wrong = "target.station_id: transaction T-1 is of station CS-1"
    assert await refused(stop(core, "T-1", "CS-2")) == (invalid, wrong)
    assert await refused(limit(core, "T-1", "CS-2")) == (invalid, wrong)
    several = "target.station_id: must be given: several stations have a transaction BOTH"
    assert await refused(stop(core, "BOTH")) == (invalid, several)
    unknown = (grpc.StatusCode.NOT_FOUND, "transaction T-9 does not exist")
    assert (await refused(stop(core, "T-9")), await refused(limit(core, "T-9"))) == (unknown, unknown)
    assert edge.commands == []
    await stop(core, "BOTH", "CS-2")
    # A station may know of a transaction that it has not reported yet.
    await stop(core, "T-9", "CS-2")
    assert len(edge.commands) == 2


async def test_a_reservation_is_cancelled_by_its_id_in_the_core(core: RunningCore, edge: FakeEdge) -> None:
    await online(core, edge, "CS-1")
    stub = core.stub(ReservationServiceStub)
    target = CommandTarget(station_id="CS-1")
    made = (await stub.ReserveNow(reservation_pb2.ReserveNowRequest(target=target, request=reserve_now()))).reservation
    shown = await stub.GetReservation(reservation_pb2.GetReservationRequest(record_id=made.record_id))

    await stub.CancelReservation(reservation_pb2.CancelReservationRequest(record_id=made.record_id))

    assert shown == made
    assert last(edge) == ("CS-1", reservations.CancelReservationRequest(reservation_id=made.request.id))
    unknown = stub.CancelReservation(reservation_pb2.CancelReservationRequest(record_id=made.record_id + 1))
    assert (await refused(unknown))[0] is grpc.StatusCode.NOT_FOUND
    other = CommandTarget(station_id="CS-2")
    wrong = stub.CancelReservation(reservation_pb2.CancelReservationRequest(target=other, record_id=made.record_id))
    assert (await refused(wrong))[0] is grpc.StatusCode.INVALID_ARGUMENT
