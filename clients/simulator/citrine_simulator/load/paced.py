"""The paced scenario: stations speak at their own times, whether or not they were answered in time.

The load is open: a CSMS that falls behind is not spared. A station has one CALL under way at a time, as OCPP has it;
what falls due meanwhile is sent next, and waited from the time at which it was due.
"""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from citrine_simulator.clock import SystemClock, sleep_or
from citrine_simulator.connection import Target
from citrine_simulator.fleet import Fleet
from citrine_simulator.load.saturate import CONNECT_AT_ONCE, prepare, targets
from citrine_simulator.load.station import LoadStation
from citrine_simulator.load.talks import Talk, Talker, talker
from citrine_simulator.load.tally import Latencies, Tally

__all__ = ["PacedFleet", "PacedResult"]

LAST_ANSWERS = 10.0
"""Seconds after the window in which messages of the window may still be sent and answered."""

TICK = 0.0005
"""Timers count whole milliseconds; with half of one more, none is early."""


@dataclass(frozen=True, slots=True)
class PacedResult:
    """What was measured in the window."""

    seconds: float
    due: int
    """Messages that were to be sent in the window."""
    answered: int
    """Messages that were answered in the window, also such that were due before."""
    latency_ms: Latencies
    """Of those that were due in the window, from the time at which they were due; of one that was not answered in the
    end, how long it had waited then."""
    unanswered: int
    errors: dict[str, int]
    cpu_seconds: float
    """Of the load generator itself."""

    @property
    def per_second(self) -> float:
        """Return the messages that were answered each second."""
        return self.answered / self.seconds if self.seconds else 0.0


class _PacedStation(LoadStation):
    """A station that sends what is due as soon as it may."""

    talker: Talker

    def __init__(self, target: Target, token: str, tally: Tally) -> None:
        super().__init__(target, token, tally)
        # Nothing is under way yet.
        self.done.set()
        self.endless = False
        """Send the next message with each answer, due or not."""
        self.answered = 0
        """Since the window was opened, within it."""
        self._queue: deque[tuple[float, bool]] = deque()
        self._counted = False

    def offer(self, due: float) -> None:
        """Send a message that is due since then, at once or as soon as what is under way was answered."""
        self._queue.append((due, self.tally.counting))
        if not self._running:
            self._next()

    def give_up(self) -> int:
        """Send nothing more, and return how many messages of the window were not answered; they count as late."""
        self.endless = False
        waiting = [due for due, counted in self._queue if counted]
        if self._running and self._counted:
            waiting.append(self._sent_at)
        now = time.perf_counter()
        self.tally.latencies.extend(now - due for due in waiting)
        self._queue.clear()
        self._counted = False
        return len(waiting)

    def connection_closed(self) -> None:
        """Count each loss."""
        if self._socket is not None and not self._running:
            self.tally.errors["connection lost"] += 1
        super().connection_closed()

    def _answered(self) -> None:
        if self._counted:
            self.tally.latencies.append(time.perf_counter() - self._sent_at)
        if self.tally.counting:
            self.answered += 1
        self._next()

    def _next(self) -> None:
        if self.endless and not self._queue:
            self._queue.append((time.perf_counter(), self.tally.counting))
        self._running = bool(self._queue)
        if not self._running:
            self.done.set()
        else:
            self.done.clear()
            self._sent_at, self._counted = self._queue.popleft()
            self._send(*self.talker.say())


class PacedFleet:
    """Connected and accepted stations, for one measurement after the other; made by :meth:`connected`."""

    def __init__(self, stations: Sequence[_PacedStation], tally: Tally, fleet: Fleet) -> None:
        self._stations = stations
        self._tally = tally
        self._fleet = fleet
        self._talk: Talk | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, fleet: Fleet) -> AsyncIterator["PacedFleet"]:
        """Connect and boot all stations, and close their connections in the end.

        Raises:
            SimulatorError: When one cannot connect or is not accepted.
        """
        tally = Tally()
        stations = [_PacedStation(target, token, tally) for target, token in targets(fleet)]
        try:
            await prepare(stations, transaction=False)
            yield cls(stations, tally, fleet)
        finally:
            for station in stations:
                station.close()

    async def begin(self, talk: Talk) -> None:
        """Have each station say what comes before a measurement, e.g. start its transaction.

        Where it was this that stations said last, they go on with it.

        Raises:
            CallFailedError: When it is not answered well.
        """
        if talk is self._talk:
            return
        self._talk = talk
        slots = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def one(number: int, station: _PacedStation) -> None:
            station.talker = talker(talk, number, self._fleet.token(number))
            async with slots:
                for _ in range(station.talker.lead):
                    await station.call(*station.talker.say())

        await asyncio.gather(*(one(*each) for each in enumerate(self._stations)))

    async def run(
        self,
        talk: Talk,
        rate: float | None,
        duration: float,
        warm_up: float = 1.0,
        opened: Callable[[], None] | None = None,
        closed: Callable[[], None] | None = None,
        stop: asyncio.Event | None = None,
    ) -> PacedResult:
        """Let the stations speak, each as often as the others at a phase of its own, and measure.

        Args:
            talk: What they say.
            rate: Messages a second of all together; None: each with the answer to its last, as much as goes.
            duration: Length of the measured window, in seconds.
            warm_up: The same before it, in seconds.
            opened: Called when the window opens.
            closed: Called when it closes.
            stop: Set to close it before its time.

        Raises:
            CallFailedError: When what comes before the measurement is not answered well.
        """
        await self.begin(talk)
        self._tally.latencies = type(self._tally.latencies)("d")
        for station in self._stations:
            station.answered = 0
        stop = stop or asyncio.Event()
        start = time.perf_counter()
        driving = asyncio.create_task(self._drive(rate, start))
        try:
            await sleep_or(SystemClock(), warm_up, stop)
            if opened is not None:
                opened()
            self._tally.open()
            await sleep_or(SystemClock(), duration, stop)
            self._tally.close()
            if closed is not None:
                closed()
        finally:
            driving.cancel()
            await asyncio.wait([driving])
        unanswered = await self._last_answers()
        return PacedResult(
            seconds=self._tally.seconds,
            due=len(self._tally.latencies),
            answered=sum(station.answered for station in self._stations),
            latency_ms=Latencies.of(self._tally.latencies),
            unanswered=unanswered,
            errors=dict(self._tally.errors),
            cpu_seconds=self._tally.cpu_seconds,
        )

    async def _drive(self, rate: float | None, start: float) -> None:
        if rate is None:
            for station in self._stations:
                station.endless = True
                station.offer(time.perf_counter())
            await asyncio.Event().wait()
            return
        period = len(self._stations) / rate
        # The same in each run: runs are compared.
        phases = random.Random(len(self._stations))
        moments = sorted((phases.uniform(0, period), number) for number in range(len(self._stations)))
        cycle = 0
        while True:
            for phase, number in moments:
                due = start + cycle * period + phase
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait + TICK)
                self._stations[number].offer(due)
            cycle += 1

    async def _last_answers(self) -> int:
        for station in self._stations:
            station.endless = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANSWERS):
                for station in self._stations:
                    await station.done.wait()
        return sum(station.give_up() for station in self._stations)
