"""RemoteControlService on a whole core, with stations played by the test."""

from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import remote_control_pb2 as pb
from citrine.api.v1.common_pb2 import CommandState, CommandTarget
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from tests.support.api import field_violations
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

Trigger = ocpp.MessageTriggerEnum
REJECTED = ocpp.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_REJECTED

# What none of them names is known here: it is the station's to refuse.
CASES: list[tuple[str, Message, Message]] = [
    (
        "RequestStartTransaction",
        ocpp.RequestStartTransactionRequest(
            remote_start_id=-5, id_token=IdToken(id_token="NOBODY", type="ISO14443"), evse_id=4711
        ),
        ocpp.RequestStartTransactionResponse(status=REJECTED),
    ),
    (
        "RequestStopTransaction",
        ocpp.RequestStopTransactionRequest(transaction_id="of nobody"),
        ocpp.RequestStopTransactionResponse(status=REJECTED),
    ),
    (
        "UnlockConnector",
        ocpp.UnlockConnectorRequest(evse_id=4711, connector_id=9),
        ocpp.UnlockConnectorResponse(status=ocpp.UnlockStatusEnum.UNLOCK_STATUS_ENUM_UNKNOWN_CONNECTOR),
    ),
    (
        "TriggerMessage",
        ocpp.TriggerMessageRequest(requested_message=Trigger.MESSAGE_TRIGGER_ENUM_METER_VALUES),
        ocpp.TriggerMessageResponse(status=ocpp.TriggerMessageStatusEnum.TRIGGER_MESSAGE_STATUS_ENUM_ACCEPTED),
    ),
]


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        yield session


@pytest.mark.in_turn
@pytest.mark.parametrize(("action", "message", "answer"), CASES, ids=[case[0] for case in CASES])
async def test_command_goes_as_it_is_and_the_answer_comes_back(
    core: RunningCore, station: FakeSession, action: str, message: Message, answer: Message
) -> None:
    station.edge.on_command = lambda command: answer
    request = getattr(pb, f"{action}Request")(target=CommandTarget(station_id="CS-1", reason="why"), request=message)

    response = await getattr(core.stub(RemoteControlServiceStub), action)(request)

    assert response.response == answer
    assert (response.command.action, response.command.reason) == (action, "why")
    assert response.command.state == CommandState.COMMAND_STATE_ANSWERED
    assert unwrap(station.edge.commands[0].request) == message


async def test_C02_only_a_start_without_authorization_has_no_id_of_a_token(
    core: RunningCore, station: FakeSession
) -> None:
    """A script whose variable is empty starts nothing."""
    station.edge.on_command = lambda command: ocpp.RequestStartTransactionResponse(status=REJECTED)
    stub = core.stub(RemoteControlServiceStub)

    def asked(kind: str) -> pb.RequestStartTransactionRequest:
        start = ocpp.RequestStartTransactionRequest(id_token=IdToken(type=kind))
        return pb.RequestStartTransactionRequest(target=CommandTarget(station_id="CS-1"), request=start)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.RequestStartTransaction(asked("ISO14443"))
    answered = await stub.RequestStartTransaction(asked("NoAuthorization"))

    assert field_violations(refused.value) == ["request.id_token.id_token"]
    assert answered.response.status == REJECTED


async def test_station_that_is_not_connected_is_unavailable(core: RunningCore) -> None:
    await core.add_station("CS-2", registration=1)
    request = pb.UnlockConnectorRequest(
        target=CommandTarget(station_id="CS-2"), request=ocpp.UnlockConnectorRequest(evse_id=1, connector_id=1)
    )

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await core.stub(RemoteControlServiceStub).UnlockConnector(request)

    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
