"""The boot storm: every station connects, boots, reports its status and sends a heartbeat, all at the same moment."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass

from citrine_simulator.backoff import Backoff, BackoffLimits
from citrine_simulator.errors import CallFailedError, HandshakeRefusedError
from citrine_simulator.fleet import Fleet
from citrine_simulator.load.saturate import load_stations
from citrine_simulator.load.station import LoadStation
from citrine_simulator.load.tally import Latencies, Tally

__all__ = ["BootStormResult", "boot_storm"]

STORM_TIMEOUT = 300.0
"""Seconds after which a storm counts as not weathered."""

LIMITS = BackoffLimits(wait_minimum=1, random_range=1, repeat_times=3)
"""Waiting between attempts, in seconds: less patient than a careful station, to be the harder test."""


@dataclass(frozen=True, slots=True)
class BootStormResult:
    """How long it took until every station was connected, booted and had had its status and heartbeat answered."""

    stations: int
    done: int
    """Stations that got there."""
    seconds: float
    """Until the last of them."""
    per_station_ms: Latencies
    """From the beginning of the storm until a station was done."""
    attempts: int
    problems: dict[str, int]
    """Why attempts failed."""
    cpu_seconds: float
    """Of the load generator itself."""


async def boot_storm(fleet: Fleet, timeout: float = STORM_TIMEOUT) -> BootStormResult:
    """Let every station connect at once and again until it is done, at most for so many seconds.

    Raises:
        UsageError: When the URL cannot be used.
    """
    stations = load_stations(fleet, Tally())
    problems: Counter[str] = Counter()
    finished: list[float] = []
    start, cpu = time.perf_counter(), time.process_time()

    async def one(station: LoadStation) -> None:
        backoff = Backoff(lambda: LIMITS, random.Random())
        wait: float | None = 0.0
        while wait is not None:
            await asyncio.sleep(wait)
            wait = await _attempt(station, backoff, problems)
        finished.append(time.perf_counter() - start)

    tasks = [asyncio.create_task(one(station)) for station in stations]
    try:
        await asyncio.wait(tasks, timeout=timeout)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for station in stations:
            station.close()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return BootStormResult(
        stations=len(stations),
        done=len(finished),
        seconds=round(max(finished, default=time.perf_counter() - start), 3),
        per_station_ms=Latencies.of(finished),
        attempts=len(finished) + problems.total(),
        problems=dict(problems),
        cpu_seconds=round(time.process_time() - cpu, 3),
    )


async def _attempt(station: LoadStation, backoff: Backoff, problems: Counter[str]) -> float | None:
    """Try once; return the seconds to wait before the next attempt, or None if none is needed."""
    try:
        await station.connect()
        status = await station.boot()
        if status == "Accepted":
            await station.report_status("Available")
            await station.call("Heartbeat", {})
            return None
        problem, wait = status, backoff.next()
    except HandshakeRefusedError as refused:
        problem, wait = f"refused with {refused.status}", backoff.next(refused.retry_after)
    except (CallFailedError, OSError, TimeoutError) as failed:
        problem, wait = type(failed).__name__, backoff.next()
    problems[problem] += 1
    station.close()
    return wait
