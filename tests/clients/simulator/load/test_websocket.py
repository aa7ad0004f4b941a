import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from citrine_simulator import HandshakeRefusedError, UsageError
from citrine_simulator.connection import Target
from citrine_simulator.load.websocket import LeanSocket
from tests.clients.simulator.csms import Csms


class Inbox:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.texts: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed = asyncio.Event()

    def text_received(self, text: bytes) -> None:
        self.texts.put_nowait(text)

    def connection_closed(self) -> None:
        self.closed.set()


async def echo(socket: ServerConnection) -> None:
    """Send everything back, and some things otherwise."""
    async for text in socket:
        if text == "ping":
            await (await socket.ping())
            await socket.send("ponged")
        elif text == "parts":
            await socket.send(iter(["in ", "three ", "parts"]))
        elif text == "close":
            await socket.close()
        else:
            await socket.send(text)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    async with serve(echo, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp2.0.1")], max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Target(f"ws://127.0.0.1:{port}/CS-1", "CS-1", "2.0.1", "secret")


@pytest.mark.parametrize("length", [0, 1, 125, 126, 1000, 65535, 65536, 300_000])
async def test_messages_of_any_length_come_back(target: Target, length: int) -> None:
    inbox = Inbox()
    socket = await LeanSocket.connect(target, inbox)

    socket.send(b"a" * length)

    assert await inbox.texts.get() == b"a" * length
    socket.close()
    await inbox.closed.wait()


async def test_many_messages_in_one_packet_are_told_apart(target: Target) -> None:
    inbox = Inbox()
    socket = await LeanSocket.connect(target, inbox)

    for number in range(500):
        socket.send(b"%d" % number)

    assert [int(await inbox.texts.get()) for _ in range(500)] == list(range(500))
    socket.close()


async def test_fragments_are_put_together(target: Target) -> None:
    inbox = Inbox()
    socket = await LeanSocket.connect(target, inbox)

    socket.send(b"parts")

    assert await inbox.texts.get() == b"in three parts"
    socket.close()


async def test_pings_are_answered(target: Target) -> None:
    inbox = Inbox()
    socket = await LeanSocket.connect(target, inbox)

    socket.send(b"ping")

    assert await inbox.texts.get() == b"ponged"
    socket.close()


async def test_a_close_of_the_peer_is_noticed(target: Target) -> None:
    inbox = Inbox()
    socket = await LeanSocket.connect(target, inbox)

    socket.send(b"close")
    await inbox.closed.wait()

    assert socket.closed
    socket.send(b"into the void")
    socket.close()


async def test_a_refused_handshake_says_when_to_come_back(csms: Csms) -> None:
    csms.refuse = [(503, {"Retry-After": "7"})]

    with pytest.raises(HandshakeRefusedError) as refused:
        await LeanSocket.connect(Target(f"{csms.url}/CS-1", "CS-1", "2.0.1", None), Inbox())

    assert (refused.value.status, refused.value.retry_after) == (503, 7)


async def test_a_handshake_without_subprotocol_is_none(csms: Csms) -> None:
    with pytest.raises(HandshakeRefusedError, match="subprotocol"):
        await LeanSocket.connect(Target(f"{csms.url}/CS-1", "CS-1", "9.9", None), Inbox())


async def test_a_server_that_hangs_up_is_noticed() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    with pytest.raises(ConnectionResetError):
        await LeanSocket.connect(Target(f"ws://127.0.0.1:{port}/CS-1", "CS-1", "2.0.1", None), Inbox())
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("url", ["https://127.0.0.1/CS-1", "127.0.0.1:9000"])
async def test_other_urls_are_not_for_load(url: str) -> None:
    with pytest.raises(UsageError, match="not a ws:// or wss:// URL"):
        await LeanSocket.connect(Target(url, "CS-1", "2.0.1", None), Inbox())
