import asyncio

from citrine_simulator.fleet import Fleet, station_ids
from citrine_simulator.load import IdleResult, hold_idle
from tests.clients.simulator.csms import Csms


async def test_connections_are_held_until_stopped(csms: Csms) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    fleet = Fleet(csms.url, dict.fromkeys(station_ids("I-", 3), None))
    holding = asyncio.ensure_future(hold_idle(fleet, stop, ready.set))
    await ready.wait()
    assert len(csms.of("StatusNotification")) == 3

    stop.set()

    assert await holding == IdleResult(stations=3, still_connected=3)


async def test_lost_connections_are_counted(csms: Csms) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    holding = asyncio.ensure_future(hold_idle(Fleet(csms.url, {"I-1": None, "I-2": None}), stop, ready.set))
    await ready.wait()

    await csms.sockets["I-1"].close()
    stop.set()

    assert await holding == IdleResult(stations=2, still_connected=1)
