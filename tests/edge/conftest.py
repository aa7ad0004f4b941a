"""An edge in this process, and stations that connect to it."""

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from citrine_edge.app import Edge
from citrine_edge.config import EdgeSettings
from citrine_edge.dialects import Dialect
from tests.support.fake_core import FakeCore, fake_core
from tests.support.raw_station import RawStation
from tests.support.waiting import PAUSE, WAIT

QUICK: dict[str, Any] = {
    "ocpp_listen": "127.0.0.1:0",
    "edge_http_listen": "127.0.0.1:0",
    "edge_credential": SecretStr("secret"),
    "edge_hold_time": timedelta(seconds=0.5),
    "edge_settle_time": timedelta(seconds=0.1),
    "edge_close_spread": timedelta(seconds=0.05),
    "drain_time": timedelta(seconds=5),
}


class RunningEdge:
    """An edge that runs, and where."""

    def __init__(
        self, edge: Edge, stop: asyncio.Event, task: "asyncio.Task[None]", addresses: Mapping[str, str]
    ) -> None:
        self.edge = edge
        self.addresses = addresses
        self.ocpp = addresses.get("ocpp", "")
        self.http = addresses["http"]
        self._stop = stop
        self.task = task

    def stop(self) -> None:
        """Ask it to drain."""
        self._stop.set()

    @contextlib.asynccontextmanager
    async def station(
        self, station_id: str = "CS1", version: str = "2.0.1", headers: dict[str, str] | None = None, **options: Any
    ) -> AsyncIterator[RawStation]:
        """Open a station's websocket."""
        subprotocols: Any = [f"ocpp{each}" for each in version.split(",") if each]
        url = f"ws://{self.ocpp}/{station_id}"
        options.setdefault("open_timeout", WAIT)
        async with connect(url, subprotocols=subprotocols, additional_headers=headers, **options) as websocket:
            yield RawStation(websocket)

    @contextlib.asynccontextmanager
    async def tls_station(
        self, context: ssl.SSLContext, listener: str = "ocpps", station_id: str = "CS1"
    ) -> AsyncIterator[RawStation]:
        """Open a station's websocket over TLS, at the listener "ocpps" or "ocpps_mtls"."""
        subprotocols: Any = ["ocpp2.0.1"]
        url = f"wss://{self.addresses[listener]}/{station_id}"
        async with connect(url, subprotocols=subprotocols, ssl=context, open_timeout=WAIT) as websocket:
            yield RawStation(websocket)

    async def refusal(self, station_id: str = "CS1", **options: Any) -> Response:
        """Return the answer to a handshake that is refused."""
        with pytest.raises(InvalidStatus) as refused:
            async with self.station(station_id, **options):
                pass
        return refused.value.response

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Return status and body of a page of the health server."""
        reader, writer = await asyncio.open_connection(*self.http.split(":"))
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return int(head.split(" ")[1]), body

    async def until(self, condition: Callable[[], object]) -> None:
        """Return when something is true of the edge; it is asked again and again whether it lives."""
        async with asyncio.timeout(WAIT):
            while not condition():
                assert (await self.get("/healthz"))[0] == 200
                await asyncio.sleep(PAUSE)


@contextlib.asynccontextmanager
async def running_edge(
    *cores: FakeCore, linked: bool = True, versions: Mapping[str, Dialect] | None = None, **settings: Any
) -> AsyncIterator[RunningEdge]:
    """Run an edge that is linked to these cores, and offers these versions of OCPP or all that there are."""
    addresses = ",".join(core.address for core in cores)
    edge = Edge(EdgeSettings(**{**QUICK, "core": addresses, **settings}), versions)
    listening: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    task = asyncio.create_task(edge.run(stop, listening.set_result))
    try:
        async with asyncio.timeout(WAIT):
            task.add_done_callback(lambda _: listening.cancel())
            running = RunningEdge(edge, stop, task, await listening)
        if linked:
            await running.until(lambda: edge.router.links and all(link.up for link in edge.router.links))
        yield running
    finally:
        stop.set()
        async with asyncio.timeout(WAIT):
            await task


@pytest.fixture
async def core() -> AsyncIterator[FakeCore]:
    """A core that says yes to everything."""
    async with fake_core() as core:
        yield core


@pytest.fixture
async def edge(core: FakeCore) -> AsyncIterator[RunningEdge]:
    """An edge that is linked to the core."""
    async with running_edge(core) as running:
        yield running


@pytest.fixture
async def station(edge: RunningEdge) -> AsyncIterator[RawStation]:
    """A station that speaks 2.0.1 and is connected to the edge."""
    async with edge.station() as station:
        yield station


@pytest.fixture
async def station21(edge: RunningEdge) -> AsyncIterator[RawStation]:
    """A station that speaks 2.1 and is connected to the edge."""
    async with edge.station("CS21", version="2.1") as station:
        yield station


@pytest.fixture
def no_garbage_collector() -> Iterator[None]:
    """Have what is not freed by itself stay in memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
