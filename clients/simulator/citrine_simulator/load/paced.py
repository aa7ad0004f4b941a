"""The scenario paced: stations send messages at fixed times, regardless of the answers.

The load is open: it does not decrease for a CSMS that falls behind. A station has one CALL in flight, as OCPP requires.
Messages that are due meanwhile are sent next, and their latency counts from the time at which they were due.
"""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import orjson

from citrine_simulator.clock import SystemClock, sleep_or
from citrine_simulator.connection import Target
from citrine_simulator.fleet import Fleet
from citrine_simulator.load.saturate import CONNECT_AT_ONCE, prepare, targets
from citrine_simulator.load.station import LoadStation
from citrine_simulator.load.talks import Talk, Talker, talker
from citrine_simulator.load.tally import Latencies, Tally

__all__ = ["PacedFleet", "PacedResult"]

LAST_ANSWERS = 10.0
"""Seconds after the window in which its messages may still be sent and answered."""

TICK = 0.0005
"""Seconds added to each wait. Timers have whole milliseconds, so without it a timer might fire early."""


@dataclass(frozen=True, slots=True)
class PacedResult:
    """The measurements of the window."""

    seconds: float
    due: int
    """Number of messages that were due in the window."""
    answered: int
    """Number of messages that were answered in the window, including those that were due before."""
    latency_ms: Latencies
    """Latency of the messages that were due in the window, from the time at which they were due. A message without an
    answer counts with the time it waited until the end."""
    unanswered: int
    errors: dict[str, int]
    cpu_seconds: float
    """CPU time of the load generator."""

    @property
    def per_second(self) -> float:
        """Answered messages per second."""
        return self.answered / self.seconds if self.seconds else 0.0


class _PacedStation(LoadStation):
    """A station that sends due messages in order, one at a time."""

    talker: Talker

    def __init__(self, target: Target, token: str, tally: Tally) -> None:
        super().__init__(target, token, tally)
        # No message is in flight yet.
        self.done.set()
        self.endless = False
        """Whether each answer triggers the next message, even if none is due."""
        self.answered = 0
        """Number of answers in the window."""
        self._queue: deque[tuple[float, bool]] = deque()
        self._counted = False

    def offer(self, due: float) -> None:
        """Send a message that was due at this time, at once or after the answers to the messages before it."""
        self._queue.append((due, self.tally.counting))
        if not self._running:
            self._next()

    def text_received(self, text: bytes) -> None:
        """Handle one message, whose answer the talker may want."""
        if self._running and self.talker.listens:
            frame = orjson.loads(text)
            if frame[0] == 3:
                self.talker.heard(frame[2])
        super().text_received(text)

    def give_up(self) -> int:
        """Stop sending; return the number of unanswered messages of the window, which count into the latencies."""
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
        """Count the lost connection as an error."""
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
    """Connected and accepted stations for successive measurements; created by :meth:`connected`."""

    def __init__(self, stations: Sequence[_PacedStation], tally: Tally, fleet: Fleet) -> None:
        self._stations = stations
        self._tally = tally
        self._fleet = fleet
        self._talk: Talk | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, fleet: Fleet) -> AsyncIterator["PacedFleet"]:
        """Connect and boot all stations; close their connections on exit.

        Raises:
            SimulatorError: When a station can't connect or is not accepted.
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
        """Send the messages that precede a measurement, e.g. the start of a transaction.

        If ``talk`` is the same as before, this does nothing.

        Raises:
            CallFailedError: When one of them has no valid CALLRESULT.
        """
        if talk is self._talk:
            return
        self._talk = talk
        slots = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def one(number: int, station: _PacedStation) -> None:
            station.talker = talker(talk, number, self._fleet.token(number), self._fleet.version(number))
            async with slots:
                for _ in range(station.talker.lead):
                    station.talker.heard(await station.call(*station.talker.say()))

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
        """Send messages from all stations at the same rate, each with its own phase, and measure.

        Args:
            talk: The messages to send.
            rate: Messages per second of all stations together. None: each station sends its next message when the
                previous one is answered.
            duration: Length of the measured window, in seconds.
            warm_up: Seconds of the same load before the window.
            opened: Called when the window opens.
            closed: Called when the window closes.
            stop: Set to close the window early.

        Raises:
            CallFailedError: When a message before the measurement has no valid CALLRESULT.
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
        # The phases are the same in each run, so that runs are comparable.
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
