"""How many CALLs of one tenant a core has to answer at a time."""

from contextlib import AsyncExitStack

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.v2 import availability_pb2
from citrine_edge import call_windows, session
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import NOW, FakeCore, default_reply, fake_core
from tests.support.raw_station import RawStation

HEARTBEAT = availability_pb2.HeartbeatResponse(current_time=NOW)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, core: FakeCore) -> None:
    monkeypatch.setattr(call_windows, "WINDOW", 2)
    core.reply = lambda call: None


async def ask(edge: RunningEdge, stack: AsyncExitStack, *stations: str) -> list[RawStation]:
    """Have stations send a CALL each, one after another, and return when the edge has them all."""
    opened = []
    for number, station_id in enumerate(stations, 1):
        station = await stack.enter_async_context(edge.station(station_id))
        await station.send([2, "m1", "Heartbeat", {}])
        await has_calls(edge, number)
        opened.append(station)
    return opened


async def has_calls(edge: RunningEdge, count: int) -> None:
    """Return when an edge has so many CALLs that wait for an answer."""
    await edge.until(lambda: len(edge.edge.router._calls) == count)


def stations_of(core: FakeCore) -> list[str]:
    """Return whose CALLs a core got."""
    return [call.session.station_id for call in core.all("call")]


async def test_calls_beyond_the_window_wait_for_an_answer_and_those_of_another_tenant_do_not(
    core: FakeCore, edge: RunningEdge
) -> None:
    async with AsyncExitStack() as stack:
        *_, third, other = await ask(edge, stack, "CS1", "CS2", "CS3", "acme/CS4")
        await edge.until(lambda: len(core.all("call")) == 3)
        assert stations_of(core) == ["CS1", "CS2", "CS4"]

        core.answer(core.all("call")[0], HEARTBEAT)
        await edge.until(lambda: len(core.all("call")) == 4)
        for call in core.all("call")[2:]:
            core.answer(call, HEARTBEAT)

        assert stations_of(core)[3] == "CS3"
        assert (await third.receive())[:2] == (await other.receive())[:2] == [3, "m1"]


async def test_calls_that_wait_when_the_link_is_lost_are_sent_over_the_next_and_only_those_sent_before_say_so(
    core: FakeCore, edge: RunningEdge
) -> None:
    async with AsyncExitStack() as stack:
        stations = await ask(edge, stack, "CS1", "CS2", "CS3")
        await edge.until(lambda: len(core.all("call")) == 2)
        core.link.end()
        await edge.until(lambda: len(core.all("call")) == 4)

        again = core.all("call")[2:]
        for call in again:
            core.answer(call, HEARTBEAT)
        await edge.until(lambda: len(core.all("call")) == 5)
        core.answer(core.all("call")[4], HEARTBEAT)

        assert stations_of(core)[2:] == ["CS1", "CS2", "CS3"]
        assert [call.resent for call in core.all("call")[2:]] == [True, True, False]
        for station in stations:
            assert (await station.receive())[:2] == [3, "m1"]


async def test_a_station_that_goes_while_its_call_waits_leaves_its_turn_to_the_next(
    core: FakeCore, edge: RunningEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LINGER", 0.01)
    async with AsyncExitStack() as stack:
        *_, gone, last = await ask(edge, stack, "CS1", "CS2", "CS3", "CS4")
        await gone.websocket.close()
        await has_calls(edge, 3)

        core.answer(core.all("call")[0], HEARTBEAT)
        await edge.until(lambda: len(core.all("call")) == 3)
        core.answer(core.all("call")[2], HEARTBEAT)

        assert stations_of(core) == ["CS1", "CS2", "CS4"]
        assert (await last.receive())[:2] == [3, "m1"]


async def test_calls_that_wait_for_a_core_that_drains_are_sent_to_another_one() -> None:
    cores = {name: FakeCore(core_id=name, reply=lambda call: None) for name in "AB"}
    draining, other = cores.values()
    async with fake_core(draining), fake_core(other), running_edge(*cores.values()) as edge, AsyncExitStack() as stack:
        stations = await ask(edge, stack, *(f"CS{number}" for number in range(12)))
        await edge.until(lambda: len(draining.all("call")) == len(other.all("call")) == 2)
        draining.send(draining=pb.CoreDraining())
        other.reply = default_reply
        for call in other.all("call"):
            other.answer(call, HEARTBEAT)
        await edge.until(lambda: len(other.all("call")) == 10)
        for call in draining.all("call"):
            draining.answer(call, HEARTBEAT)

        for station in stations:
            assert (await station.receive())[:2] == [3, "m1"]
        assert len(draining.all("call")) == 2
        assert not any(call.resent for call in other.all("call"))
