"""The one interceptor: access, input, errors and measurement of every rpc, unary and streaming alike."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message

from citrine_core.errors import InvalidArgument, Unauthenticated
from citrine_core.rpc.access import EDGE_LINK, PUBLIC_SERVICES, Access
from citrine_core.rpc.audits import Audit, changes_something, is_audited, is_denial
from citrine_core.rpc.caller import Caller, current_caller, set_caller
from citrine_core.rpc.checks import check_request
from citrine_core.rpc.idempotency import IDEMPOTENCY_KEY, Idempotency
from citrine_core.rpc.load import Load, Reader
from citrine_core.rpc.rates import Rates
from citrine_core.rpc.rechecks import Recheck
from citrine_core.rpc.statuses import failure_of
from citrine_core.rpc.unknown_stations import KnowsStation, refuse_unknown_station
from citrine_core.traces import set_trace

__all__ = ["Observe", "RpcInterceptor"]

Observe = Callable[[str, grpc.StatusCode, float], None]
"""Called when an rpc has ended, with its path, its status and its duration in seconds."""

# Any, because the interceptor serves methods of every type.
Context = grpc.aio.ServicerContext[Any, Any]
# Quoted, because the class is generic for the type checker only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class RpcInterceptor(grpc.aio.ServerInterceptor):
    """Applies access, limits, checks and errors to every rpc, so that no servicer can omit them."""

    def __init__(
        self,
        access: Access,
        observe: Observe | None = None,
        knows_station: KnowsStation | None = None,
        audit: Audit | None = None,
        rates: Rates | None = None,
        idempotency: Idempotency | None = None,
    ) -> None:
        self._access = access
        self._observe = observe
        self._knows_station = knows_station
        self._audit = audit
        self._idempotency = idempotency
        self._rates = rates or Rates(lambda tenant_id: None)
        self._wrapped: dict[str, tuple[_Rpc | None, Handler]] = {}
        self._load = Load()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Return the handler of the method, wrapped in the checks; None if there is no such method."""
        method: str = handler_call_details.method
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            # Unknown methods are not cached: callers may send any number of them.
            if handler is None:
                return handler
            self._wrapped[method] = self._wrap(method, handler)
        rpc, handler = self._wrapped[method]
        return handler if rpc is None else await rpc.admitted(handler, handler_call_details)

    def _wrap(self, method: str, handler: Handler) -> "tuple[_Rpc | None, Handler]":
        """Return the handler with its checks, and the `_Rpc` that admits callers before their request is read, if any.

        No request is read before its caller is identified. The server itself reads the request of a unary rpc, so
        `intercept_service` checks the caller of such an rpc before it returns the handler. All other handlers get a
        stream of requests, which they read themselves; that is slower. The public services are among them, because
        their requests must not be read all at once.
        """
        reader = Reader(method, handler.request_deserializer, self._load)
        about = (self._access, self._observe, method, self._knows_station, self._load, reader, self._audit, self._rates)
        rpc = _Rpc(*about, self._idempotency)
        serializer = handler.response_serializer
        one, many = handler.unary_unary or handler.stream_unary, handler.unary_stream or handler.stream_stream
        if handler.unary_unary is not None and method[1:].partition("/")[0] not in PUBLIC_SERVICES:
            return rpc, grpc.unary_unary_rpc_method_handler(rpc.call(one), response_serializer=serializer)
        if one is not None:
            behavior = rpc.unary(one, streamed=handler.request_streaming)
            return None, grpc.stream_unary_rpc_method_handler(behavior, response_serializer=serializer)
        behavior = rpc.stream(many, streamed=handler.request_streaming)
        return None, grpc.stream_stream_rpc_method_handler(behavior, response_serializer=serializer)


class _Rpc:
    """The checks around one method."""

    def __init__(
        self,
        access: Access,
        observe: Observe | None,
        method: str,
        knows_station: KnowsStation | None,
        load: Load,
        reader: Reader,
        audit: Audit | None,
        rates: Rates,
        idempotency: Idempotency | None,
    ) -> None:
        self._rates = rates
        self._idempotency = idempotency
        self._access = access
        self._observe = observe
        self._method = method
        self._knows_station = knows_station if method.rpartition("/")[2].startswith("List") else None
        self._load = load
        self._reader = reader
        self._audit = audit if is_audited(method) else None
        self._changes = self._audit is not None and changes_something(method)
        # Edges are trusted and have checked what they send, and their stream of batches is the hot path.
        self._checks_input = not method.startswith(f"/{EDGE_LINK}/")

    async def admitted(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        """Return the handler if the caller may call, else a handler that refuses without reading the request."""
        started = time.monotonic()
        try:
            caller = await self._identify(_to_mapping(details.invocation_metadata))
            self._rates.begin(caller)
            self._load.check(caller)
        except Exception as error:
            return self._refusal(error, started)
        # The handler runs in the same task, so the caller is set for it too.
        return handler

    def _refusal(self, error: Exception, started: float) -> Handler:
        async def refuse(requests: AsyncIterator[bytes], context: Context) -> None:
            await self.fail(context, error, started)

        return grpc.stream_unary_rpc_method_handler(refuse)

    def call(self, behavior: Any) -> Any:
        """Return a handler of one request and one response, for a caller that is already admitted."""

        async def handle(data: bytes, context: Context) -> Any:
            async with _Ending(self, context):
                who = current_caller()
                with self._load.call(who, self._method):
                    try:
                        request = self._reader.message(data)
                    finally:
                        del data
                    if self._checks_input:
                        check_request(request)
                    response = await self._once(behavior, request, context, who)
                    if self._knows_station is not None and who is not None:
                        await refuse_unknown_station(request, response, who.tenant_id, self._knows_station)
            return response

        return handle

    async def _once(self, behavior: Any, request: Message, context: Context, who: Caller | None) -> Any:
        """Return the response of a handler, or the one that it gave to an earlier call with the same idempotency key.

        A method that reads ignores a key.
        """
        key = _metadata(context).get(IDEMPOTENCY_KEY) if self._changes else None
        if key is None or who is None or self._idempotency is None:
            return await self._audited(behavior, request, context, who)
        run = partial(self._audited, behavior, request, context, who)
        return await self._idempotency.call(self._method, who, key, request, context, run)

    async def _audited(self, behavior: Any, request: Message, context: Context, who: Caller | None) -> Any:
        """Return the response of a handler; if it may change something, its record is stored with the change."""
        if self._audit is None or who is None or not self._changes:
            return await behavior(request, context)
        attempt = self._audit.attempt(self._method, who, context.peer(), request)
        try:
            response = await behavior(request, context)
        except Exception:
            attempt.failed()
            raise
        attempt.succeeded()
        return response

    def unary(self, behavior: Any, *, streamed: bool) -> Any:
        """Return a handler with one response that reads its requests itself."""

        async def handle(requests: AsyncIterator[bytes], context: Context) -> Any:
            async with _Ending(self, context):
                caller = await self._admit(context)
                with self._load.call(caller, self._method):
                    request = await self._read(requests, context, caller, streamed)
                    response = await behavior(request, context)
            return response

        return handle

    def stream(self, behavior: Any, *, streamed: bool) -> Any:
        """Return a handler with a stream of responses."""

        async def handle(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[Any]:
            async with _Ending(self, context):
                caller = await self._admit(context)
                if self._changes and IDEMPOTENCY_KEY in _metadata(context):
                    raise InvalidArgument(IDEMPOTENCY_KEY, "can't be used with a stream")
                with self._load.stream(caller, self._method):
                    request = await self._read(requests, context, caller, streamed)
                    if streamed and caller is not None and self._changes:
                        request = self._each_audited(request, context, caller)
                    responses = behavior(request, context)
                    async with Recheck(partial(self._identify_peer, context)) as recheck:
                        if not hasattr(responses, "__aiter__"):
                            # A handler that writes with context.write() is a coroutine.
                            await responses
                            return
                        async with contextlib.aclosing(responses):
                            async for response in responses:
                                recheck.sending()
                                yield response
                                recheck.sent()

        return handle

    async def _each_audited(self, requests: AsyncIterator[Any], context: Context, who: Caller) -> AsyncIterator[Any]:
        """Yield requests of a stream; what is committed before the next one is stored with a record of it.

        They come at the rate of the tenant. The first was counted with the rpc.
        """
        attempt, is_first = None, True
        async for request in requests:
            if attempt is not None:
                # What committed nothing changed nothing.
                attempt.failed()
            if not is_first:
                await self._rates.go_on(who)
            is_first = False
            if self._audit is not None:
                attempt = self._audit.attempt(self._method, who, context.peer(), request)
            yield request

    async def _admit(self, context: Context) -> Caller | None:
        caller = await self._identify_peer(context)
        self._rates.begin(caller)
        return caller

    async def _identify_peer(self, context: Context) -> Caller | None:
        # Only edges have certificates, and the certificate of every rpc need not be read.
        certificate = None if self._checks_input else _certificate(context)
        return await self._identify(_metadata(context), certificate)

    async def _identify(self, metadata: Mapping[str, str], certificate: bytes | None = None) -> Caller | None:
        """Identify the caller and the trace, and set both for the rest of the task."""
        set_trace(metadata.get("traceparent", ""))
        caller = await self._access.check(self._method, metadata, certificate)
        if caller is not None:
            set_caller(caller)
        return caller

    async def _read(
        self, requests: AsyncIterator[bytes], context: Context, caller: Caller | None, streamed: bool
    ) -> Any:
        """Return the checked request, or an iterator over checked requests if there are many."""
        if streamed:
            messages = self._reader.each(requests)
            return _each_checked(messages) if self._checks_input else messages
        request = await self._reader.one(context.read, caller)
        if self._checks_input:
            check_request(request)
        return request

    async def fail(self, context: Context, error: Exception, started: float) -> None:
        """Abort an rpc with the status of an error. Always raises: that is how gRPC aborts."""
        if isinstance(error, grpc.aio.AbortError):
            self.ended(_code_of(context), started)
            raise error
        failure = failure_of(error, self._method)
        if self._audit is not None and is_denial(error, changes=self._changes):
            who = None if isinstance(error, Unauthenticated) else current_caller()
            self._audit.denied(self._method, who, context.peer(), failure.code)
        self.ended(failure.code, started)
        # Metadata that the servicer has set, for example the id of a command, is sent as well.
        trailing = tuple(context.trailing_metadata() or ()) + failure.trailing_metadata()
        await context.abort(failure.code, failure.message, trailing)

    def ended(self, code: grpc.StatusCode, started: float) -> None:
        """Report the end of an rpc to the observer."""
        if self._observe is not None:
            self._observe(self._method, code, time.monotonic() - started)


class _Ending:
    """Context manager that ends an rpc with the status of its block, and reports the end."""

    def __init__(self, rpc: _Rpc, context: Context) -> None:
        self._rpc = rpc
        self._context = context
        self._started = time.monotonic()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            await self._rpc.fail(self._context, error, self._started)
        self._rpc.ended(grpc.StatusCode.CANCELLED if error is not None else _code_of(self._context), self._started)


def _metadata(context: Context) -> Mapping[str, str]:
    return _to_mapping(context.invocation_metadata())


def _certificate(context: Context) -> bytes | None:
    """Return the certificate of the peer in PEM, which TLS has verified, or None."""
    found = context.auth_context().get("x509_pem_cert", ())
    return next(iter(found), None)


def _to_mapping(metadata: Any) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for key, value in metadata or ():
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
