"""The server's side of OCPI's HTTP: who calls, which endpoint, and what is answered in any case."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import grpc
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.metrics import Metrics
from citrine_ocpi.partner import Partner
from citrine_ocpi.transport.calls import Call, Endpoint, Handler
from citrine_ocpi.transport.envelope import Reply, write_envelope
from citrine_ocpi.transport.errors import (
    Forbidden,
    InvalidParameters,
    MethodNotAllowed,
    NotFound,
    OcpiError,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnknownReceiver,
)
from citrine_ocpi.transport.routing import Party, Routing, TraceIds
from citrine_ocpi.transport.status import Status, Version

__all__ = ["BASE", "OcpiServer", "Surroundings", "endpoint_path"]

BASE = "/ocpi"

_TRANSIENT = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
    }
)

_logger = logging.getLogger(__name__)


class Surroundings(Protocol):
    """What the server asks of the partners."""

    async def authenticate(self, authorization: str) -> tuple[Partner, str]:
        """Return who presents a header, and the token.

        Raises:
            Unauthorized: When it is nobody.
        """

    async def own_parties(self) -> Collection[Party]:
        """Return the parties that messages may be for."""


def endpoint_path(endpoint: Endpoint, version: Version) -> str:
    """Return the path of a module's endpoint of a version, without what stands below."""
    if endpoint.absolute_path:
        return f"{BASE}{endpoint.absolute_path}"
    if endpoint.is_configuration:
        return f"{BASE}/{version}/{endpoint.module}"
    return f"{BASE}/{version}/{endpoint.role.lower()}/{endpoint.module}"


class OcpiServer:
    """An ASGI application with endpoints of modules.

    Each answer is an envelope with the ids of its request; nothing of an error that is ours reaches the partner.

    Args:
        endpoints: Of all modules.
        surroundings: Who calls.
        public_url: Where partners reach it.
        metrics: What is counted.
        largest_request: Bytes of a body.
        largest_page: Objects on a page.
        clock: Returns the time now.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        surroundings: Surroundings,
        public_url: str,
        metrics: Metrics,
        *,
        largest_request: int = 1024 * 1024,
        largest_page: int = 100,
        clock: Clock = utc_now,
    ) -> None:
        self._surroundings = surroundings
        self._public_url = public_url
        self._metrics = metrics
        self._largest_request = largest_request
        self._largest_page = largest_page
        self._clock = clock
        self._places = [*_places(endpoints)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        trace = TraceIds.of(request.headers)
        endpoint, handler, version, path, problem = self._find(scope)
        routing = Routing() if endpoint is None or endpoint.is_configuration else Routing.of(request.headers)
        try:
            if routing.sender is not None and routing.receiver is None:
                # Who asked left it to the hub whom; the answer says who answers.
                routing = replace(routing, receiver=next(iter(await self._surroundings.own_parties()), None))
            reply = await self._answer(request, endpoint, handler, version, path, problem, routing, trace)
        except OcpiError as error:
            reply = Reply(None, error.status, str(error), error.http_status, error.headers)
        except grpc.aio.AioRpcError as error:
            reply = _reply_of(error, trace)
        except ClientDisconnect:
            return
        except Exception:
            # What a bug says may name tables and hosts: it goes to the log, not to the partner.
            _logger.exception("a request failed", extra={"request_id": trace.request_id})
            reply = Reply(None, Status.SERVER_ERROR, "internal error")
        module = "none" if endpoint is None else endpoint.module
        self._metrics.requests.labels(module, request.method, str(reply.http_status), str(reply.status)).inc()
        headers = {**trace.headers(), **routing.answer.headers(), **reply.headers}
        body = b"" if request.method == "HEAD" else write_envelope(reply, self._clock())
        await Response(body, reply.http_status, headers, "application/json")(scope, receive, send)

    def _find(
        self, scope: Scope
    ) -> tuple[Endpoint | None, Handler | None, Version, Mapping[str, str], OcpiError | None]:
        """Return the endpoint of a path, what is done by the method, the version, and the places of the path."""
        # Both forms of a URL are the same, without a redirect, which not all clients follow.
        asked = {**scope, "path": scope["path"].rstrip("/") or "/", "root_path": ""}
        if "raw_path" in asked:
            asked["raw_path"] = asked["raw_path"].rstrip(b"/")
        for route, endpoint, version in self._places:
            match, child = route.matches(asked)
            if match is Match.NONE:
                continue
            path = {name: str(value) for name, value in child["path_params"].items()}
            handler = endpoint.handlers.get("GET" if scope["method"] == "HEAD" else scope["method"])
            if handler is None:
                problem = MethodNotAllowed(f"{scope['method']} is not a method of this endpoint")
                problem.headers = {"Allow": ", ".join(sorted(endpoint.handlers))}
                return endpoint, None, version, path, problem
            return endpoint, handler, version, path, None
        return None, None, Version.V2_2_1, {}, NotFound("there is no such endpoint")

    async def _answer(
        self,
        request: Request,
        endpoint: Endpoint | None,
        handler: Handler | None,
        version: Version,
        path: Mapping[str, str],
        problem: OcpiError | None,
        routing: Routing,
        trace: TraceIds,
    ) -> Reply:
        partner, token = await self._surroundings.authenticate(request.headers.get("authorization", ""))
        if partner.is_suspended:
            raise Forbidden("the connection is suspended")
        if problem is not None:
            raise problem
        assert endpoint is not None
        assert handler is not None
        if any("\0" in one for one in (*path.values(), *request.query_params.values())):
            # No database looks for it.
            raise InvalidParameters("the URL has a character that no id has")
        if partner.is_restricted and not endpoint.is_configuration:
            raise Unauthorized("this token is good for the versions and credentials modules alone")
        if not endpoint.is_configuration:
            await self._check_receiver(routing)
        body = await self._body(request)
        _logger.debug(
            "a partner calls",
            extra={"partner": partner.partner_id, "method": request.method, "path": request.url.path, **vars(trace)},
        )
        call = Call(
            partner=partner,
            version=version,
            method=request.method,
            url=f"{self._public_url}{request.url.path}",
            path=path,
            query=request.query_params,
            body=body,
            routing=routing,
            trace=trace,
            presented_token=token,
            largest_page=self._largest_page,
        )
        return await handler(call)

    async def _check_receiver(self, routing: Routing) -> None:
        if routing.receiver is not None and routing.receiver not in await self._surroundings.own_parties():
            # A broadcast of a hub, too, is for each of its receivers by name.
            raise UnknownReceiver(f"{routing.receiver} is not reached here")

    async def _body(self, request: Request) -> bytes:
        declared = Headers(scope=request.scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self._largest_request:
            raise TooLarge(f"the body has more than {self._largest_request} bytes")
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self._largest_request:
                raise TooLarge(f"the body has more than {self._largest_request} bytes")
            parts.append(part)
        return b"".join(parts)


def _places(endpoints: Iterable[Endpoint]) -> Iterable[tuple[Route, Endpoint, Version]]:
    async def unused(request: Request) -> Response:
        raise AssertionError("routes are matched here, and nothing else")

    for endpoint in endpoints:
        for version in sorted(endpoint.versions):
            below = f"/{endpoint.path}" if endpoint.path else ""
            yield Route(f"{endpoint_path(endpoint, version)}{below}", unused, methods=None), endpoint, version


def _reply_of(error: grpc.aio.AioRpcError, trace: TraceIds) -> Reply:
    """Return the answer where the core refuses or fails, and no module said what that means."""
    if error.code() in _TRANSIENT:
        refusal = Unavailable("not possible at present")
        return Reply(None, refusal.status, str(refusal), refusal.http_status, refusal.headers)
    _logger.error(
        "the core refused what a partner's request needs",
        extra={"code": error.code().name, "details": error.details(), "request_id": trace.request_id},
    )
    return Reply(None, Status.SERVER_ERROR, "internal error")
