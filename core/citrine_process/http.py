"""/healthz, /readyz and /metrics, as little HTTP as they need."""

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["HealthServer"]

REQUEST_TIMEOUT = 5.0
"""Seconds in which a request has to be there, and its answer to be read."""

MAX_REQUEST = 16 * 1024
"""Bytes of a request, with its headers."""

MOST_CONNECTIONS = 100
"""Connections at a time; for one more the oldest is dropped, so that nobody uses up the open files of the process."""

RENDER_INTERVAL = 0.1
"""Seconds between two renderings of the metrics at least."""

_TEXT = "text/plain; charset=utf-8"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class HealthServer:
    """The port for those who watch over a process.

    Args:
        missing: Finds out what is missing for the process to serve; empty if nothing is.
        metrics: Returns what /metrics shows.
    """

    def __init__(self, missing: Callable[[], Awaitable[str]], metrics: Callable[[], Awaitable[bytes]]) -> None:
        self._missing = missing
        self._metrics = metrics
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, None] = {}
        self._rendered = -RENDER_INTERVAL
        self._rendering: asyncio.Task[bytes] | None = None

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Answer from now on; return the address.

        Raises:
            OSError: When the address is in use, or not one of this machine.
        """
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_REQUEST)
        address = self._server.sockets[0].getsockname()
        return address[0], address[1]

    def close(self) -> None:
        """Accept no connection any more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MOST_CONNECTIONS:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.transport.abort()
        self._connections[writer] = None
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                method, path = [*head.split(b"\r\n", 1)[0].split(b" "), b"", b""][:2]
                status, kind, body = await self._answer(method, path.partition(b"?")[0])
                lines = [
                    f"HTTP/1.1 {status}",
                    f"Content-Type: {kind}",
                    f"Content-Length: {len(body)}",
                    "Connection: close",
                ]
                writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if method == b"HEAD" else body))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            # Who asks badly gets no answer.
            writer.transport.abort()
        finally:
            writer.close()
            self._connections.pop(writer, None)

    async def _answer(self, method: bytes, path: bytes) -> tuple[str, str, bytes]:
        if method not in (b"GET", b"HEAD"):
            return "405 Method Not Allowed", _TEXT, b"only GET\n"
        match path:
            case b"/healthz":
                return "200 OK", _TEXT, b"ok\n"
            case b"/readyz":
                missing = await self._missing()
                if missing:
                    return "503 Service Unavailable", _TEXT, f"{missing}\n".encode()
                return "200 OK", _TEXT, b"ok\n"
            case b"/metrics":
                return "200 OK", _PROMETHEUS, await self._render()
        return "404 Not Found", _TEXT, b"/healthz, /readyz, /metrics\n"

    async def _render(self) -> bytes:
        """Return the metrics: one rendering for all who ask at the same time."""
        if self._rendering is None:
            self._rendering = asyncio.create_task(self._render_in_time(), name="metrics")
            self._rendering.add_done_callback(self._end_rendering)
        return await asyncio.shield(self._rendering)

    async def _render_in_time(self) -> bytes:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._rendered + RENDER_INTERVAL - loop.time())
        self._rendered = loop.time()
        return await self._metrics()

    def _end_rendering(self, rendering: "asyncio.Task[bytes]") -> None:
        self._rendering = None
        if not rendering.cancelled():
            # Those who asked have it, if they are still there.
            rendering.exception()
