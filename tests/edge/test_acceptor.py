"""Tests of what connections begin with: PROXY headers, and TLS handshakes that nobody finishes."""

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.server import ServerProtocol

from tests.edge.conftest import RunningEdge, running_edge
from tests.edge.tls_files import tls_settings
from tests.support.fake_core import FakeCore
from tests.support.pki import Authority
from tests.support.proxy_header import LOCAL, proxy_header
from tests.support.waiting import WAIT

AUTHORITY = Authority.root()

REQUEST = (
    b"GET /CS1 HTTP/1.1\r\nHost: csms\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
)


async def status_line(address: str, *parts: bytes) -> bytes:
    """Send parts, each by itself, and return the first line of the answer; empty if the connection is dropped."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(WAIT):
            line = await reader.readline()
        writer.close()
        return line
    return b""


@contextlib.asynccontextmanager
async def through_a_proxy(port: int, header: bytes) -> AsyncIterator[int]:
    """Run a proxy that sends a header and passes on what follows; yields its port."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        # With the first bytes of the station, as one segment.
        upstream_writer.write(header + await reader.read(65536))
        await asyncio.gather(copy(reader, upstream_writer), copy(upstream_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def proxied(**settings: Any) -> dict[str, Any]:
    return {"ocpp_proxies": "127.0.0.1", "ocpp_proxy_protocol": "ocpp", **settings}


@pytest.mark.parametrize(
    ("header", "address", "profile"),
    [
        pytest.param(proxy_header("192.0.2.7", 40001), "192.0.2.7:40001", 1, id="IPv4"),
        pytest.param(proxy_header("2001:db8::7", 40001), "[2001:db8::7]:40001", 1, id="IPv6"),
        pytest.param(proxy_header("192.0.2.7", 40001, tls=True), "192.0.2.7:40001", 2, id="TLS ended at the proxy"),
    ],
)
async def test_stations_have_the_address_that_the_proxy_says(
    core: FakeCore, header: bytes, address: str, profile: int
) -> None:
    async with running_edge(core, **proxied()) as edge:
        line = await status_line(edge.ocpp, header[:20], header[20:] + REQUEST)
        admit = await core.next("admit")

    assert line.startswith(b"HTTP/1.1 101")
    assert (admit.remote_address, admit.security_profile) == (address, profile)


async def test_a_health_check_of_the_proxy_has_its_own_address(core: FakeCore) -> None:
    async with running_edge(core, **proxied()) as edge:
        await status_line(edge.ocpp, LOCAL + REQUEST)
        admit = await core.next("admit")

    assert admit.remote_address.startswith("127.0.0.1:")


async def test_a_tls_handshake_may_follow_in_the_same_segment(core: FakeCore, tmp_path: Path) -> None:
    settings = proxied(**tls_settings(AUTHORITY, tmp_path), ocpp_proxy_protocol="ocpps")
    trusting = ssl.create_default_context(cadata=AUTHORITY.pem)
    subprotocols: Any = ["ocpp2.0.1"]
    async with running_edge(core, **settings) as edge:
        port = int(edge.addresses["ocpps"].rpartition(":")[2])
        async with through_a_proxy(port, proxy_header("192.0.2.7", 40001)) as front:
            url = f"wss://127.0.0.1:{front}/CS1"
            async with connect(url, subprotocols=subprotocols, ssl=trusting):
                admit = await core.next("admit")

    assert (admit.remote_address, admit.security_profile) == ("192.0.2.7:40001", 2)


@pytest.mark.parametrize(
    ("proxies", "sent"),
    [
        pytest.param("127.0.0.1", REQUEST, id="no header"),
        pytest.param("192.0.2.0/24", proxy_header("192.0.2.7", 40001) + REQUEST, id="of nobody who is trusted"),
        pytest.param("127.0.0.1", b"", id="nothing"),
    ],
)
async def test_without_a_header_of_a_trusted_proxy_connections_are_dropped(
    core: FakeCore, proxies: str, sent: bytes
) -> None:
    settings = proxied(ocpp_proxies=proxies, ocpp_request_timeout=timedelta(seconds=0.2))
    async with running_edge(core, **settings) as edge:
        assert await status_line(edge.ocpp, sent) == b""
        await edge.until(lambda: edge.edge.metrics.render().count(b"citrine_edge_failed_arrivals_total{") == 1)


async def test_a_tls_handshake_that_nobody_finishes_is_dropped_after_a_while(core: FakeCore, tmp_path: Path) -> None:
    settings = {**tls_settings(AUTHORITY, tmp_path), "ocpp_request_timeout": timedelta(seconds=0.2)}
    async with running_edge(core, **settings) as edge:
        assert await status_line(edge.addresses["ocpps"], b"\x16\x03\x01") == b""
        await edge.until(lambda: b'failed_arrivals_total{problem="timeout"} 1.0' in edge.edge.metrics.render())
        await edge.until(lambda: idle(edge) == 0)


def idle(edge: RunningEdge) -> int:
    """Return the number of connections without a handshake."""
    return edge.edge.server._admission.idle


async def test_tls_handshakes_that_nobody_finishes_are_limited(core: FakeCore, tmp_path: Path) -> None:
    """Above the limit the oldest are dropped, and a station still gets in."""
    settings = {**tls_settings(AUTHORITY, tmp_path), "ocpp_max_unfinished": 5, "ocpp_max_sockets": 1}
    trusting = ssl.create_default_context(cadata=AUTHORITY.pem)
    async with running_edge(core, **settings) as edge:
        address = edge.addresses["ocpps"].split(":")
        silent = [await asyncio.open_connection(*address) for _ in range(20)]
        await edge.until(lambda: 0 < idle(edge) <= 6)
        async with edge.tls_station(trusting) as station:
            assert station.websocket.subprotocol == "ocpp2.0.1"
        for reader, _ in silent[:10]:
            async with asyncio.timeout(WAIT):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize("end", ["speaks no TLS", "goes", "is too slow", "closes"])
async def test_nothing_of_a_tls_connection_waits_for_the_garbage_collector(
    core: FakeCore, tmp_path: Path, end: str, no_garbage_collector: None
) -> None:
    """Each holds some 30 kB, and the collector of an edge runs seldom."""
    settings = {**tls_settings(AUTHORITY, tmp_path), "ocpp_request_timeout": timedelta(seconds=0.2)}
    trusting = ssl.create_default_context(cadata=AUTHORITY.pem)
    async with running_edge(core, **settings) as edge:
        for _ in range(3):
            if end == "closes":
                async with edge.tls_station(trusting):
                    pass
                continue
            reader, writer = await asyncio.open_connection(*edge.addresses["ocpps"].split(":"))
            writer.write(b"GET / HTTP/1.1\r\n\r\n" if end == "speaks no TLS" else b"\x16\x03\x01")
            if end == "goes":
                writer.write_eof()
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(WAIT):
                    await reader.read()
            writer.close()
        await edge.until(lambda: not idle(edge))

        await edge.until(lambda: not left())


def left() -> list[object]:
    """Return what is in memory of connections to edges."""
    return [
        one
        for one in gc.get_objects()
        if issubclass(type(one), ServerProtocol) or (type(one) is ssl.SSLObject and one.server_side)
    ]
