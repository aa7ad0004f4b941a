"""Cores that share an address: an edge that is told it links to each of them, as they come and go."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import FakeCore, fake_core


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_edge.discovery.RESOLVE_INTERVAL", 0.05)


def port_of(core: FakeCore) -> int:
    return int(core.address.rpartition(":")[2])


@contextlib.asynccontextmanager
async def workers(count: int) -> AsyncIterator[list[FakeCore]]:
    """Run cores that share an address, each at a port of its own."""
    async with contextlib.AsyncExitStack() as stack:
        cores = [await stack.enter_async_context(fake_core(FakeCore(f"core-{n}"))) for n in range(1, count + 1)]
        for core in cores:
            core.worker_ports = [port_of(core) for core in cores]
        yield cores


@contextlib.asynccontextmanager
async def shared_address(reached: FakeCore, port: int = 0) -> AsyncIterator[FakeCore]:
    """Serve the address that they share; who dials it reaches one of them."""
    async with fake_core(FakeCore(reached.core_id, worker_ports=reached.worker_ports), port) as core:
        yield core


async def linked_to(edge: RunningEdge, *cores: FakeCore) -> None:
    """Return when an edge has these links, all of them up, and no other."""
    wanted = {core.address for core in cores}
    router = edge.edge.router
    await edge.until(lambda: {link.address: link.up for link in router.links} == dict.fromkeys(wanted, True))


async def test_each_worker_behind_an_address_gets_a_link_and_the_address_none() -> None:
    async with workers(3) as cores, shared_address(cores[1]) as shared, running_edge(shared, linked=False) as edge:
        await linked_to(edge, *cores)
        async with edge.station() as station:
            assert (await station.ask("Heartbeat", {}))[0] == 3

    assert len(shared.links) == 1
    assert shared.all("call") == []


async def test_one_worker_that_is_named_leads_to_all() -> None:
    async with workers(2) as cores, running_edge(cores[0], linked=False) as edge:
        await linked_to(edge, *cores)


async def test_workers_that_were_added_are_linked_and_those_that_are_gone_forgotten() -> None:
    async with (
        workers(2) as (first, second),
        shared_address(first) as shared,
        running_edge(shared, linked=False) as edge,
    ):
        await linked_to(edge, first, second)
        async with fake_core(FakeCore("core-3")) as third:
            first.worker_ports = second.worker_ports = [port_of(core) for core in (first, second, third)]
            first.link.end()
            await linked_to(edge, first, second, third)

            first.worker_ports = second.worker_ports = [port_of(core) for core in (first, second)]
            first.link.end()
            second.link.end()
        await linked_to(edge, first, second)


async def test_a_core_that_has_the_address_alone_again_is_linked_by_it() -> None:
    """Also while a station is connected: its messages are for nobody else to refuse."""
    async with contextlib.AsyncExitStack() as stack:
        cores = await stack.enter_async_context(workers(2))
        front = await stack.enter_async_context(contextlib.AsyncExitStack())
        shared = await front.enter_async_context(shared_address(cores[0]))
        edge = await stack.enter_async_context(running_edge(shared, linked=False))
        await linked_to(edge, *cores)
        station = await stack.enter_async_context(edge.station())
        await front.aclose()
        alone = await stack.enter_async_context(fake_core(FakeCore("core-9"), port_of(shared)))
        for core in cores:
            core.worker_ports, core.credential = (), "another"
            core.link.end()
        await linked_to(edge, alone)

        assert (await station.ask("Heartbeat", {}))[0] == 3
