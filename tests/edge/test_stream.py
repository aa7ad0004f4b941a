"""The connection of one rpc, against gRPC's own server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from citrine_edge import stream as stream_module
from citrine_edge.http2 import UNAUTHENTICATED, UNAVAILABLE, GrpcStream, StreamEnded
from citrine_edge.stream import StreamConnection, connect
from tests.support.fake_core import WAIT

PATH = "/test.Service/Talk"


class Received:
    """What a connection delivered."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.errors: list[BaseException] = []
        self.writables = 0
        self.raises: Exception | None = None
        self._changed = asyncio.Event()

    def message(self, data: bytes) -> None:
        self.messages.append(data)
        self._changed.set()
        if self.raises is not None:
            raise self.raises

    def writable(self) -> None:
        self.writables += 1
        self._changed.set()

    def ended(self, error: BaseException) -> None:
        self.errors.append(error)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Peer(grpc.GenericRpcHandler):
    """A server of one rpc, which a test writes as a generator of what is sent from what comes."""

    def __init__(self, talk: Callable[[AsyncIterator[bytes], Any], AsyncIterator[bytes]]) -> None:
        self.talk = talk
        self.metadata: dict[str, Any] = {}
        self.over = asyncio.Event()

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        assert details.method == PATH
        return grpc.stream_stream_rpc_method_handler(self._serve)

    async def _serve(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        self.metadata = dict(context.invocation_metadata())
        try:
            async for each in self.talk(requests, context):
                yield each
        finally:
            self.over.set()


@contextlib.asynccontextmanager
async def served(peer: Peer) -> AsyncIterator[int]:
    limits = (("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0))
    server = grpc.aio.server(options=limits)
    server.add_generic_rpc_handlers((peer,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@contextlib.asynccontextmanager
async def connected(port: int, received: Received) -> AsyncIterator[StreamConnection]:
    async with asyncio.timeout(WAIT):
        connection = await connect("127.0.0.1", port, PATH, [("authorization", "Bearer x")], received)
    try:
        yield connection
    finally:
        connection.cancel()


async def echo(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    await context.send_initial_metadata((("key", "value"),))
    async for each in requests:
        yield each


async def refuse(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such édge: 100 %")
    yield b""


async def test_messages_of_any_size_come_whole_and_in_order() -> None:
    peer, received = Peer(echo), Received()
    messages = [bytes([size % 251]) * size for size in (0, 1, 5, 16_383, 16_384, 70_000, 5 << 20, 3, 300_000)]
    async with served(peer) as port, connected(port, received) as connection:
        for each in messages:
            connection.write(each)
        connection.end()
        await received.until(lambda: bool(received.errors))

        assert received.messages == messages
        assert peer.metadata["authorization"] == "Bearer x"
        assert await connection.metadata() == {"key": "value"} | await connection.metadata()
        (end,) = received.errors
        assert isinstance(end, StreamEnded)
        assert end.code == 0


async def test_who_is_full_says_when_it_takes_more() -> None:
    release = asyncio.Event()

    async def slow(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        await release.wait()
        async for each in requests:
            yield str(len(each)).encode()

    received = Received()
    async with served(Peer(slow)) as port, connected(port, received) as connection:
        assert connection.is_writable
        connection.write(bytes(8 << 20))
        assert not connection.is_writable
        release.set()
        await received.until(lambda: received.writables > 0)

        assert connection.is_writable
        await received.until(lambda: received.messages == [b"8388608"])


async def test_status_of_the_peer_is_the_reason_of_the_end() -> None:
    received = Received()
    async with served(Peer(refuse)) as port, connected(port, received) as connection:
        await received.until(lambda: bool(received.errors))

        (end,) = received.errors
        assert isinstance(end, StreamEnded)
        assert (end.code, str(end)) == (UNAUTHENTICATED, "no such édge: 100 %")
        assert not connection.is_writable
        with pytest.raises(StreamEnded):
            await connection.metadata()


async def test_cancelled_rpc_ends_at_the_peer_and_says_nothing_more() -> None:
    peer, received = Peer(echo), Received()
    async with served(peer) as port, connected(port, received) as connection:
        await connection.metadata()
        connection.cancel()
        async with asyncio.timeout(WAIT):
            await peer.over.wait()

        assert received.errors == []


async def test_peer_that_goes_away_ends_the_stream() -> None:
    received = Received()
    async with served(Peer(echo)) as port:
        connection = await connect("127.0.0.1", port, PATH, [], received)
        await connection.metadata()
    await received.until(lambda: bool(received.errors))

    assert [type(each) for each in received.errors] == [StreamEnded]


@pytest.mark.parametrize("error", [ValueError("a bug"), StreamEnded(1, "enough")])
async def test_error_of_the_receiver_ends_the_stream(error: Exception) -> None:
    peer, received = Peer(echo), Received()
    received.raises = error
    async with served(peer) as port, connected(port, received) as connection:
        connection.write(b"a")
        connection.write(b"b")
        await received.until(lambda: bool(received.errors))

        assert received.messages == [b"a"]
        assert received.errors == [error]


async def test_where_nobody_listens_there_is_no_stream() -> None:
    async with served(Peer(echo)) as port:
        pass

    with pytest.raises(StreamEnded, match="Connection refused") as raised:
        await connect("127.0.0.1", port, PATH, [], Received())
    assert raised.value.code == UNAVAILABLE


@contextlib.asynccontextmanager
async def listener(says: bytes, *, closes: bool) -> AsyncIterator[int]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(says)
        await reader.read(24)
        if closes:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_who_is_no_grpc_server_is_no_peer(says: bytes) -> None:
    async with listener(says, closes=True) as port, asyncio.timeout(WAIT):
        with pytest.raises(StreamEnded):
            await connect("127.0.0.1", port, PATH, [], Received())


async def test_who_gives_up_waiting_leaves_no_connection() -> None:
    async with listener(b"", closes=False) as port:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connect("127.0.0.1", port, PATH, [], Received())


async def test_silent_peer_is_asked_and_stays_if_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PING_INTERVAL", 0.05)
    pings: list[GrpcStream] = []
    ping = GrpcStream.ping

    def counted(stream: GrpcStream) -> None:
        pings.append(stream)
        ping(stream)

    monkeypatch.setattr(GrpcStream, "ping", counted)
    received = Received()
    async with served(Peer(echo)) as port, connected(port, received) as connection:
        async with asyncio.timeout(WAIT):
            while len(pings) < 3:
                await asyncio.sleep(0.01)
        connection.write(b"alive")

        await received.until(lambda: received.messages == [b"alive"])


async def test_peer_that_does_not_answer_a_ping_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PING_INTERVAL", 0.05)
    monkeypatch.setattr(stream_module, "PING_TIMEOUT", 0.05)
    received = Received()
    settings = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    async with listener(settings, closes=False) as port, connected(port, received):
        await received.until(lambda: bool(received.errors))

    assert [str(each) for each in received.errors] == ["no answer to a ping"]
