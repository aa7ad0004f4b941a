"""CallStation sends an action as the rpc of the action does: with its checks, and what it stores."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from citrine.api.v1 import commands_pb2 as pb
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import ListRemoteStartsRequest
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.reservation_pb2 import RESERVATION_STATE_ACTIVE, ListReservationsRequest
from citrine.api.v1.reservation_pb2_grpc import ReservationServiceStub
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.reservation_pb2 import RESERVE_NOW_STATUS_ENUM_ACCEPTED, ReserveNowResponse
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge

CARD = {"idToken": "AA", "type": "Central"}


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        await (await edge.connect("CS-1", PASSWORD)).call(HeartbeatRequest())
        yield edge


def call(core: RunningCore, action: str, payload: dict[str, Any], *, native: bool = False) -> Any:
    request = pb.CallStationRequest(
        target=CommandTarget(station_id="CS-1"),
        action=action,
        payload=ParseDict(payload, Struct()),
        native=native,
    )
    return core.stub(CommandsServiceStub).CallStation(request)


async def refused(awaitable: Any) -> tuple[grpc.StatusCode, str | None]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return caught.value.code(), caught.value.details()


async def test_what_the_rpc_of_the_action_refuses_is_refused(core: RunningCore, edge: FakeEdge) -> None:
    trigger = {"requestedMessage": "StatusNotification"}
    assert await refused(call(core, "TriggerMessage", trigger)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "payload.evse.id: must be given and more than 0",
    )
    assert await refused(call(core, "UnlockConnector", {"evseId": 1, "connectorId": 0})) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "payload.connector_id: must be given and more than 0",
    )
    listed = await core.stub(CommandsServiceStub).ListCommands(pb.ListCommandsRequest())
    assert list(listed.commands) == []


async def test_what_the_rpc_of_the_action_stores_is_stored(core: RunningCore, edge: FakeEdge) -> None:
    edge.on_command = lambda command: ReserveNowResponse(status=RESERVE_NOW_STATUS_ENUM_ACCEPTED)
    payload = {"id": 5, "expiryDateTime": "2035-01-01T00:00:00Z", "idToken": CARD}

    answer = await call(core, "ReserveNow", payload)

    assert answer.payload["status"] == "Accepted"
    listed = await core.stub(ReservationServiceStub).ListReservations(ListReservationsRequest(station_id="CS-1"))
    assert [(one.request.id, one.state) for one in listed.reservations] == [(5, RESERVATION_STATE_ACTIVE)]


async def test_a_native_call_and_one_without_an_rpc_go_out_as_they_are(core: RunningCore, edge: FakeEdge) -> None:
    edge.on_command = lambda command: None
    for action, payload, native in (
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}, True),
        ("GetTariffs", {"evseId": 0}, False),
    ):
        sent = call(core, action, payload, native=native)
        await edge.next("command")
        sent.cancel()
    assert [command.native.action for command in edge.commands] == ["TriggerMessage", ""]
    assert (await core.stub(RemoteControlServiceStub).ListRemoteStarts(ListRemoteStartsRequest())).remote_starts == []
