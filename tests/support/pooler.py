"""A connection pooler before PostgreSQL that ignores settings of connections, or has all clients share one session."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

__all__ = ["pooled"]

_READY, _TERMINATE = b"Z", b"X"

_IDLE = b"I"
"""State of a session without a transaction, in ReadyForQuery."""

_PASSED = ("user", "database", "client_encoding")
"""Settings that are passed on; the others are ignored, as PgBouncer does where it is told to."""


class _Pooler:
    def __init__(self, port: int, *, shares: bool) -> None:
        self._port = port
        self._shares = shares
        self._turn = asyncio.Lock()
        self._session: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._greeting: list[bytes] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._clients: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it goes."""
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        self._writers.append(writer)
        try:
            await self._serve(reader, writer)
        except* (OSError, EOFError, asyncio.CancelledError):
            # The client went without a word, or the test is over.
            pass
        writer.close()

    async def stop(self) -> None:
        """End all clients and sessions."""
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        startup = await _read_startup(reader, writer)
        async with self._turn:
            session = self._session
            if session is None:
                session = await self._connect(startup)
                if self._shares:
                    self._session = session
        writer.writelines(self._greeting)
        messages: asyncio.Queue[bytes] = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_read_messages(reader, messages))
            while (message := await messages.get())[:1] != _TERMINATE:
                # A session of its own is nobody else's turn.
                async with self._turn if self._shares else contextlib.nullcontext():
                    await _run_transaction(message, messages, writer, *session)

    async def _connect(self, startup: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers.append(writer)
        writer.write(startup)
        self._greeting = []
        while not self._greeting or self._greeting[-1][:1] != _READY:
            self._greeting.append(await _read_message(reader))
        return reader, writer


async def _run_transaction(
    message: bytes,
    messages: asyncio.Queue[bytes],
    writer: asyncio.StreamWriter,
    server_reader: asyncio.StreamReader,
    server_writer: asyncio.StreamWriter,
) -> None:
    """Pass on the messages of one transaction, of which the first is taken already, and the answers."""
    server_writer.write(message)
    answer, following = asyncio.create_task(_read_message(server_reader)), asyncio.create_task(messages.get())
    try:
        while True:
            await asyncio.wait({answer, following}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                server_writer.write(following.result())
                following = asyncio.create_task(messages.get())
            if answer.done():
                content = answer.result()
                writer.write(content)
                if content[:1] == _READY and content[5:6] == _IDLE:
                    return
                answer = asyncio.create_task(_read_message(server_reader))
    finally:
        answer.cancel()
        following.cancel()


async def _read_messages(reader: asyncio.StreamReader, messages: asyncio.Queue[bytes]) -> None:
    """Read what a client sends, until it says that it goes."""
    message = b""
    while message[:1] != _TERMINATE:
        message = await _read_message(reader)
        messages.put_nowait(message)


async def _read_startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return the startup message of a client, with few of its settings."""
    while True:
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        content = await reader.readexactly(length - 4)
        if len(content) > 4:
            break
        # A request for TLS.
        writer.write(b"N")
    texts = content[4:].split(b"\0")
    settings = dict(zip(texts[::2], texts[1::2], strict=False))
    passed = b"".join(
        name.encode() + b"\0" + settings[name.encode()] + b"\0" for name in _PASSED if name.encode() in settings
    )
    content = content[:4] + passed + b"\0"
    return struct.pack("!I", len(content) + 4) + content


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!I", head[1:])
    return head + await reader.readexactly(length - 4)


@contextlib.asynccontextmanager
async def pooled(port: int, *, shares: bool) -> AsyncIterator[int]:
    """Run a pooler before a server on a port of the loopback interface; yield its own port.

    Args:
        port: Port of the server.
        shares: Whether all clients share one session, transaction by transaction. False: each has one of its own.
    """
    pooler = _Pooler(port, shares=shares)
    server = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await pooler.stop()
        await server.wait_closed()
