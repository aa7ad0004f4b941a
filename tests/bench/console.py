"""What open consoles cost: pages that browsers show while a fleet charges, and the first page after a log-in."""

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp
import psutil

from citrine.api.v1.keys_pb2 import CreateKeyRequest
from citrine_simulator.load import PacedFleet, Talk
from tests.bench.measure import Meter
from tests.bench.scenarios import Sut
from tests.support.deployment import Process

__all__ = ["Consoles", "consoles"]

OPEN = 200
"""Consoles that are open."""

KEYS = 10
"""Keys by which these are logged in."""

RATE = 50
"""Events a second."""

STATIONS = 100

FIRST_PAGES = 20
"""How often the first page is timed."""

SETTLED = 3.0
"""Seconds after which the opening of the consoles is no longer felt."""


@dataclass(frozen=True)
class Consoles:
    """What they cost."""

    open: int
    keys: int
    rate: float
    """Events a second."""
    cpu: dict[str, float]
    """Share of one CPU by role, the console among them."""
    silent_cpu: dict[str, float]
    """The same while no console is open."""
    idle_bytes: int
    """Memory of a console that nobody uses."""
    bytes: int
    """Memory of the console with all of them open."""
    updates_per_second: float
    """Regions that were sent to browsers, all together."""
    first_page_ms: float
    """The first page after a log-in, in the median, on an idle system."""
    first_page_worst_ms: float


async def consoles(sut: Sut, seconds: float) -> Consoles:
    """Measure a console with many browsers that show its first page while stations charge."""
    console = Process(
        "console",
        ["console"],
        {"CITRINE_CONSOLE_LISTEN": "127.0.0.1:0", "CITRINE_CORE": (await sut.deployment.cores[0].ready())["grpc"]},
        sut.deployment.cores[0].directory,
    )
    console.start()
    try:
        url = f"http://{(await console.ready())['http']}"
        return await _measure(sut, console, url, seconds)
    finally:
        console.stop()


async def _measure(sut: Sut, console: Process, url: str, seconds: float) -> Consoles:
    keys = await _keys(sut)
    pages = [await _first_page(url, keys[number % KEYS]) for number in range(FIRST_PAGES)]
    idle_bytes = psutil.Process(console.pid).memory_info().rss
    await sut.register(STATIONS, passwords=False)
    pids = {**sut.pids, "console": [console.pid]}
    async with PacedFleet.connected(sut.fleet(STATIONS)) as fleet:
        await fleet.begin(Talk.UPDATES_6)
        silent = Meter(pids)
        await fleet.run(Talk.UPDATES_6, RATE, seconds, opened=silent.open, closed=silent.close)
        async with contextlib.AsyncExitStack() as stack:
            browsers = [await stack.enter_async_context(_browser(url, keys[one % KEYS])) for one in range(OPEN)]
            seen = [0]
            counts = [asyncio.create_task(_count(browser, seen)) for browser in browsers]
            await asyncio.sleep(SETTLED)
            watched = Meter(pids)
            before = seen[0]
            await fleet.run(Talk.UPDATES_6, RATE, seconds, opened=watched.open, closed=watched.close)
            updates = seen[0] - before
            held = psutil.Process(console.pid).memory_info().rss
            for count in counts:
                count.cancel()
            await asyncio.gather(*counts, return_exceptions=True)
    cost, base = watched.cost, silent.cost
    return Consoles(
        OPEN,
        KEYS,
        RATE,
        {role: used / cost.seconds for role, used in cost.cpu.items()},
        {role: used / base.seconds for role, used in base.cpu.items()},
        idle_bytes,
        held,
        updates / cost.seconds,
        statistics.median(pages),
        max(pages),
    )


async def _keys(sut: Sut) -> Sequence[str]:
    async with sut.deployment.client() as citrine:
        return [
            (await citrine.keys.CreateKey(CreateKeyRequest(display_name=f"wall {one}", roles=["viewer"]))).secret
            for one in range(KEYS)
        ]


@contextlib.asynccontextmanager
async def _logged_in(url: str, key: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post("/login", data={"key": key}, headers={"origin": url}, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()
        yield session


async def _first_page(url: str, key: str) -> float:
    async with _logged_in(url, key) as session:
        begun = time.perf_counter()
        async with session.get("/") as answer:
            await answer.read()
            assert answer.status == 200
        return 1000 * (time.perf_counter() - begun)


@contextlib.asynccontextmanager
async def _browser(url: str, key: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with _logged_in(url, key) as session, session.ws_connect("/live?page=/", origin=url) as socket:
        await socket.send_str(json.dumps({"known": {}}))
        yield socket


async def _count(socket: aiohttp.ClientWebSocketResponse, seen: list[int]) -> None:
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT and '"region"' in message.data:
            seen[0] += 1
