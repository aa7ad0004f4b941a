"""The channel of grpcio-testing, which has no socket, with the face of grpc.aio."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import grpc
import grpc_testing

from citrine_sdk import SERVICES


class _Stream:
    def __init__(self, call: Any, delivered: "asyncio.Queue[Any]") -> None:
        self._call = call
        self._delivered = delivered
        self._responses: Iterator[Any] = iter(call)

    async def read(self) -> Any:
        try:
            response = await asyncio.to_thread(next, self._responses, grpc.aio.EOF)
        except grpc.RpcError as error:
            raise _translated(error) from error
        self._delivered.put_nowait(response)
        return response

    def cancel(self) -> bool:
        return bool(self._call.cancel())


def _translated(error: Any) -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(error.code(), nothing, nothing, details=error.details())


class SocketlessChannel:
    """Calls end up in the hands of the test, which takes them with `take`."""

    def __init__(self) -> None:
        self._channel = grpc_testing.channel(SERVICES.values(), grpc_testing.strict_real_time())

        self.delivered: asyncio.Queue[Any] = asyncio.Queue(maxsize=100)
        """What streams gave to their readers; a stream that fails drops what was not read yet."""

    def as_channel(self) -> grpc.aio.Channel:
        return cast(grpc.aio.Channel, self)

    async def take_stream(self, service: str, method: str) -> Any:
        """Return the metadata, the request and the handle of the next call of a streaming method."""
        descriptor = SERVICES[service].methods_by_name[method]
        return await asyncio.to_thread(self._channel.take_unary_stream, descriptor)

    async def take_unary(self, service: str, method: str) -> Any:
        """Return the metadata, the request and the handle of the next call of a unary method."""
        descriptor = SERVICES[service].methods_by_name[method]
        return await asyncio.to_thread(self._channel.take_unary_unary, descriptor)

    def unary_unary(self, path: str, *_: Any, **__: Any) -> Callable[..., Any]:
        async def call(request: Any, timeout: float | None = None) -> Any:
            future = self._channel.unary_unary(path).future(request, timeout=timeout)
            try:
                return await asyncio.to_thread(future.result)
            except grpc.RpcError as error:
                raise _translated(error) from error

        return call

    def unary_stream(self, path: str, *_: Any, **__: Any) -> Callable[..., Any]:
        return lambda request: _Stream(self._channel.unary_stream(path)(request), self.delivered)
