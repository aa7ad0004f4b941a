"""The service of an operator's that decides on tokens, played by a test on a free port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from citrine.authorizer.v1 import authorizer_pb2 as pb
from citrine.authorizer.v1.authorizer_pb2_grpc import AuthorizerServiceServicer, add_AuthorizerServiceServicer_to_server
from citrine.ocpp.v2.types_pb2 import IdTokenInfo

__all__ = ["FakeAuthorizer", "fake_authorizer"]


class FakeAuthorizer(AuthorizerServiceServicer):
    """Answers what a test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[pb.AuthorizeRequest] = []
        self.metadata: dict[str, str] = {}
        self.decide: Callable[[pb.Presentation], IdTokenInfo | None] = lambda presentation: None
        self.held = asyncio.Event()
        """Cleared: it does not answer."""
        self.held.set()
        self.called = asyncio.Event()

    async def Authorize(self, request: pb.AuthorizeRequest, context: Any) -> pb.AuthorizeResponse:
        self.asked.append(request)
        self.metadata = {key: str(value) for key, value in context.invocation_metadata()}
        self.called.set()
        await self.held.wait()
        return pb.AuthorizeResponse(
            decisions=[pb.Decision(id_token_info=self.decide(one)) for one in request.presentations]
        )


@contextlib.asynccontextmanager
async def fake_authorizer() -> AsyncIterator[FakeAuthorizer]:
    """Serve it for the time of a block."""
    server, authorizer = grpc.aio.server(), FakeAuthorizer()
    add_AuthorizerServiceServicer_to_server(authorizer, server)
    authorizer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield authorizer
    finally:
        authorizer.held.set()
        await server.stop(grace=None)
