"""A real gRPC server in this process that answers each rpc of the API as a test says."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from citrine_sdk import Method, methods

# Any: a message, or for a stream an iterator of them.
Answer = Callable[[Any, grpc.ServicerContext], Any]


@dataclass(frozen=True)
class Seen:
    """One call that arrived."""

    method: str
    request: Message
    metadata: dict[str, str | bytes]
    seconds_left: float | None


@dataclass
class ScriptedCore(grpc.GenericRpcHandler):
    """Answers by method name; what is not scripted is UNIMPLEMENTED."""

    answers: dict[str, Answer] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def on(self, method: str, answer: Answer | Message) -> None:
        """Answer a method with a message, or as a function says."""
        self.answers[method] = (lambda request, context: answer) if isinstance(answer, Message) else answer

    def requests(self, method: str) -> list[Any]:
        return [seen.request for seen in self.seen if seen.method == method]

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        method = _by_path().get(handler_call_details.method)
        return None if method is None or method.name not in self.answers else self._handler(method)

    def _handler(self, method: Method) -> "grpc.RpcMethodHandler[Any, Any]":
        def answer(request: Message, context: grpc.ServicerContext) -> Any:
            metadata = dict(context.invocation_metadata())
            self.seen.append(Seen(method.name, request, metadata, context.time_remaining()))
            return self.answers[method.name](request, context)

        make = grpc.unary_stream_rpc_method_handler if method.streams else grpc.unary_unary_rpc_method_handler
        return make(
            answer,
            request_deserializer=GetMessageClass(method.request).FromString,
            response_serializer=GetMessageClass(method.response).SerializeToString,
        )


@cache
def _by_path() -> dict[str, Method]:
    return {f"/{method.service}/{method.name}": method for method in methods()}


def start(core: ScriptedCore) -> grpc.Server:
    """Start a server for a scripted core on a free port."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4), handlers=[core])
    core.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server


@pytest.fixture
def core() -> Iterator[ScriptedCore]:
    """A scripted core that listens."""
    scripted = ScriptedCore()
    server = start(scripted)
    yield scripted
    server.stop(grace=None).wait()
