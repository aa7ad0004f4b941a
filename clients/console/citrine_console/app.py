"""The console process: composition from settings, run until SIGTERM."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from citrine_console.config import ConsoleSettings, read_settings
from citrine_console.keyed import FormCalls
from citrine_console.live import Feeds, Hub
from citrine_console.logins import CALLBACK, Logins
from citrine_console.oidc import Provider
from citrine_console.pages import ACTIONS, PAGES
from citrine_console.permissions import Permissions
from citrine_console.protection import Protection
from citrine_console.rendering import Renderer
from citrine_console.sessions import Clients, Credential, Sessions
from citrine_console.site import Site
from citrine_process.addresses import join_address, split_address
from citrine_process.logs import set_up_logging
from citrine_process.running import announce_ready, loop_factory, software_version, stop_by_signal
from citrine_process.settings import InvalidSetting
from citrine_sdk import Citrine

__all__ = ["build_app", "main"]

STOP_TIMEOUT = 3
"""Seconds that requests which are under way have when the console stops."""

_STATIC = Path(__file__).parent / "static"

_logger = logging.getLogger(__name__)


def build_app(settings: ConsoleSettings) -> ASGIApp:
    """Return the console as an ASGI application."""
    clients = Clients(lambda credential: _client(settings, credential))
    sessions = Sessions(
        clients, settings.console_session_lifetime.total_seconds(), settings.console_max_sessions, time.monotonic
    )
    feeds = Feeds()
    renderer = Renderer(
        software_version(),
        {"tiles_url": settings.console_tiles_url, "tiles_attribution": settings.console_tiles_attribution},
    )
    hub = Hub(feeds, renderer.show, sessions.log_out)
    site = Site(sessions, hub, renderer, PAGES, is_secure=settings.console_public_url.startswith("https:"))
    callback = f"{settings.console_public_url}{CALLBACK}"
    provider = Provider(settings, callback) if settings.console_oidc_issuer else None
    logins = Logins(site, settings.console_login_file, provider, is_public=bool(settings.console_public_url))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        renderer.prepare()
        Permissions.prepare()
        sweep = asyncio.create_task(sessions.sweep(), name="end of sessions")
        yield
        sweep.cancel()
        hub.stop()
        await feeds.stop()
        await sessions.close()

    app = Starlette(
        routes=[
            Mount("/static", StaticFiles(directory=_STATIC), name="static"),
            *logins.routes(),
            WebSocketRoute("/live", site.live),
            WebSocketRoute("/stations/{station_id}/frames/live", site.frames),
            *(Route(action.path, site.acting(action), methods=action.methods) for action in ACTIONS),
            *(Route(page.path, site.showing(page)) for page in PAGES),
            Route("/{path:path}", site.missing),
        ],
        middleware=[
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
        ],
        exception_handlers=site.exception_handlers(),
        lifespan=lifespan,
    )
    # Around all of it: answers about errors of ours have its headers, too.
    return Protection(app, settings.console_public_url, settings.tiles_origin)


def _client(settings: ConsoleSettings, credential: Credential) -> Citrine:
    return Citrine(
        settings.core,
        key=credential.key or None,
        token=credential.login.token if credential.login is not None else None,
        tenant=credential.tenant or None,
        ca_file=settings.core_ca_file,
        interceptors=[FormCalls()],
    )


def main(arguments: Sequence[str]) -> int:
    """Run a console until SIGTERM or SIGINT; return the exit code."""
    try:
        settings = read_settings(arguments)
        set_up_logging(settings.log_level)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(settings))
    except (InvalidSetting, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


async def _serve(settings: ConsoleSettings) -> int:
    stop = stop_by_signal()
    host, port = split_address(settings.console_listen)
    config = uvicorn.Config(
        build_app(settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        ws_per_message_deflate=True,
        timeout_graceful_shutdown=STOP_TIMEOUT,
        lifespan="on",
    )
    try:
        sockets = [config.bind_socket()]
    except SystemExit as error:
        raise OSError(f"cannot listen on {settings.console_listen}") from error
    # Browsers that come before the server accepts them wait.
    sockets[0].listen(config.backlog)
    address = join_address(*sockets[0].getsockname()[:2])
    announce_ready(settings.ready_file, {"http": address})
    _logger.info("the console listens", extra={"address": address, "core": settings.core})
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets), name="serve")
    stopping = asyncio.create_task(stop.wait(), name="wait for a signal")
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    stopping.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
