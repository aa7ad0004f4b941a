"""The paced scenarios: a fleet at every load, a few stations, one station alone."""

import asyncio
from collections.abc import Sequence

from citrine_simulator.load import PacedFleet, Talk
from tests.bench.curve import SILENT, Point, point
from tests.bench.errors import BenchError
from tests.bench.measure import cpu_by_role
from tests.bench.scenarios import Sut

__all__ = ["ALONE", "EMPTY", "FIFTY", "OTHERS", "RARE_HEARTBEATS", "RATES", "STARTED", "at_rates", "curve", "few"]

EMPTY = "no station"
"""Name of the point of a system that nobody has used yet."""

SATURATED = "saturated"

RATES = (1, 10, 50, 200, 1000)
"""Messages a second of all stations together."""

RARE_HEARTBEATS = "a heartbeat each 5 min"

OTHERS = (
    (RARE_HEARTBEATS, Talk.HEARTBEATS, 300),
    ("a heartbeat each 4 s", Talk.HEARTBEATS, 4),
    ("whole transactions, a message each 10 s", Talk.TRANSACTIONS, 10),
)
"""Other loads of the whole fleet: their names, what each station says, and seconds from one message to the next."""

ALONE = {"one station, TransactionEvent": Talk.UPDATES_3, "one station, Heartbeat": Talk.HEARTBEATS}
"""What one station says ten times a second."""

FIFTY = {
    "50 stations, TransactionEvent each second": Talk.UPDATES_6,
    "50 stations, MeterValues each second": Talk.METER_VALUES,
}

IDLE_WINDOWS = 2.5
"""Windows that idleness is measured for: what is done every ten seconds is in it."""

LOW_WINDOWS = 2
"""Windows that low loads are measured for, which bring few messages."""

LOW_RATE = 20
"""Messages a second up to which a load is low."""

QUIET = 0.04
"""Share of one CPU for each process below which a system is quiet again."""

QUIET_WINDOW = 0.25
"""Seconds over which it is looked at."""

QUIET_TIMEOUT = 20.0
"""Seconds after which it is measured whether it is quiet or not."""

BOOTED_TIMEOUT = 60.0
"""The same after a fleet has booted."""

SETTLED = 3.0
"""Seconds after which a connecting fleet is no longer felt."""

STARTED = 12.0
"""The same of a start: every job has run once by then, which costs ten times as much as each time later."""


async def _idle_point(sut: Sut, name: str, seconds: float) -> Point:
    """Measure what is used while nobody says anything."""
    sut.say(name)
    await asyncio.sleep(STARTED if name == EMPTY else SETTLED)
    # A fleet that has just booted leaves something to do, too.
    await _quiet(sut, BOOTED_TIMEOUT)
    meter = sut.meter(name)
    meter.open()
    await asyncio.sleep(IDLE_WINDOWS * seconds)
    meter.close()
    return point(name, meter.cost)


async def _at_pace(sut: Sut, fleet: PacedFleet, name: str, talk: Talk, rate: float | None, seconds: float) -> Point:
    """Measure a load.

    Raises:
        BenchError: When a message was answered with an error, or a connection was lost.
    """
    sut.say(name)
    await fleet.begin(talk)
    await _quiet(sut, QUIET_TIMEOUT)
    before = await sut.batches()
    meter = sut.meter(name)
    if rate is not None and rate <= LOW_RATE:
        seconds *= LOW_WINDOWS
    run = await fleet.run(talk, rate, seconds, opened=meter.open, closed=meter.close)
    if run.errors:
        raise BenchError(f"{name}: the load went wrong: {run.errors}")
    return point(
        name,
        meter.cost,
        run.answered,
        (await sut.batches()).since(before),
        afterwards=await _quiet(sut, QUIET_TIMEOUT),
        due=run.due,
        unanswered=run.unanswered,
        p50=run.latency_ms.p50,
        p99=run.latency_ms.p99,
    )


async def _quiet(sut: Sut, timeout: float) -> float:
    """Wait until nothing is left to do of what came before, and return the CPU seconds that it took."""
    most = QUIET * QUIET_WINDOW * sum(map(len, sut.pids.values()))
    began = used = sum(cpu_by_role(sut.pids).values())
    for _ in range(round(timeout / QUIET_WINDOW)):
        await asyncio.sleep(QUIET_WINDOW)
        before, used = used, sum(cpu_by_role(sut.pids).values())
        if used - before < most:
            break
    return used - began


async def curve(sut: Sut, stations: int, seconds: float, *, others: bool) -> list[Point]:
    """Measure a fleet from silence to saturation, from the start of an empty system.

    Args:
        sut: A system without stations.
        stations: How many connect and stay connected.
        seconds: Length of a measured window.
        others: Measure heartbeats and whole transactions, too.
    """
    points = [await _idle_point(sut, EMPTY, seconds)]
    await sut.register(stations, passwords=False)
    async with PacedFleet.connected(sut.fleet(stations)) as fleet:
        points.append(await _idle_point(sut, SILENT, seconds))
        for rate in RATES:
            points.append(await _at_pace(sut, fleet, f"{rate}/s", Talk.UPDATES_6, rate, seconds))
        if others:
            for name, talk, pause in OTHERS:
                points.append(await _at_pace(sut, fleet, name, talk, stations / pause, seconds))
        points.append(await _at_pace(sut, fleet, SATURATED, Talk.UPDATES_6, None, seconds))
    return points


async def at_rates(sut: Sut, fleet: PacedFleet, rates: Sequence[float | None], seconds: float) -> list[Point]:
    """Measure a fleet that is connected: silent, and at each of these rates; None: saturated."""
    points = [await _idle_point(sut, SILENT, seconds)]
    for rate in rates:
        name = SATURATED if rate is None else f"{rate:g}/s"
        points.append(await _at_pace(sut, fleet, name, Talk.UPDATES_6, rate, seconds))
    return points


async def few(sut: Sut, seconds: float) -> list[Point]:
    """Measure one station alone, and fifty that send meter values each second."""
    points = []
    await sut.register(50, passwords=False)
    async with PacedFleet.connected(sut.fleet(1)) as fleet:
        points.append(await _idle_point(sut, SILENT, seconds))
        for name, talk in ALONE.items():
            points.append(await _at_pace(sut, fleet, name, talk, 10, seconds))
    async with PacedFleet.connected(sut.fleet(50)) as fleet:
        for name, talk in FIFTY.items():
            points.append(await _at_pace(sut, fleet, name, talk, 50, seconds))
    return points
