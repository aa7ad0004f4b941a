"""The scenarios charge and faults, as coroutines over :class:`Station`."""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from citrine_simulator.errors import UsageError
from citrine_simulator.journal import Journal, Kind
from citrine_simulator.station import Station

__all__ = ["ChargePlan", "DeliveryResult", "charge", "drain", "lose_connections"]

logger = logging.getLogger(__name__)

BOOT_PATIENCE = 24 * 3600.0
"""Seconds that a station waits to be accepted before the scenario fails."""


@dataclass(frozen=True, slots=True)
class ChargePlan:
    """Average charging time and pause of EVs, in seconds of their time, which runs `speed` times faster."""

    session: float = 1800
    pause: float = 300
    spread: float = 0.5
    """Share by which both may be longer or shorter."""


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Counts of the transaction messages of a run."""

    stations: int
    queued: int
    acknowledged: int
    failed_attempts: int
    given_up: int
    left_in_queue: int

    @property
    def complete(self) -> bool:
        """Whether every message was delivered."""
        return self.given_up == 0 and self.left_in_queue == 0

    def to_json(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return asdict(self)


async def charge(station: Station, token: str, plan: ChargePlan, rng: random.Random, stop: asyncio.Event) -> None:
    """Let EVs charge, one after the other, until `stop` is set. The last one ends its transaction.

    Remote stops, resets, refused tokens and lost connections are no errors.
    """
    await _accepted(station, stop)
    while not stop.is_set():
        try:
            await _session(station, token, plan, rng, stop)
        except UsageError as interrupted:
            # A reset, a change of availability or a remote start interrupted it.
            logger.info("charging was interrupted", extra={"problem": str(interrupted)})
            await _pause(1.0, stop)
        await _pause(_about(plan.pause, plan, rng) / station.config.speed, stop)


async def lose_connections(stations: Sequence[Station], every: float, rng: random.Random, stop: asyncio.Event) -> None:
    """Abort the connection of a random station every ``every`` seconds on average, until `stop` is set."""
    while not stop.is_set():
        await _pause(rng.expovariate(1 / every), stop)
        station = rng.choice(stations)
        try:
            station.drop()
        except UsageError:
            logger.debug("the station is switched off")


async def drain(stations: Sequence[Station], journal: Journal, timeout: float) -> DeliveryResult:
    """Wait up to ``timeout`` seconds until all queues are empty; return the counts of the messages."""
    waiting = [asyncio.ensure_future(station.wait_for("queue_empty", timeout)) for station in stations]
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        if isinstance(result, Exception) and not isinstance(result, TimeoutError):
            raise result
    counts = journal.counts
    return DeliveryResult(
        stations=len(stations),
        queued=counts[Kind.QUEUED],
        acknowledged=counts[Kind.ACKNOWLEDGED],
        failed_attempts=counts[Kind.FAILED],
        given_up=counts[Kind.GIVEN_UP],
        left_in_queue=sum(station.queued for station in stations),
    )


async def _accepted(station: Station, stop: asyncio.Event) -> None:
    waiting: set[asyncio.Future[Any]] = {
        asyncio.ensure_future(station.wait_for("accepted", BOOT_PATIENCE)),
        asyncio.ensure_future(stop.wait()),
    }
    done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    for task in done:
        task.result()


async def _session(station: Station, token: str, plan: ChargePlan, rng: random.Random, stop: asyncio.Event) -> None:
    await station.plug_in()
    info = await station.authorize(token)
    if info["status"] == "Accepted":
        transaction_id = await station.start_transaction(token=token)
        await _pause(_about(plan.session, plan, rng) / station.config.speed, stop)
        if station.parts.charging.find(transaction_id) is not None:
            await station.stop_transaction(transaction_id, token=token)
    await station.unplug()


def _about(seconds: float, plan: ChargePlan, rng: random.Random) -> float:
    return seconds * rng.uniform(1 - plan.spread, 1 + plan.spread)


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
