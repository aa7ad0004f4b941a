"""WebSockets: fragments, compression, sizes, silence, and stations that do not read."""

import asyncio
import base64
import gc
import os
import socket
import zlib
from datetime import timedelta
from typing import Any

import pytest
from websockets.http11 import Request
from websockets.server import ServerProtocol

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.v2 import provisioning_pb2
from citrine_edge.session import Session
from citrine_edge.websocket import StationSocket
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import FakeCore
from tests.support.waiting import WAIT

HEARTBEAT = '[2,"m1","Heartbeat",{}]'
ANSWER = '[3,"m1",{"currentTime":"2025-01-31T12:00:00Z"}]'


class Wire:
    """A websocket by hand: what no library would send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, edge: RunningEdge, *headers: str, receive_buffer: int = 1 << 16) -> "Wire":
        host, port = edge.ocpp.split(":")
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
        wire = cls(*await asyncio.open_connection(sock=connection, limit=receive_buffer))
        lines = [
            "GET /CS1 HTTP/1.1",
            "Host: x",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: ocpp2.0.1",
            *headers,
            "",
            "",
        ]
        wire.writer.write("\r\n".join(lines).encode())
        assert b" 101 " in await wire.reader.readuntil(b"\r\n\r\n")
        return wire

    def send(self, opcode: int, data: bytes, *, fin: bool = True, compressed: bool = False) -> None:
        first = opcode | (0x80 if fin else 0) | (0x40 if compressed else 0)
        length = bytes([0x80 | 127]) + len(data).to_bytes(8, "big")
        self.writer.write(bytes([first]) + length + b"\0\0\0\0" + data)

    async def receive(self) -> tuple[int, bytes]:
        """Return opcode and data of the next frame."""
        async with asyncio.timeout(WAIT):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            return first & 0xF, await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """Return the code of the close frame, which is the next; 1006 if there is none."""
        try:
            opcode, data = await self.receive()
        except (asyncio.IncompleteReadError, ConnectionError):
            return 1006
        assert opcode == 8
        return int.from_bytes(data[:2], "big")

    async def close(self) -> None:
        self.writer.transport.abort()


async def test_message_in_fragments_is_one_message(edge: RunningEdge) -> None:
    wire = await Wire.open(edge)
    wire.send(1, b'[2,"m1",', fin=False)
    wire.send(9, b"ping between")
    wire.send(0, b'"Heart', fin=False)
    wire.send(0, b'beat",{}]')

    assert await wire.receive() == (10, b"ping between")
    assert await wire.receive() == (1, ANSWER.encode())
    await wire.close()


async def test_binary_fragments_are_one_binary_message(edge: RunningEdge) -> None:
    wire = await Wire.open(edge)
    wire.send(2, b'[2,"m1",', fin=False)
    wire.send(0, b'"Heartbeat",{}]')

    opcode, data = await wire.receive()
    assert opcode == 1
    assert data.startswith(b'[4,"-1","RpcFrameworkError"')
    await wire.close()


async def test_station_without_compression_is_served(edge: RunningEdge) -> None:
    async with edge.station(compression=None) as station:
        await station.send(HEARTBEAT)

        assert await station.websocket.recv() == ANSWER


async def test_message_that_is_too_big_closes_with_1009(core: FakeCore) -> None:
    async with running_edge(core, ocpp_max_frame=2000) as edge:
        async with edge.station(compression=None) as station:
            await station.send([2, "m1", "DataTransfer", {"vendorId": "v", "data": "x" * 2000}])

            await station.websocket.wait_closed()

            assert station.websocket.close_code == 1009
        assert (await core.next("closed")).code in (1006, 1009)


async def test_message_that_is_too_big_once_decompressed_closes_with_1009(core: FakeCore) -> None:
    """A bomb of 1 GB does not unfold."""
    async with running_edge(core, ocpp_max_frame=2000) as edge:
        wire = await Wire.open(edge, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
        compressor = zlib.compressobj(wbits=-12)
        data = compressor.compress(b"x" * 1_000_000) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert len(data) < 2000
        wire.send(1, data[:-4], compressed=True)

        assert await wire.close_code() == 1009
        await wire.close()


async def test_broken_protocol_closes_with_1002(edge: RunningEdge) -> None:
    wire = await Wire.open(edge)
    wire.send(3, b"")

    assert await wire.close_code() == 1002
    await wire.close()


async def test_frame_before_the_handshake_is_over_drops_the_connection(core: FakeCore, edge: RunningEdge) -> None:
    core.decide = lambda admit: False
    reader, writer = await asyncio.open_connection(*edge.ocpp.split(":"))
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /CS1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n".encode()
        + b"\x81\x80\0\0\0\0"
    )

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), WAIT)
    writer.close()


async def test_slow_handshake_is_dropped(core: FakeCore) -> None:
    async with running_edge(core, ocpp_request_timeout=timedelta(seconds=0.1)) as edge:
        reader, writer = await asyncio.open_connection(*edge.ocpp.split(":"))
        writer.write(b"GET /CS1 HTTP/1.1\r\n")

        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), WAIT)
        writer.close()


QUICK_PINGS: dict[str, Any] = {
    "ocpp_ping_interval": timedelta(seconds=0.1),
    "ocpp_ping_timeout": timedelta(seconds=0.2),
}


async def test_silent_station_is_pinged_and_given_up_if_it_does_not_react(core: FakeCore) -> None:
    async with running_edge(core, **QUICK_PINGS) as edge:
        wire = await Wire.open(edge)

        assert (await wire.receive())[0] == 9
        wire.send(10, b"")
        assert (await wire.receive())[0] == 9
        assert (await core.next("closed")).code == 1006
        await wire.close()


async def test_station_that_talks_is_not_pinged(core: FakeCore) -> None:
    async with running_edge(core, ocpp_ping_interval=timedelta(seconds=1)) as edge:
        wire = await Wire.open(edge)
        end = asyncio.get_running_loop().time() + 1.5
        while asyncio.get_running_loop().time() < end:
            wire.send(1, HEARTBEAT.encode())
            assert (await wire.receive())[0] == 1
        await wire.close()


async def test_station_that_reacts_stays(core: FakeCore) -> None:
    async with running_edge(core, **QUICK_PINGS) as edge:
        wire = await Wire.open(edge)
        for _ in range(5):
            assert (await wire.receive())[0] == 9
            wire.send(10, b"")
        wire.send(1, HEARTBEAT.encode())

        assert await wire.receive() == (1, ANSWER.encode())
        await wire.close()


async def test_station_that_does_not_read_is_given_up(core: FakeCore) -> None:
    """Its answers pile up to a bound, its calls are not read meanwhile, and then it is gone."""
    async with running_edge(core, ocpp_frame_rate=1e6, **QUICK_PINGS) as edge:
        wire = await Wire.open(edge, receive_buffer=4096)
        bad = b'[2,"' + b"x" * 36 + b'","Unknown",{}]'

        async def flood() -> None:
            while True:
                for _ in range(200):
                    wire.send(1, bad)
                await wire.writer.drain()

        flooding = asyncio.create_task(flood())
        closed = await core.next("closed")
        flooding.cancel()
        await asyncio.wait({flooding})

        assert closed.code == 1006
        await wire.close()


async def test_close_of_the_station_is_answered(core: FakeCore, edge: RunningEdge) -> None:
    wire = await Wire.open(edge)
    wire.send(8, (1001).to_bytes(2, "big") + b"bye")

    assert await wire.close_code() == 1001
    assert await wire.reader.read() == b""
    await wire.close()
    closed = await core.next("closed")
    assert (closed.code, closed.reason) == (1001, "bye")


async def test_station_that_does_not_take_part_in_the_close_is_dropped(core: FakeCore) -> None:
    async with running_edge(core) as edge:
        wire = await Wire.open(edge)
        ref = (await core.next("opened")).session
        core.send(disconnect=pb.Disconnect(session=ref, code=1008, reason="go"))

        assert await wire.close_code() == 1008
        # Five seconds, and nothing is heard of it.
        closed = await core.next("closed")
        assert (closed.code, closed.reason) == (1008, "go")
        await wire.close()


def left() -> list[object]:
    """Return what is in memory of the sockets of edges."""
    return [each for each in gc.get_objects() if isinstance(each, Session | StationSocket | ServerProtocol)]


@pytest.mark.parametrize("end", ["close", "abort", "eof", "error", "disconnect", "refused"])
async def test_nothing_of_a_closed_socket_waits_for_the_garbage_collector(
    core: FakeCore, edge: RunningEdge, end: str, no_garbage_collector: None
) -> None:
    if end == "refused":
        assert (await edge.refusal(version="1.5")).status_code == 400
    else:
        offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
        wire = await Wire.open(edge, offer)
        ref = (await core.next("opened")).session
        core.command(ref, "c1", provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE))
        await wire.receive()
        wire.send(1, HEARTBEAT.encode())
        await wire.receive()
        match end:
            case "close":
                wire.send(8, (1000).to_bytes(2, "big"))
            case "eof":
                wire.writer.write_eof()
            case "error":
                wire.send(3, b"")
            case "disconnect":
                core.send(disconnect=pb.Disconnect(session=ref, code=1000))
                await wire.receive()
                wire.send(8, (1000).to_bytes(2, "big"))
        if end in ("close", "error", "disconnect"):
            await wire.reader.read()
        await wire.close()
        await core.next("closed")

    await edge.until(lambda: not left())


async def test_an_open_socket_retains_no_header_of_its_handshake(core: FakeCore, edge: RunningEdge) -> None:
    secret = base64.b64encode(b"CS1:a password that nobody else has").decode()
    wire = await Wire.open(edge, f"Authorization: Basic {secret}")
    await core.next("opened")

    requests = [each for each in gc.get_objects() if isinstance(each, Request)]
    assert requests
    assert not [each for each in requests if secret in str(each.headers)]
    await wire.close()


async def test_fragments_without_content_take_no_memory(core: FakeCore, edge: RunningEdge) -> None:
    wire = await Wire.open(edge)
    wire.send(1, HEARTBEAT[:5].encode(), fin=False)
    for _ in range(10_000):
        wire.send(0, b"", fin=False)
        await wire.writer.drain()
    wire.send(9, b"here")

    assert await wire.receive() == (10, b"here")
    (session,) = edge.edge.sessions
    assert len(session._transport._fragments or ()) == 1  # type: ignore[attr-defined]  # a StationSocket
    wire.send(0, HEARTBEAT[5:].encode())
    assert await wire.receive() == (1, ANSWER.encode())
    await wire.close()
