"""Handshakes that wait for a core, over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from websockets.exceptions import InvalidStatus

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.admits import FIRST_WINDOW
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import FakeCore, fake_core


class Knocking:
    """Stations that knock and wait, and what they are told."""

    def __init__(self, edge: RunningEdge) -> None:
        self._edge = edge
        self.tasks: list[asyncio.Task[int]] = []

    async def knock(self, *station_ids: str, host: str = "127.0.0.1") -> None:
        """Have stations knock from a host, one after the other, and wait until all wait for a decision."""
        for station_id in station_ids:
            before = self._edge.edge.server._admission.asking
            self.tasks.append(asyncio.create_task(self._status(station_id, host)))
            await self._edge.until(lambda before=before: self._edge.edge.server._admission.asking > before)  # type: ignore[misc]

    async def statuses(self) -> list[int]:
        """Return the status that each was answered."""
        return list(await asyncio.gather(*self.tasks))

    async def _status(self, station_id: str, host: str) -> int:
        try:
            async with self._edge.station(station_id, local_addr=(host, 0)):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code


@contextlib.asynccontextmanager
async def knocking(edge: RunningEdge) -> AsyncIterator[Knocking]:
    stations = Knocking(edge)
    try:
        yield stations
    finally:
        for task in stations.tasks:
            task.cancel()
        await asyncio.gather(*stations.tasks, return_exceptions=True)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def asked(core: FakeCore) -> list[str]:
    return [admit.station_id for admit in core.all("admit")]


def admit(core: FakeCore, number: int) -> None:
    """Have the core admit who asked as the nth."""
    admit = core.all("admit")[number]
    core.send(admitted=pb.Admitted(id=admit.id, session=pb.SessionRef(station_id=admit.station_id, epoch=number + 1)))


async def asks(core: FakeCore, count: int) -> None:
    """Return when a core was asked so many times, and no more."""
    for _ in range(count - core._taken.get("admit", 0)):
        await core.next("admit")
    assert len(core.all("admit")) == count


@pytest.fixture
def core_that_waits(core: FakeCore) -> FakeCore:
    core.decide = lambda admit: False
    return core


async def test_core_is_asked_a_few_at_first_and_more_with_each_decision(
    core_that_waits: FakeCore, edge: RunningEdge
) -> None:
    core = core_that_waits
    async with knocking(edge) as stations:
        await stations.knock(*names("CS", 10))
        await asks(core, FIRST_WINDOW)
        for number in range(FIRST_WINDOW):
            admit(core, number)
        await asks(core, 10)
        assert len(core.all("admit")) > 2 * FIRST_WINDOW
        for number in range(FIRST_WINDOW, 10):
            admit(core, number)

        assert await stations.statuses() == [101] * 10
    assert asked(core) == names("CS", 10)


async def test_core_that_can_not_decide_is_asked_less(core_that_waits: FakeCore, edge: RunningEdge) -> None:
    core = core_that_waits
    async with knocking(edge) as stations:
        await stations.knock(*names("CS", 20))
        await asks(core, 4)
        for number in range(4):
            admit(core, number)
        await asks(core, 12)
        for number in range(4, 12):
            core.send(refused=pb.Refused(id=core.all("admit")[number].id, status=503))
        await asks(core, 16)

        core.decide = lambda admit: True
        for number in range(12, 16):
            admit(core, number)
        assert await stations.statuses() == [101] * 4 + [503] * 8 + [101] * 8


async def test_sources_take_turns(core_that_waits: FakeCore, edge: RunningEdge) -> None:
    core = core_that_waits
    async with knocking(edge) as stations:
        await stations.knock(*names("FLOOD", 20))
        await stations.knock(*names("CS", 2), host="127.0.0.2")
        await asks(core, 4)
        core.decide = lambda admit: True
        for number in range(4):
            admit(core, number)
        await stations.statuses()

    assert {"CS0", "CS1"} < set(asked(core)[:8])


async def test_station_that_is_gone_when_it_is_its_turn_is_asked_nobody_about(
    core_that_waits: FakeCore, edge: RunningEdge
) -> None:
    core = core_that_waits
    async with knocking(edge) as stations:
        await stations.knock(*names("CS", 4), "GONE", "LAST")
        await asks(core, 4)
        stations.tasks.pop(4).cancel()
        await edge.until(lambda: edge.edge.server._admission.asking == 5)
        core.decide = lambda admit: True
        for number in range(4):
            admit(core, number)

        assert await stations.statuses() == [101] * 5
    assert asked(core) == [*names("CS", 4), "LAST"]


async def test_those_who_wait_behind_too_many_refusals_of_their_source_are_refused_without_a_core(
    core_that_waits: FakeCore,
) -> None:
    core = core_that_waits
    async with running_edge(core, ocpp_address_refusal_rate=0.1) as edge, knocking(edge) as stations:
        await stations.knock(*names("CS", 8))
        await asks(core, 4)
        core.decide, core.refusal = lambda admit: True, pb.Refused(status=401)
        for each in core.all("admit"):
            core.send(refused=pb.Refused(id=each.id, status=401))
        statuses = await stations.statuses()

    assert statuses[:4] == [401] * 4
    assert statuses[-1] == 429


async def test_waiting_ends_when_the_core_can_serve_no_more(core_that_waits: FakeCore, edge: RunningEdge) -> None:
    core = core_that_waits
    async with knocking(edge) as stations:
        await stations.knock(*names("CS", 6))
        await asks(core, 4)
        core.send(serving=pb.Serving(serving=False))

        assert await stations.statuses() == [503] * 6


async def test_waiting_ends_in_time(core_that_waits: FakeCore) -> None:
    async with (
        running_edge(core_that_waits, ocpp_handshake_timeout=timedelta(seconds=2)) as edge,
        knocking(edge) as stations,
    ):
        await stations.knock(*names("CS", 6))

        assert await stations.statuses() == [503] * 6


async def test_core_that_stands_still_holds_up_nobody_else() -> None:
    """What it was asked waits; whoever comes next is another one's to decide."""
    cores = [FakeCore(core_id=name) for name in "AB"]
    async with fake_core(cores[0]) as first, fake_core(cores[1]) as second, running_edge(first, second) as edge:
        still = first
        still.decide = lambda admit: False
        async with knocking(edge) as stations:
            for name in names("CS", 40):
                stations.tasks.append(asyncio.create_task(stations._status(name, "127.0.0.1")))
            await edge.until(lambda: len(still.all("admit")) == FIRST_WINDOW)
            await edge.until(lambda: sum(task.done() for task in stations.tasks) == 40 - FIRST_WINDOW)

    assert len(second.all("admit")) == 40 - FIRST_WINDOW
