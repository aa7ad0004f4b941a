"""A TCP proxy that can go silent, be slow, cut what is connected, or refuse what comes."""

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import AsyncIterator

__all__ = ["Mode", "Proxy", "proxied"]

CHUNK = 1 << 16


class Mode(enum.Enum):
    """What a proxy does with what comes."""

    PASS = "pass"
    """Everything arrives, after `delay` seconds."""
    SILENT = "silent"
    """Nothing arrives, in both directions, and nobody is told: as a network that drops all packets does."""
    REFUSE = "refuse"
    """New connections are reset; those that are open go on."""


class Proxy:
    """Listens on a free port of the loopback interface, and connects whoever comes with one address."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._answering = asyncio.Event()
        self._answering.set()
        self.mode = Mode.PASS
        self.delay = 0.0
        """Seconds by which each piece of a stream arrives later, in order."""
        self.address = ""
        """Where it listens: host and port."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])

    async def start(self) -> None:
        """Listen from now on."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Cut everything, and listen no more."""
        assert self._server is not None
        self._server.close()
        self.heal()
        while self._connections:
            self.cut()
            await asyncio.wait(self._connections, timeout=0.1)
        await self._server.wait_closed()

    def silence(self) -> None:
        """Let nothing through until `heal`; what comes meanwhile arrives then, if anybody still waits for it."""
        self.mode = Mode.SILENT
        self._passing.clear()

    def silence_answers(self) -> None:
        """Let through only what comes from those who connected, until `heal`."""
        self._answering.clear()

    def refuse(self) -> None:
        """Cut what is connected, and reset what comes, until `heal`."""
        self.mode = Mode.REFUSE
        self.cut()

    def heal(self) -> None:
        """Let everything through at once again."""
        self.mode, self.delay = Mode.PASS, 0.0
        self._passing.set()
        self._answering.set()

    def cut(self) -> None:
        """Reset all connections that are open now, in both directions."""
        for writer in list(self._writers):
            _reset(writer)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._connect(reader, writer), name=f"proxy to {self._target}")
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.REFUSE:
            _reset(writer)
            return
        self._writers.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            await self._passing.wait()
            other_reader, other = await asyncio.open_connection(*self._target)
            self._writers.add(other)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._copy(reader, other, self._passing))
                tasks.create_task(self._copy(other_reader, writer, self._answering))
        except* OSError:
            # Who is on the other side is gone, or was never there: so is who is on this one.
            pass
        finally:
            for each in (writer, other):
                if each is not None:
                    self._writers.discard(each)
                    _reset(each)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event) -> None:
        while piece := await reader.read(CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._passing.wait()
            await passing.wait()
            writer.write(piece)
            await writer.drain()
        await self._passing.wait()
        if not writer.is_closing():
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without a goodbye: the other side gets a reset."""
    connection = writer.get_extra_info("socket")
    if connection is not None and not writer.transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def proxied(target: str) -> AsyncIterator[Proxy]:
    """Run a proxy before an address for the time of a block."""
    proxy = Proxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
