"""What a message and a list cost with a full database, beside an empty one, with as many stations connected."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from citrine_simulator.load import PacedFleet
from tests.bench.curve import Point
from tests.bench.filling import SAMPLES, Fill, charge_once, clear, fill, id_token, station_id, transaction_id
from tests.bench.lists import ListCall, time_lists
from tests.bench.loads import at_rates
from tests.bench.scenarios import Sut

__all__ = ["RATES", "RATIO", "Scale", "State", "scale"]

RATES = (50, 200, None)
"""Messages a second of all stations together; None: each station sends the next as soon as the last was answered."""

RATIO = 1.2
"""What a message may cost at most with the full database, where 1 is its cost with the empty one."""


@dataclass(frozen=True)
class Scale:
    """How much there is."""

    stations: int
    transactions: int
    connected: int
    """Stations that connect, which are all that the empty database has."""
    seconds: float
    """Length of a measured window."""
    lists: int
    """How often each list is called."""

    @property
    def samples(self) -> int:
        """Sampled values of all transactions."""
        return self.transactions * SAMPLES


@dataclass(frozen=True)
class State:
    """What was measured with one database."""

    points: Sequence[Point]
    memory: Mapping[str, float]
    """Resident MB of edge and core while all are connected."""
    lists: Sequence[ListCall]

    def as_json(self) -> dict[str, Any]:
        """Return it as results are stored."""
        lists = [asdict(one) for one in self.lists]
        return {"points": [one.as_json() for one in self.points], "memory": self.memory, "lists": lists}


async def scale(sut: Sut, size: Scale) -> Mapping[str, Any]:
    """Measure a system whose database is empty, fill the database, and measure again."""
    await charge_once(sut.deployment)
    known = range(1, size.connected + 1)
    sut.passwords = {station_id(number): None for number in known}
    database, each = sut.deployment.database, size.transactions // size.stations
    async with _stopped(sut):
        # One of the stations has charged, so that there is something to list.
        await fill(database, Fill(known, range(1, 2), each), sut.say)
    empty = await _measure(sut, size)
    async with _stopped(sut):
        # Otherwise the core would ask each station for the transaction that it left open.
        await clear(database)
        others = range(size.connected + 1, size.stations + 1)
        await fill(database, Fill(others, range(2, size.stations + 1), each), sut.say)
    full = await _measure(sut, size)
    return {"size": {**asdict(size), "samples": size.samples}, "empty": empty.as_json(), "full": full.as_json()}


@contextlib.asynccontextmanager
async def _stopped(sut: Sut) -> AsyncIterator[None]:
    """Have edge and core stopped until the block ends."""
    (core,), (edge,) = sut.deployment.cores, sut.deployment.edges
    await asyncio.to_thread(edge.stop)
    await asyncio.to_thread(core.stop)
    yield
    core.start()
    await core.ready()
    edge.start()
    await edge.serving()


async def _measure(sut: Sut, size: Scale) -> State:
    _allow_sockets(size.connected)
    sut.say(f"{size.connected} stations connect")
    async with PacedFleet.connected(sut.fleet(size.connected)) as fleet:
        points = await at_rates(sut, fleet, RATES, size.seconds)
        memory = {role: psutil.Process(sut.pids[role][0]).memory_info().rss / 1e6 for role in ("edge", "core")}
        async with sut.deployment.client() as citrine:
            names = station_id(1), transaction_id(1, 0), id_token(1)
            lists = await time_lists(citrine, size.lists, *names, sut.say)
    return State(points, memory, lists)


def _allow_sockets(count: int) -> None:
    """Allow this process so many connections, and what else it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 500 if hard == resource.RLIM_INFINITY else min(count + 500, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
