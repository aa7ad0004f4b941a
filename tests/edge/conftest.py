"""An edge in this process, and stations that connect to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from citrine_edge.app import Edge
from citrine_edge.config import EdgeSettings
from pydantic import SecretStr

from tests.support.fake_core import WAIT, FakeCore, fake_core
from tests.support.raw_station import RawStation, raw_station

QUICK: dict[str, Any] = {
    "ocpp_listen": "127.0.0.1:0",
    "edge_http_listen": "127.0.0.1:0",
    "edge_credential": SecretStr("secret"),
    "edge_hold_time": timedelta(seconds=0.5),
    "edge_close_spread": timedelta(seconds=0.05),
    "drain_time": timedelta(seconds=5),
}


class RunningEdge:
    """An edge that runs, and where."""

    def __init__(self, edge: Edge, stop: asyncio.Event, task: "asyncio.Task[None]", ocpp: str, http: str) -> None:
        self.edge = edge
        self.ocpp = ocpp
        self.http = http
        self._stop = stop
        self.task = task

    def stop(self) -> None:
        """Ask it to drain."""
        self._stop.set()

    def station(self, station_id: str = "CS1", **options: Any) -> "contextlib.AbstractAsyncContextManager[RawStation]":
        """Open a station's websocket."""
        return raw_station(f"ws://{self.ocpp}", station_id, **options)


@contextlib.asynccontextmanager
async def running_edge(*cores: FakeCore, linked: bool = True, **settings: Any) -> AsyncIterator[RunningEdge]:
    """Run an edge that is linked to these cores."""
    addresses = ",".join(core.address for core in cores)
    edge = Edge(EdgeSettings(**{**QUICK, "core": addresses, **settings}))
    listening: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    task = asyncio.create_task(edge.run(stop, lambda ocpp, http: listening.set_result((ocpp, http))))
    try:
        async with asyncio.timeout(WAIT):
            await asyncio.wait({listening, task}, return_when=asyncio.FIRST_COMPLETED)
            ocpp, http = await listening
            while linked and not (edge.router.links and all(link.up for link in edge.router.links)):
                await asyncio.sleep(0.002)
        yield RunningEdge(edge, stop, task, ocpp, http)
    finally:
        stop.set()
        async with asyncio.timeout(2 * WAIT):
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

