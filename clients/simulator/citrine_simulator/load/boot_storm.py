"""The scenario boot-storm: all stations connect, boot, report their status and send a heartbeat at once."""

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
"""Default seconds until a storm is aborted."""

LIMITS = BackoffLimits(wait_minimum=1, random_range=1, repeat_times=3)
"""Back-off between attempts, in seconds. It is shorter than that of a complete station, for a harder test."""


@dataclass(frozen=True, slots=True)
class BootStormResult:
    """The result. A station is done when its BootNotification is accepted and its status and heartbeat are answered."""

    stations: int
    done: int
    """Number of stations that are done."""
    seconds: float
    """Seconds until the last of them was done."""
    per_station_ms: Latencies
    """Time from the beginning of the storm until a station was done."""
    attempts: int
    problems: dict[str, int]
    """Number of failed attempts by cause."""
    cpu_seconds: float
    """CPU time of the load generator."""


async def boot_storm(fleet: Fleet, timeout: float = STORM_TIMEOUT) -> BootStormResult:
    """Connect all stations at once, and retry each until it is done or ``timeout`` seconds have passed.

    Raises:
        UsageError: When the URL can't be used.
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
    """Try once. Return None if the station is done, or the seconds to wait before the next attempt."""
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
