"""The one interceptor: access, input, errors and measurement of every rpc, unary and streaming alike."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import grpc

from citrine_core.rpc.access import EDGE_LINK, Access
from citrine_core.rpc.caller import Caller, set_caller
from citrine_core.rpc.checks import check_request
from citrine_core.rpc.statuses import failure_of
from citrine_core.rpc.unknown_stations import KnowsStation, refuse_unknown_station

__all__ = ["Observe", "RpcInterceptor"]

Observe = Callable[[str, grpc.StatusCode, float], None]
"""Is told of each rpc that ended: its path, its status, its seconds."""

RECHECK_INTERVAL = 5.0
"""Seconds after which a stream that has something to say asks again whether its caller still may hear it."""

# Any: the interceptor serves methods of every type.
Context = grpc.aio.ServicerContext[Any, Any]
# Quoted: it is generic for the type checker only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class RpcInterceptor(grpc.aio.ServerInterceptor):
    """Stands before every servicer, so that none of them can forget what it does."""

    def __init__(
        self, access: Access, observe: Observe | None = None, knows_station: KnowsStation | None = None
    ) -> None:
        self._access = access
        self._observe = observe
        self._knows_station = knows_station
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Return the handler of the method with the checks around it; None where there is no such method."""
        method: str = handler_call_details.method
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            # The names of methods that do not exist are the callers' own and without number: not kept.
            if handler is None:
                return handler
            self._wrapped[method] = self._wrap(method, handler)
        return self._wrapped[method]

    def _wrap(self, method: str, handler: Handler) -> Handler:
        rpc = _Rpc(self._access, self._observe, method, self._knows_station)
        serializers = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(rpc.unary(handler.unary_unary, streamed=False), **serializers)
        if handler.stream_unary is not None:
            return grpc.stream_unary_rpc_method_handler(rpc.unary(handler.stream_unary, streamed=True), **serializers)
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(rpc.stream(handler.unary_stream, streamed=False), **serializers)
        return grpc.stream_stream_rpc_method_handler(rpc.stream(handler.stream_stream, streamed=True), **serializers)


class _Rpc:
    """The checks around one method."""

    def __init__(
        self, access: Access, observe: Observe | None, method: str, knows_station: KnowsStation | None
    ) -> None:
        self._access = access
        self._observe = observe
        self._method = method
        self._knows_station = knows_station if method.rpartition("/")[2].startswith("List") else None
        # Edges are trusted and checked what they send; the stream of batches is the hot path.
        self._checks_input = not method.startswith(f"/{EDGE_LINK}/")

    def unary(self, behavior: Any, *, streamed: bool) -> Any:
        """Return a handler of one response."""

        async def handle(request: Any, context: Context) -> Any:
            started = time.monotonic()
            try:
                caller = await self._admit(context)
                response = await behavior(self._checked(request, streamed), context)
                if self._knows_station is not None and caller is not None and not streamed:
                    await refuse_unknown_station(request, response, caller.tenant_id, self._knows_station)
            except Exception as error:
                await self._fail(context, error, started)
            except BaseException:
                self._ended(grpc.StatusCode.CANCELLED, started)
                raise
            self._ended(_code_of(context), started)
            return response

        return handle

    def stream(self, behavior: Any, *, streamed: bool) -> Any:
        """Return a handler of many responses."""

        async def handle(request: Any, context: Context) -> AsyncIterator[Any]:
            started = checked = time.monotonic()
            try:
                await self._admit(context)
                responses = behavior(self._checked(request, streamed), context)
                if not hasattr(responses, "__aiter__"):
                    # A handler that writes by context.write() is a coroutine.
                    await responses
                else:
                    async with contextlib.aclosing(responses):
                        async for response in responses:
                            if time.monotonic() - checked > RECHECK_INTERVAL:
                                await self._admit(context)
                                checked = time.monotonic()
                            yield response
            except Exception as error:
                await self._fail(context, error, started)
            except BaseException:
                self._ended(grpc.StatusCode.CANCELLED, started)
                raise
            self._ended(_code_of(context), started)

        return handle

    async def _admit(self, context: Context) -> Caller | None:
        caller = await self._access.check(self._method, _metadata(context))
        if caller is not None:
            set_caller(caller)
        return caller

    def _checked(self, request: Any, streamed: bool) -> Any:
        if not self._checks_input:
            return request
        if streamed:
            return _each_checked(request)
        check_request(request)
        return request

    async def _fail(self, context: Context, error: Exception, started: float) -> None:
        if isinstance(error, grpc.aio.AbortError):
            self._ended(_code_of(context), started)
            raise error
        failure = failure_of(error, self._method)
        self._ended(failure.code, started)
        # What the servicer set before, as the id of a command, goes along.
        trailing = tuple(context.trailing_metadata() or ()) + failure.trailing_metadata()
        await context.abort(failure.code, failure.message, trailing)

    def _ended(self, code: grpc.StatusCode, started: float) -> None:
        if self._observe is not None:
            self._observe(self._method, code, time.monotonic() - started)


def _metadata(context: Context) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            found.setdefault(key, value)
    return found


def _code_of(context: Context) -> grpc.StatusCode:
    code: Any = context.code()
    for status in grpc.StatusCode:
        if code in (status, status.value[0]) and code is not None:
            return status
    return grpc.StatusCode.OK


async def _each_checked(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        check_request(request)
        yield request
