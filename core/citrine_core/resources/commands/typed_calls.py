"""Calls of the rpcs that send an action each, by the action: with their checks, and what they store of it."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from citrine.api.v1 import common_pb2 as common
from citrine_core.dispatch import Block
from citrine_core.errors import InvalidArgument
from citrine_core.rpc.in_process import unary_rpcs

__all__ = ["TypedCalls"]

_TARGET = common.CommandTarget.DESCRIPTOR.full_name


class _Typed(NamedTuple):
    """An rpc that sends one action."""

    request: type[Message]
    handler: Callable[[Message, Any], Awaitable[Any]]


class TypedCalls:
    """The rpcs of blocks that send an action, by the type of its request.

    Args:
        blocks: The functional blocks.
    """

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._typed: dict[str, _Typed] = {}
        for path, handler in unary_rpcs(add for block in blocks for add in block.add_servicers).items():
            service, _, name = path[1:].partition("/")
            method = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
            types = {field.name: field.message_type for field in method.input_type.fields}
            kinds = {name: kind.full_name for name, kind in types.items() if kind is not None}
            if kinds.get("target") == _TARGET and "request" in kinds:
                self._typed[kinds["request"]] = _Typed(GetMessageClass(method.input_type), handler)

    async def call(
        self, target: common.CommandTarget, message: Message, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> tuple[common.Command, Message | None] | None:
        """Send a message by the rpc of its action; return the command and the answer. None: there is no such rpc.

        Raises:
            CoreError: As the rpc does. Fields of the message are those of "payload".
        """
        typed = self._typed.get(message.DESCRIPTOR.full_name)
        if typed is None:
            return None
        request: Any = typed.request()
        request.target.CopyFrom(target)
        request.request.CopyFrom(message)
        try:
            response = await typed.handler(request, context)
        except InvalidArgument as error:
            first, dot, rest = error.field.partition(".")
            field = f"payload{dot}{rest}" if first == "request" else error.field
            raise InvalidArgument(field, error.problem) from error
        return response.command, response.response if response.HasField("response") else None
