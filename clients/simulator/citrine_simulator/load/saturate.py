"""The scenario load: every station always has one message in flight, for a measured time."""

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
"""Most stations that connect and boot concurrently before a measurement."""

FINISH_TIMEOUT = 60.0
"""Seconds to wait for the last answers."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The measurements of the window."""

    stations: int
    seconds: float
    sent: int
    answered: int
    messages_per_second: float
    latency_ms: Latencies
    errors: dict[str, int]
    cpu_seconds: float
    """CPU time of the load generator."""
    cpu_us_per_message: float
    """CPU time of the load generator per message."""
    acknowledged_events: dict[str, int]
    """Number of answered TransactionEvents by transaction, from Started to Ended. The CSMS must have stored them."""


async def saturate(
    fleet: Fleet,
    duration: float,
    warm_up: float = 2.0,
    opened: Callable[[], None] | None = None,
    closed: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
) -> LoadResult:
    """Load the CSMS for some seconds, after a warm-up.

    Args:
        fleet: Stations that are registered with the CSMS and accepted.
        duration: Length of the measured window, in seconds.
        warm_up: Seconds of load before the window.
        opened: Called when the window opens.
        closed: Called when the window closes.
        stop: Set to close the window early.

    Raises:
        SimulatorError: When a station can't connect, is not accepted or can't start its transaction.
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
    """Return a load station for each station of the fleet."""
    return [LoadStation(target, token, tally) for target, token in targets(fleet)]


def targets(fleet: Fleet) -> list[tuple[Target, str]]:
    """Return the target and the token of each station of the fleet."""
    return [
        (
            Target(
                connection_url(fleet.url, fleet.tenant, station_id),
                station_id,
                fleet.version(number),
                password,
                tls=fleet.tls.context(fleet.url, station_id),
            ),
            fleet.token(number),
        )
        for number, (station_id, password) in enumerate(fleet.stations.items())
    ]


async def prepare(stations: Sequence[LoadStation], transaction: bool) -> None:
    """Connect and boot all stations and, if ``transaction``, start a transaction on each.

    Raises:
        SimulatorError: When a station fails.
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
    """Wait for the answers to all messages in flight, then end the transactions."""
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
