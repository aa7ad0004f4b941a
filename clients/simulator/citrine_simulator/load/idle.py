"""The scenario idle: stations connect, boot and then send nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from citrine_simulator.fleet import Fleet
from citrine_simulator.load.saturate import load_stations, prepare
from citrine_simulator.load.tally import Tally

__all__ = ["IdleResult", "hold_idle"]


@dataclass(frozen=True, slots=True)
class IdleResult:
    """The number of connected stations, and of those still connected at the end."""

    stations: int
    still_connected: int


async def hold_idle(fleet: Fleet, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> IdleResult:
    """Connect and boot all stations, call ``ready``, and leave the connections open until ``stop`` is set.

    Raises:
        SimulatorError: When a station can't connect or is not accepted.
    """
    stations = load_stations(fleet, Tally())
    try:
        await prepare(stations, transaction=False)
        if ready is not None:
            ready()
        await stop.wait()
        return IdleResult(len(stations), sum(station.connected for station in stations))
    finally:
        for station in stations:
            station.close()
