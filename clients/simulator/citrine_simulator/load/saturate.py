"""The load scenario: every station always has one message on its way, for a measured time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from citrine_simulator.clock import SystemClock, sleep_or
from citrine_simulator.config import connection_url
from citrine_simulator.connection import Target
from citrine_simulator.errors import SimulatorError, UsageError
from citrine_simulator.fleet import Fleet
from citrine_simulator.load.station import LoadStation
from citrine_simulator.load.tally import Latencies, Tally

__all__ = ["CONNECT_AT_ONCE", "LoadResult", "load_stations", "prepare", "saturate", "targets"]

CONNECT_AT_ONCE = 32
"""So many stations connect and boot at the same time before a measurement."""

FINISH_TIMEOUT = 60.0
"""Seconds the last answers may take."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was measured in the window."""

    stations: int
    seconds: float
    sent: int
    answered: int
    messages_per_second: float
    latency_ms: Latencies
    errors: dict[str, int]
    cpu_seconds: float
    """Of the load generator itself."""
    cpu_us_per_message: float
    """Of the load generator itself."""
    acknowledged_events: dict[str, int]
    """TransactionEvents that were answered, from Started to Ended, by transaction: what must be stored."""


async def saturate(
    fleet: Fleet,
    duration: float,
    warm_up: float = 2.0,
    opened: Callable[[], None] | None = None,
    closed: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
) -> LoadResult:
    """Load the CSMS for so many seconds after a warm-up.

    Args:
        fleet: Stations that are registered with the CSMS and accepted.
        duration: Length of the measured window, in seconds.
        warm_up: Load before it, in seconds.
        opened: Called when the window opens.
        closed: Called when it closes.
        stop: Set to close it before its time.

    Raises:
        SimulatorError: When a station cannot connect, is not accepted or cannot start its transaction.
    """
    tally = Tally()
    stop = stop or asyncio.Event()
    stations = load_stations(fleet, tally)
    try:
        await prepare(stations, transaction=True)
        for station in stations:
            station.run()
        await sleep_or(SystemClock(), warm_up, stop)
        if opened is not None:
            opened()
        tally.open()
        await sleep_or(SystemClock(), duration, stop)
        tally.close()
        if closed is not None:
            closed()
        await _finish(stations)
    finally:
        for station in stations:
            station.close()
    return _result(stations, tally)


def load_stations(fleet: Fleet, tally: Tally) -> list[LoadStation]:
    """Return a load station for each of the fleet."""
    return [LoadStation(target, token, tally) for target, token in targets(fleet)]


def targets(fleet: Fleet) -> list[tuple[Target, str]]:
    """Return where each of the fleet connects, and the token that it presents."""
    return [
        (
            Target(connection_url(fleet.url, fleet.tenant, station_id), station_id, fleet.version, password),
            fleet.token(number),
        )
        for number, (station_id, password) in enumerate(fleet.stations.items())
    ]


async def prepare(stations: Sequence[LoadStation], transaction: bool) -> None:
    """Connect and boot every station, and start a transaction on it if wanted.

    Raises:
        SimulatorError: When one of them fails.
    """
    slots = asyncio.Semaphore(CONNECT_AT_ONCE)

    async def one(station: LoadStation) -> None:
        async with slots:
            try:
                await station.connect()
                status = await station.boot()
                if status != "Accepted":
                    raise UsageError(f"the CSMS answered {status}")
                await station.report_status("Occupied" if transaction else "Available")
                if transaction:
                    await station.start_transaction()
            except (SimulatorError, OSError, TimeoutError) as problem:
                raise SimulatorError(f"{station.target.station_id} is not ready: {problem}") from problem

    results = await asyncio.gather(*(one(station) for station in stations), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _finish(stations: list[LoadStation]) -> None:
    """Let every message on its way be answered, and end the transactions."""
    for station in stations:
        station.stop()

    async def one(station: LoadStation) -> None:
        await station.done.wait()
        if station.connected:
            await station.end_transaction()

    async def all_of_them() -> None:
        results = await asyncio.gather(*(one(station) for station in stations), return_exceptions=True)
        for station, result in zip(stations, results, strict=True):
            if isinstance(result, BaseException):
                station.tally.errors[str(result)] += 1

    try:
        async with asyncio.timeout(FINISH_TIMEOUT):
            await all_of_them()
    except TimeoutError:
        stations[0].tally.errors["unanswered"] += sum(not station.done.is_set() for station in stations)


def _result(stations: list[LoadStation], tally: Tally) -> LoadResult:
    answered = len(tally.latencies)
    return LoadResult(
        stations=len(stations),
        seconds=round(tally.seconds, 3),
        sent=tally.sent,
        answered=answered,
        messages_per_second=round(answered / tally.seconds, 1) if tally.seconds else 0.0,
        latency_ms=Latencies.of(tally.latencies),
        errors=dict(tally.errors),
        cpu_seconds=round(tally.cpu_seconds, 3),
        cpu_us_per_message=round(1e6 * tally.cpu_seconds / answered, 1) if answered else 0.0,
        acknowledged_events={station.transaction_id: station.acknowledged for station in stations},
    )
