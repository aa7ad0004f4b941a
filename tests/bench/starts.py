"""What a start costs: of the command line, of a core and of an edge; and how long stations wait for one of a core."""

import os
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.scenarios import Sut
from tests.support.deployment import CITRINE, Process
from tests.support.raw_station import raw_station

__all__ = ["TIMES", "Start", "seconds_until_answered", "starts", "starts_of_core"]

TIMES = 5
"""How often each is started; the cheapest counts, which other work on the machine disturbed least."""


@dataclass(frozen=True)
class Start:
    """What one start costs."""

    what: str
    cpu_seconds: float
    """User and system, until then."""
    until: str
    limit: float
    """Most seconds that it may take."""


async def starts(sut: Sut) -> list[Start]:
    """Run each command and start each process of a running Citrine several times."""
    (edge,) = sut.deployment.edges
    asked = ["station", "list", "--core", sut.deployment.core_addresses[0], "--key", sut.deployment.key]
    return [
        Start("citrine --version", _command_seconds(["--version"]), "ends", 0.25),
        Start("citrine --help", _command_seconds(["--help"]), "ends", 0.25),
        Start("citrine station list", _command_seconds(asked), "ends", 0.5),
        *await starts_of_core(sut, "SQLite"),
        Start("citrine edge", await _process_seconds(edge), "listens", 0.7),
    ]


async def starts_of_core(sut: Sut, database: str) -> list[Start]:
    """Start the core of a running Citrine several times."""
    (core,) = sut.deployment.cores
    return [Start("citrine core", await _process_seconds(core), f"listens, {database}", 1.0)]


async def seconds_until_answered(sut: Sut) -> float:
    """Return how long a station waits for the core, from its start until a call that came before it is answered.

    The least of several starts counts. The station's websocket stays open meanwhile.
    """
    (core,) = sut.deployment.cores
    station_id, password = next(iter(sut.passwords.items()))
    found = []
    # One that has just started is not linked to the core yet.
    await sut.deployment.edges[0].serving()
    async with raw_station(sut.deployment.url(), station_id, password) as station:
        await station.boot()
        for _ in range(TIMES):
            core.stop()
            core.start()
            began = time.perf_counter()
            await station.result("Heartbeat", {})
            found.append(time.perf_counter() - began)
            await core.ready()
    return min(found)


def _command_seconds(arguments: Sequence[str]) -> float:
    return min(_once(arguments) for _ in range(TIMES))


def _once(arguments: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CITRINE_")}
    subprocess.run([str(CITRINE), *arguments], check=True, capture_output=True, timeout=60, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def _process_seconds(process: Process) -> float:
    """Return what a process costs until it listens; it is started again and again, and runs in the end."""
    found = []
    for _ in range(TIMES):
        process.stop()
        process.start()
        await process.ready()
        found.append(process.cpu_seconds())
    return min(found)
