"""The console as a site: who asks is found by the session, pages are put together of regions, errors are told."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import grpc
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import compile_path
from starlette.websockets import WebSocket, WebSocketDisconnect

from citrine_console.errors import LoggedOut, NotShown, problem_of
from citrine_console.live import Hub, Page, Region, Shown
from citrine_console.live.frames import FramesSocket
from citrine_console.live.socket import GONE, LiveSocket
from citrine_console.live.writer import LOGGED_OUT
from citrine_console.rendering import Renderer
from citrine_console.sessions import Session, Sessions
from citrine_console.texts import best_language
from citrine_console.visits import UTC_ZONE, Query, Visit

__all__ = ["COOKIE", "Action", "Site"]

COOKIE = "citrine_console"
"""Cookie of the session."""

ZONE_COOKIE = "citrine_zone"
"""Cookie with the time zone of the browser, which its script sets."""

PARTIAL = "x-console-part"
"""Header of requests for a part of a page, which are answered without what surrounds it: the id of one region, which is
waited for and is all of the answer, or anything else."""

PATIENCE = 0.2
"""Seconds that a page waits for its regions, besides the main one."""

GREETING_TIMEOUT = 10.0
"""Seconds that a browser has to say what it knows."""

_logger = logging.getLogger(__name__)

Act: TypeAlias = "Callable[[Visit, Request, Site], Awaitable[Response]]"


@dataclass(frozen=True)
class Action:
    """What a form or a link does that is no page: it shows a dialog, changes something, or sends a file."""

    path: str
    act: Act
    methods: Sequence[str] = ("GET", "POST")
    needs: Sequence[str] = ()
    """Rpcs without which nobody may do it."""


class Site:
    """All that the routes share.

    Args:
        sessions: Who is logged in.
        hub: Regions that somebody looks at.
        renderer: The templates.
        pages: All pages.
        is_secure: Whether browsers come by TLS.
    """

    def __init__(
        self, sessions: Sessions, hub: Hub, renderer: Renderer, pages: Sequence[Page], *, is_secure: bool
    ) -> None:
        self.sessions = sessions
        self.renderer = renderer
        self._hub = hub
        self.is_secure = is_secure
        self._pages = [(compile_path(page.path)[0], page) for page in pages]

    # Sessions

    async def session(self, connection: HTTPConnection) -> Session:
        """Return the session of who asks.

        Raises:
            LoggedOut: When there is none.
        """
        session = await self.sessions.find(connection.cookies.get(COOKIE))
        if session is None:
            raise LoggedOut
        return session

    def set_cookie(self, response: Response, cookie: str) -> None:
        """Give a browser the cookie of its session."""
        response.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", secure=self.is_secure, path="/")

    def delete_cookie(self, response: Response) -> None:
        """Have a browser forget the cookie of its session."""
        response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self.is_secure, path="/")

    async def visit(self, connection: HTTPConnection) -> Visit:
        """Return who looks at what.

        Raises:
            LoggedOut: When nobody is logged in.
        """
        return Visit(
            session=await self.session(connection),
            path=quote(connection.scope["path"]),
            parameters={name: str(value) for name, value in connection.path_params.items()},
            query=Query(tuple(connection.query_params.multi_items())),
            zone=_zone(connection.cookies.get(ZONE_COOKIE, "")),
            language=best_language(connection.headers.get("accept-language", "")),
        )

    # Pages

    def showing(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of a page."""

        async def show(request: Request) -> Response:
            visit = await self.visit(request)
            if page.needs and not visit.may(*page.needs):
                raise NotShown
            regions = [region for region in page.regions if not region.needs or visit.may(*region.needs)]
            alone = [replace(region, is_main=True) for region in regions if region.name == request.headers.get(PARTIAL)]
            try:
                shown = await self._shown(visit, page, alone or regions)
            except LoggedOut:
                await self.sessions.log_out(visit.session)
                raise
            if alone:
                return HTMLResponse("".join(map(self.renderer.region, shown.values())))
            return HTMLResponse(self.renderer.page(visit, page, shown))

        return show

    async def _shown(self, visit: Visit, page: Page, regions: Sequence[Region]) -> Mapping[str, Shown]:
        """Return the regions of a page as they are now.

        Raises:
            grpc.aio.AioRpcError: When the core refuses what is main, or can't be reached.
        """
        readings = self._hub.read(visit, page, regions)
        found = {}
        for region in regions:
            if region.is_main:
                found[region.name] = shown = await readings.pop(region.name)
                if shown.error is not None:
                    raise shown.error
        if readings:
            await asyncio.wait(readings.values(), timeout=PATIENCE)
        # What takes longer comes by the live socket.
        later = self.renderer.render("parts/later.html", visit)
        for name, reading in readings.items():
            found[name] = reading.result() if reading.done() else Shown(name, later, "")
        return found

    def acting(self, action: Action) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of an action."""

        async def act(request: Request) -> Response:
            visit = await self.visit(request)
            if action.needs and not visit.may(*action.needs):
                raise NotShown
            return await action.act(visit, request, self)

        return act

    async def live(self, socket: WebSocket) -> None:
        """Serve the websocket of a page: `?page=PATH`, then `{"known": {region: digest}}` of what the browser shows."""
        await socket.accept()
        try:
            session = await self.session(socket)
            async with asyncio.timeout(GREETING_TIMEOUT):
                known = json.loads(await socket.receive_text())["known"]
        except LoggedOut:
            await socket.close(LOGGED_OUT)
            return
        except (TimeoutError, ValueError, KeyError, TypeError):
            await socket.close(1002)
            return
        except WebSocketDisconnect:
            return
        find = partial(self._find, socket, session)
        found = find(socket.query_params.get("page", ""))
        if found is None or not isinstance(known, dict):
            await socket.close(GONE)
            return
        visit, page = found
        await LiveSocket(socket, visit, page, known, self.sessions, find).run(self._hub)

    async def frames(self, socket: WebSocket) -> None:
        """Serve the websocket of the page that shows the OCPP frames of a station."""
        await socket.accept()
        try:
            session = await self.session(socket)
        except LoggedOut:
            await socket.close(LOGGED_OUT)
            return
        if not session.permissions.may("WatchMessages"):
            await socket.close(GONE)
            return
        await FramesSocket(socket, session, str(socket.path_params["station_id"])).run()

    def _find(self, socket: WebSocket, session: Session, address: str) -> tuple[Visit, Page] | None:
        url = urlsplit(address)
        path = unquote(url.path)
        for pattern, page in self._pages:
            match = pattern.match(path)
            if match and (not page.needs or session.permissions.may(*page.needs)):
                return Visit(
                    session=session,
                    path=quote(path),
                    parameters=match.groupdict(),
                    query=Query(tuple(parse_qsl(url.query))),
                    zone=_zone(socket.cookies.get(ZONE_COOKIE, "")),
                    language=best_language(socket.headers.get("accept-language", "")),
                ), page
        return None

    async def missing(self, request: Request) -> Response:
        """Answer for a path that no page has."""
        await self.visit(request)
        raise NotShown

    # Errors

    def exception_handlers(self) -> Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]:
        """Return what answers for errors."""
        return {
            LoggedOut: self._logged_out,
            NotShown: self._not_shown,
            grpc.aio.AioRpcError: self._failed,
            Exception: self._broken,
        }

    async def _logged_out(self, request: Request, error: Exception) -> Response:
        if PARTIAL in request.headers:
            return JSONResponse({"login": "/login"}, status_code=401)
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        after = f"?next={quote(path)}" if request.method == "GET" and path != "/" else ""
        response = RedirectResponse(f"/login{after}", status_code=303)
        self.delete_cookie(response)
        return response

    async def _not_shown(self, request: Request, error: Exception) -> Response:
        return await self.problem(request, 404, "problem/missing.html")

    async def _failed(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, grpc.aio.AioRpcError)
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            session = await self.sessions.find(request.cookies.get(COOKIE))
            if session is not None:
                await self.sessions.log_out(session)
            return await self._logged_out(request, error)
        problem = problem_of(error)
        return await self.problem(request, problem.status, "problem/refused.html", problem=problem)

    async def _broken(self, request: Request, error: Exception) -> Response:
        _logger.error("a page failed", exc_info=error, extra={"path": request.url.path})
        return await self.problem(request, 500, "problem/broken.html")

    async def problem(self, request: Request, status: int, template: str, **variables: object) -> Response:
        """Return a page, or the part of one, that says what went wrong."""
        try:
            visit = await self.visit(request)
        except LoggedOut as error:
            return await self._logged_out(request, error)
        part = PARTIAL in request.headers
        html = self.renderer.render(template, visit, is_part=part, **variables)
        return HTMLResponse(html, status_code=status)

    def render(self, visit: Visit, template: str, /, status: int = 200, **variables: object) -> Response:
        """Return a template as a response."""
        return HTMLResponse(self.renderer.render(template, visit, **variables), status_code=status)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name) if name else UTC_ZONE
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC_ZONE
