"""How a process serves an ASGI application until it is told to stop."""

import asyncio
import logging
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from citrine_process.addresses import split_address
from citrine_process.running import stop_by_signal

__all__ = ["listening_socket", "quieten", "serve_until_stopped"]

STOP_TIMEOUT = 5
"""Seconds that requests which are under way have when the process stops."""

BACKLOG = 2048


def quieten() -> None:
    """Have the libraries of HTTP not log each request and each step: we log what we call, and what is wrong."""
    for name in ("httpx2", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)


def listening_socket(address: str) -> socket.socket:
    """Return a socket on an address; who connects waits until it is served.

    Raises:
        InvalidSetting: When it is not host:port.
        OSError: When it can't be listened on.
    """
    host, port = split_address(address)
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
        )
    except OSError as error:
        raise OSError(f"cannot listen on {address}: {error.strerror or error}") from error


class _Server(uvicorn.Server):
    """A server that leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: a signal that both know would count twice."""
        yield


async def serve_until_stopped(app: ASGIApp, opened: socket.socket, beside: Coroutine[Any, Any, None]) -> int:
    """Serve an application, and do something beside, until SIGTERM or SIGINT; return the exit code.

    Args:
        app: The application.
        opened: Where it listens.
        beside: What is done meanwhile; that it ends is an error.
    """
    stop = stop_by_signal()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=STOP_TIMEOUT,
        lifespan="off",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([opened]), name="serve")
    working = asyncio.create_task(beside, name="beside serving")
    stopping = asyncio.create_task(stop.wait(), name="wait for a signal")
    await asyncio.wait({serving, working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    has_failed = working.done()
    server.should_exit = True
    await serving
    for task in (working, stopping):
        task.cancel()
    await asyncio.gather(working, stopping, return_exceptions=True)
    if has_failed:
        await working
    return 1 if has_failed else 0
