"""When a station is read."""

import asyncio

import pytest

from citrine_edge.backlog import Backlog
from citrine_edge.clock import timestamp
from citrine_edge.dialects import V201
from citrine_edge.flow_control import FlowControl
from citrine_edge.inbox import Flight, Inbound, Inbox
from citrine_edge.ocppj import Call
from tests.edge.test_transport import Gateway
from tests.support.waiting import WAIT

CALL = Call("m1", "Heartbeat", {})

HEARTBEAT = V201().read_call(CALL.action, CALL.payload)


class Station:
    """A station's inbox, and whether it is read."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.transport, self.inbox, self.backlog = Gateway(), Inbox(), Backlog(100, loop)
        self.share = self.backlog.of("default")
        self.flow = FlowControl(self.transport, self.inbox, self.share, loop, frame_rate=20, max_inbound=2)

    def call(self, size: int) -> None:
        self.inbox.put(Inbound(CALL, timestamp(), size))
        self.flow.call_waits(size)
        if (inbound := self.inbox.next()) is not None:
            self.inbox.flight = Flight(inbound, HEARTBEAT)


@pytest.fixture
async def station() -> Station:
    return Station()


async def test_station_with_as_many_calls_as_it_may_have_is_paused(station: Station) -> None:
    for _ in range(2):
        station.call(1)
    assert not station.transport.paused
    station.call(1)
    assert station.transport.paused

    station.flow.call_ended(station.inbox.land().inbound.size)
    station.inbox.next()
    station.flow.resume()
    assert not station.transport.paused


async def test_station_that_is_too_fast_is_paused_until_its_rate_allows(station: Station) -> None:
    slowed = [station.flow.message_came() for _ in range(42)]

    assert slowed == [False] * 40 + [True, False]
    station.flow.resume()
    assert station.transport.paused
    async with asyncio.timeout(WAIT):
        while station.transport.paused:
            await asyncio.sleep(0)


async def test_station_is_not_read_while_all_together_have_too_much(station: Station) -> None:
    station.share.add(100)
    station.call(1)
    station.flow.resume()
    assert station.transport.paused

    station.share.remove(100)
    await asyncio.sleep(0)

    assert not station.transport.paused


async def test_session_that_ends_counts_for_nothing(station: Station) -> None:
    for size in (50, 60):
        station.call(size)
    station.flow.end()

    assert (station.backlog.size, station.backlog.stopped) == (0, 0)
