"""Waiting for what has an end: commands and operations."""

from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from grpc.aio import UnaryUnaryMultiCallable

from citrine.api.v1.commands_pb2 import GetCommandRequest
from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.operations_pb2 import GetOperationRequest, Operation
from citrine_sdk.backoff import RETRIED, Backoff

__all__ = ["follow_operation", "follow_states", "wait_for_command"]

LOOKS = Backoff(first=0.1, longest=2.0)
"""Waiting times between two looks, from the last change on."""

OPERATION_LOOKS = Backoff(first=2.0, longest=8.0)
"""Those of operations, at least a second: each look counts the stations."""

RequestT = TypeVar("RequestT", bound=Message)
StateT = TypeVar("StateT", bound=Message)


async def follow_states(
    get: UnaryUnaryMultiCallable[RequestT, StateT],
    request: RequestT,
    is_final: Callable[[StateT], bool],
    *,
    looks: Backoff = LOOKS,
) -> AsyncGenerator[StateT, None]:
    """Yield the current state of something, then each changed state, to the final one.

    After the first state, lost connections and stopped cores only delay the next. There is no time limit: put the
    loop under `asyncio.timeout`.

    Args:
        get: A method that returns it, e.g. `citrine.commands.GetCommand`.
        request: Names it.
        is_final: Whether no other state follows.
        looks: Waiting times between two looks, which get longer while nothing changes.

    Raises:
        grpc.aio.AioRpcError: When no core can be reached before the first state, or the core refuses, e.g. NOT_FOUND.
    """
    shown: StateT | None = None
    unchanged = 0
    while True:
        try:
            found = await get(request)
        except grpc.aio.AioRpcError as error:
            if shown is None or error.code() not in RETRIED:
                raise
        else:
            if found != shown:
                shown, unchanged = found, 0
                yield found
            if is_final(found):
                return
        unchanged += 1
        await looks.sleep(looks.seconds(unchanged))


async def wait_for_command(
    get: UnaryUnaryMultiCallable[GetCommandRequest, Command], command_id: str, *, looks: Backoff = LOOKS
) -> Command:
    """Return a command once it has ended: answered, refused, failed, timed out, expired or cancelled.

    There is no time limit: put it under `asyncio.timeout`.

    Args:
        get: `citrine.commands.GetCommand`.
        command_id: Of the command: `command.command_id` of an answer with `when_online`, or the trailing metadata
            "citrine-command-id" of a call that failed.
        looks: Waiting times between two looks.

    Raises:
        grpc.aio.AioRpcError: When no core can be reached at first, or the core refuses, e.g. NOT_FOUND.
    """
    request = GetCommandRequest(command_id=command_id)
    states = [one async for one in follow_states(get, request, lambda one: one.HasField("finish_time"), looks=looks)]
    return states[-1]


def follow_operation(
    get: UnaryUnaryMultiCallable[GetOperationRequest, Operation], operation_id: str, *, looks: Backoff = OPERATION_LOOKS
) -> AsyncGenerator[Operation, None]:
    """Yield how far an operation on many stations is, whenever that changed, until it has ended; see `follow_states`.

    What became of each station says `citrine.operations.ListOperationResults`.

    Args:
        get: `citrine.operations.GetOperation`.
        operation_id: Of the operation.
        looks: Waiting times between two looks.

    Raises:
        grpc.aio.AioRpcError: When no core can be reached at first, or the core refuses, e.g. NOT_FOUND.
    """
    request = GetOperationRequest(operation_id=operation_id)
    return follow_states(get, request, lambda found: found.HasField("finish_time"), looks=looks)
