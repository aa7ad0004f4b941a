"""What has an end is waited for by looking again, across what fails."""

from dataclasses import replace

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.commands_pb2 import GetCommandRequest
from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWERED, COMMAND_STATE_QUEUED, COMMAND_STATE_SENT, Command
from citrine.api.v1.operations_pb2 import Operation, OperationProgress
from citrine_sdk import Backoff, Citrine, follow_states, wait_for_command
from citrine_sdk.states import OPERATION_LOOKS
from tests.clients.scripted_core import ScriptedCore

AT_ONCE = Backoff(first=0.0, longest=0.0)

QUEUED = Command(command_id="C-1", state=COMMAND_STATE_QUEUED)
SENT = Command(command_id="C-1", state=COMMAND_STATE_SENT)
ANSWERED = Command(command_id="C-1", state=COMMAND_STATE_ANSWERED, finish_time=Timestamp(seconds=1))


class Life:
    """Answers GetCommand with one state after another; a status code is a failure."""

    def __init__(self, *states: Command | grpc.StatusCode) -> None:
        self._states = list(states)

    def __call__(self, request: GetCommandRequest, context: grpc.ServicerContext) -> Command:
        state = self._states.pop(0)
        if isinstance(state, grpc.StatusCode):
            context.abort(state, "not now")
        return state


async def test_each_state_is_seen_once_and_what_fails_in_between_is_asked_again(core: ScriptedCore) -> None:
    core.on("GetCommand", Life(QUEUED, QUEUED, grpc.StatusCode.INTERNAL, SENT, ANSWERED))
    async with Citrine(core.address, key="secret") as citrine:
        states = follow_states(
            citrine.commands.GetCommand,
            GetCommandRequest(command_id="C-1"),
            lambda command: command.HasField("finish_time"),
            looks=AT_ONCE,
        )

        assert [one async for one in states] == [QUEUED, SENT, ANSWERED]


async def test_a_command_is_waited_for_to_its_end(core: ScriptedCore) -> None:
    core.on("GetCommand", Life(QUEUED, SENT, ANSWERED))
    async with Citrine(core.address, key="secret") as citrine:
        assert await wait_for_command(citrine.commands.GetCommand, "C-1", looks=AT_ONCE) == ANSWERED

    assert core.requests("GetCommand")[0] == GetCommandRequest(command_id="C-1")


async def test_an_operation_is_followed_to_its_end_by_a_look_each_second_at_most(core: ScriptedCore) -> None:
    assert replace(OPERATION_LOOKS, random=lambda: 0.0).seconds(1) >= 1
    progress = [OperationProgress(total=2, pending=left) for left in (2, 1)]
    ended = Operation(operation_id="O-1", progress=progress[1], finish_time=Timestamp(seconds=1))
    states = [*(Operation(operation_id="O-1", progress=one) for one in progress), ended]
    answers = list(states)
    core.on("GetOperation", lambda request, context: answers.pop(0))
    async with Citrine(core.address, key="secret") as citrine:
        assert [one async for one in citrine.follow_operation("O-1")] == states


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL], ids=lambda code: code.name)
async def test_a_command_that_can_not_be_read_at_first_says_so(core: ScriptedCore, code: grpc.StatusCode) -> None:
    core.on("GetCommand", Life(code))
    async with Citrine(core.address, key="secret") as citrine:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await citrine.wait_for_command("C-1")

    assert error.value.code() is code
