"""One station of a fleet, with all that its behaviour and its faults need to know of it."""

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from citrine_simulator.clock import SystemClock
from citrine_simulator.config import StationConfig
from citrine_simulator.events import Event, Listener
from citrine_simulator.fleets.clock import FleetClock
from citrine_simulator.fleets.record import StationRecord
from citrine_simulator.fleets.tap import FleetTap
from citrine_simulator.ids import new_id
from citrine_simulator.journal import Journal
from citrine_simulator.schemas import Schemas
from citrine_simulator.station import Station
from citrine_simulator.store import Store

if TYPE_CHECKING:
    from citrine_simulator.fleets.model import StationGroup

__all__ = ["Member", "pause"]


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait for so many seconds, or until stopped."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


class Member:
    """A station, its clock, its record and its faults.

    Everything random about it comes from the seed and its id, so that a run can be repeated.
    """

    def __init__(self, settings: dict[str, Any], group: "StationGroup", seed: int, stop: asyncio.Event) -> None:
        """Prepare it; ``settings`` are those of its StationConfig, ``stop`` is set when the run is over.

        Raises:
            ValidationError: When the settings are not possible.
        """
        self.station_id = settings["station_id"]
        self.tokens = group.tokens
        self.behaviour = group.behaviour
        self.starts_in = 0.0
        """When it is to be switched on, in seconds from the beginning of the run."""
        self.stop = stop
        self._seed = seed
        self.random = self.random_of("behaviour")
        self.faults = [
            fault
            for number, fault in enumerate(group.faults)
            if self.random_of(f"share {number}").random() < fault.share
        ]
        for fault in self.faults:
            settings = settings | fault.settings()
        self.config = StationConfig.model_validate(settings)
        self.clock = FleetClock()
        self.record = StationRecord(self.station_id, self.config.version, SystemClock().now)
        self.tap = FleetTap(self.record)
        self.new_message_id: Callable[[], str] = new_id
        self.new_transaction_id: Callable[[], str] = new_id
        self.on_event: list[Listener] = []
        """Called with each event of the station."""
        self.on_power: list[Callable[[], None]] = []
        """Called when the power comes back."""
        self.armed = asyncio.Event()
        """Set where the next message is to be cut off in its middle."""
        self.began = 0.0
        """When it was first switched on, by the monotonic clock of the machine."""
        self._station: Station | None = None
        self._power = asyncio.Lock()
        for fault in self.faults:
            fault.attach(self)

    @property
    def station(self) -> Station:
        """The station; :meth:`build` has to come first."""
        if self._station is None:
            raise RuntimeError(f"{self.station_id} was not built")
        return self._station

    @property
    def elapsed(self) -> float:
        """Seconds since it was first switched on, by the machine's clock."""
        return asyncio.get_running_loop().time() - self.began

    def build(self, store: Store, journal: Journal, schemas: Schemas) -> None:
        """Build the station itself."""
        self._station = Station(
            self.config,
            store=store,
            journal=journal,
            schemas=schemas,
            clock=self.clock,
            rng=self.random_of("station"),
            ids=lambda: self.new_message_id(),
            transaction_ids=lambda: self.new_transaction_id(),
            listener=self._happened,
            tap=self.tap,
        )

    def random_of(self, purpose: str) -> random.Random:
        """Return a source of randomness of its own for a purpose: the same in every run of the same seed."""
        return random.Random(f"{self._seed}/{self.station_id}/{purpose}")

    async def switch_on(self) -> None:
        """Switch on for the first time, after what has happened before that."""
        self.began = asyncio.get_running_loop().time()
        await self.station.start()
        before = [fault for fault in self.faults if fault.comes_first]
        if before:
            # Nothing has run yet, so it has not begun to connect either.
            await self.station.disconnect()
            for fault in before:
                await fault.run(self)
            await self.station.reconnect()

    async def without_power(self, seconds: float) -> None:
        """Lose the power for so many seconds: nothing is closed in order, and what was not stored is forgotten."""
        async with self._power:
            self.disturb()
            await self.station.stop()
            try:
                await asyncio.sleep(seconds)
            finally:
                # Also when this is cancelled: the power comes back in the end.
                for listener in self.on_power:
                    listener()
                await self.station.start()

    def disturb(self) -> None:
        """Lose the connection abruptly, and remember that this was meant."""
        self.record.disturbed = True
        self.station.drop()

    def struck(self, kind: str, **details: Any) -> None:
        """Record a fault that was injected now."""
        self.record.struck(kind, details)

    def _happened(self, event: Event) -> None:
        self.record.happened(event)
        for listener in self.on_event:
            listener(event)
