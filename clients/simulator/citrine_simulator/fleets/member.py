"""One station of a fleet, as its behaviour and its faults see it."""

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
    """Sleep until the seconds pass or `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


class Member:
    """A station with its clock, record and faults.

    All its randomness derives from the seed and its id, so that runs are reproducible.
    """

    def __init__(self, settings: dict[str, Any], group: "StationGroup", seed: int, stop: asyncio.Event) -> None:
        """Prepare the station. ``settings`` are the fields of its StationConfig, ``stop`` is set at the end of the run.

        Raises:
            ValidationError: When the settings are invalid.
        """
        self.station_id = settings["station_id"]
        self.tokens = group.tokens
        self.behaviour = group.behaviour
        self.starts_in = 0.0
        """Seconds from the beginning of the run to its start."""
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
        """Set if the connection is to be cut in the middle of the next message."""
        self.began = 0.0
        """Time of its first start, by the monotonic clock of the machine."""
        self._station: Station | None = None
        self._power = asyncio.Lock()
        for fault in self.faults:
            fault.attach(self)

    @property
    def station(self) -> Station:
        """The station. :meth:`build` must be called first."""
        if self._station is None:
            raise RuntimeError(f"{self.station_id} was not built")
        return self._station

    @property
    def elapsed(self) -> float:
        """Seconds since its first start, by the machine's clock."""
        return asyncio.get_running_loop().time() - self.began

    def build(self, store: Store, journal: Journal, schemas: Schemas) -> None:
        """Build the station."""
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
        """Return the random generator for a purpose. It is the same in every run with the same seed."""
        return random.Random(f"{self._seed}/{self.station_id}/{purpose}")

    async def switch_on(self) -> None:
        """Start the station for the first time. Faults with `comes_first` run before it connects."""
        self.began = asyncio.get_running_loop().time()
        await self.station.start()
        before = [fault for fault in self.faults if fault.comes_first]
        if before:
            # No task has run yet, so the station has not begun to connect.
            await self.station.disconnect()
            for fault in before:
                await fault.run(self)
            await self.station.reconnect()

    async def without_power(self, seconds: float) -> None:
        """Lose the power for a number of seconds: the socket is aborted, and state that is not stored is lost."""
        async with self._power:
            self.disturb()
            await self.station.stop()
            try:
                await asyncio.sleep(seconds)
            finally:
                # The power comes back on cancellation, too.
                for listener in self.on_power:
                    listener()
                await self.station.start()

    def disturb(self) -> None:
        """Abort the connection, and record that a fault did it."""
        self.record.disturbed = True
        self.station.drop()

    def struck(self, kind: str, **details: Any) -> None:
        """Record that a fault struck now."""
        self.record.struck(kind, details)

    def _happened(self, event: Event) -> None:
        self.record.happened(event)
        for listener in self.on_event:
            listener(event)
