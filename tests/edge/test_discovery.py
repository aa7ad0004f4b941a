"""Where cores are."""

import asyncio
import socket
from typing import Any

import pytest

from citrine_edge.discovery import Discovery
from citrine_edge.link import Link
from citrine_edge.metrics import Metrics
from citrine_edge.router import Router, RouterLimits
from citrine_process.settings import InvalidSetting
from tests.support.waiting import WAIT

Found = list[tuple[Any, ...]]


class Names:
    """The names of a test, and an event for each look-up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: list[str] | None = []
        self.looked_up = asyncio.Event()
        monkeypatch.setattr("citrine_edge.discovery.RESOLVE_INTERVAL", 0.01)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self.getaddrinfo)

    async def getaddrinfo(self, host: str, port: int, **options: Any) -> Found:
        self.looked_up.set()
        if self.addresses is None:
            raise socket.gaierror("no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]

    async def again(self) -> None:
        """Return when a whole look-up was acted on."""
        for _ in range(3):
            self.looked_up.clear()
            await asyncio.wait_for(self.looked_up.wait(), WAIT)


class IdleLink(Link):
    """A link that does not dial."""

    async def run(self) -> None:
        await asyncio.Event().wait()


def addresses(router: Router) -> set[str]:
    return {link.address for link in router.links}


async def test_every_address_of_a_name_gets_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    names, metrics = Names(monkeypatch), Metrics()
    router = Router(RouterLimits(5, 1, 30, 8), metrics, asyncio.get_running_loop())
    discovery = Discovery(
        "cores.example:7, 127.0.0.1:8,[::1]:9",
        router,
        lambda address, host: IdleLink(address, "", router, metrics),
        lambda task, error: None,
    )
    fixed = {"127.0.0.1:8", "[::1]:9"}
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(discovery.run())
        names.addresses = ["127.0.0.2", "127.0.0.3"]
        await names.again()
        assert addresses(router) == {"127.0.0.2:7", "127.0.0.3:7"} | fixed

        names.addresses = ["127.0.0.3", "::2"]
        await names.again()
        assert addresses(router) == {"127.0.0.3:7", "[::2]:7"} | fixed

        # What a name was a moment ago it may still be.
        names.addresses = None
        await names.again()
        assert addresses(router) == {"127.0.0.3:7", "[::2]:7"} | fixed

        # A name that lost an address may only be late: a link that works is kept.
        next(link for link in router.links if link.address == "127.0.0.3:7").up = True
        names.addresses = []
        await names.again()
        assert addresses(router) == {"127.0.0.3:7"} | fixed
        running.cancel()
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("link to")] == []


def test_address_without_port_is_refused() -> None:
    with pytest.raises(InvalidSetting):
        Discovery("cores.example", None, None, None)  # type: ignore[arg-type]  # not used


async def test_one_link_that_fails_by_itself_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_edge.discovery.FAILED_PAUSE", 0.0)
    names, metrics = Names(monkeypatch), Metrics()
    names.addresses = []
    router = Router(RouterLimits(5, 1, 30, 8), metrics, asyncio.get_running_loop())
    begun, again = [0], asyncio.Event()

    class FailingLink(IdleLink):
        async def run(self) -> None:
            if self.address == "127.0.0.1:8":
                begun[0] += 1
                if begun[0] == 1:
                    raise LookupError("a defect")
                again.set()
            await super().run()

    defects: list[str] = []
    discovery = Discovery(
        "127.0.0.1:8,127.0.0.1:9",
        router,
        lambda address, host: FailingLink(address, "", router, metrics),
        lambda task, error: defects.append(task),
    )
    running = asyncio.create_task(discovery.run())
    async with asyncio.timeout(WAIT):
        await again.wait()
    assert addresses(router) == {"127.0.0.1:8", "127.0.0.1:9"}
    assert defects == ["link"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class EndedLink(Link):
    """A link that does not dial, and ends."""

    ended: asyncio.Event

    async def run(self) -> None:
        await self.ended.wait()


@pytest.mark.parametrize("turns", range(5))
async def test_it_ends_also_when_it_is_cancelled_just_after_a_link_has_ended(turns: int) -> None:
    """An edge that stops in order ends its links, and then this: whoever misses it keeps the process from ending."""
    metrics = Metrics()
    router = Router(RouterLimits(5, 1, 30, 8), metrics, asyncio.get_running_loop())

    def connect(address: str, host: str) -> Link:
        link = EndedLink(address, "", router, metrics)
        link.ended = ended
        return link

    ended = asyncio.Event()
    running = asyncio.create_task(Discovery("127.0.0.1:8", router, connect, lambda task, error: None).run())
    async with asyncio.timeout(WAIT):
        while not router.links:
            await asyncio.sleep(0)
    await asyncio.sleep(0)

    ended.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()

    async with asyncio.timeout(WAIT):
        await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
