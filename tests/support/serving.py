"""An ASGI application on a free port of the loopback interface, in the loop of the test."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

__all__ = ["bound", "serving"]


def bound() -> tuple[socket.socket, str]:
    """Return a socket on a free port, and the URL that leads to it."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("127.0.0.1", 0))
    opened.listen(100)
    return opened, f"http://127.0.0.1:{opened.getsockname()[1]}"


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, opened: socket.socket, **options: Any) -> AsyncIterator[None]:
    """Serve an application on a socket for the time of a block, with more options of uvicorn."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws="none", lifespan="off", timeout_keep_alive=30, **options
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([opened]), name="serve")
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await running
        opened.close()
