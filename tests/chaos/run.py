"""A run of chaos: faults in turn and together while stations charge, and the comparison at its end."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine_simulator import EventKey
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.site import Site
from tests.support.deployment import Deployment
from tests.support.load import Fleet, stored_events

__all__ = ["Outcome", "compare", "harm", "harm_by"]

LONGEST_SILENCE = 10.0
"""Seconds after which stations that are not harmed must be answered again."""

TOGETHER = 0.3
"""Share of faults that begin while another one lasts."""

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What was found at the end of a run."""

    sent: int = 0
    lost: set[EventKey] = field(default_factory=set)
    """Queued by a station, and not stored."""
    doubled: set[EventKey] = field(default_factory=set)
    unknown: set[EventKey] = field(default_factory=set)
    """Stored, and never queued."""
    given_up: set[EventKey] = field(default_factory=set)
    """Discarded by a station after its attempts."""
    gaps: list[str] = field(default_factory=list)
    """Transactions that have one."""
    left_open: list[str] = field(default_factory=list)
    """Transactions that go on, where a station has more than one: only the last may have been cut off by the end."""
    silences: list[tuple[str, float]] = field(default_factory=list)
    """Faults in which a station that was not harmed got no answer for longer than LONGEST_SILENCE, with the seconds."""

    @property
    def is_sound(self) -> bool:
        return not (
            self.lost or self.doubled or self.unknown or self.given_up or self.gaps or self.left_open or self.silences
        )

    def __str__(self) -> str:
        waits = [f"{name}: others waited {seconds:.1f} s" for name, seconds in self.silences]
        return "; ".join([
            f"{self.sent} messages: {len(self.lost)} lost, {len(self.doubled)} doubled, {len(self.unknown)} unknown",
            f"{len(self.given_up)} given up by stations",
            f"{len(self.gaps)} transactions with a gap, {len(self.left_open)} left open",
            *(waits or ["nobody waited for others"]),
        ])  # fmt: skip


class _Pulse:
    """Measures the longest time in which no message of one station was acknowledged, of all that are not harmed."""

    def __init__(self, fleet: Fleet, station_ids: Collection[str]) -> None:
        self._fleet = fleet
        self._station_ids = station_ids
        self.longest = 0.0

    @contextlib.contextmanager
    def felt(self) -> Iterator[None]:
        task = asyncio.create_task(self._feel(), name="pulse")
        try:
            yield
        finally:
            task.cancel()

    async def _feel(self) -> None:
        begin = time.monotonic()
        while True:
            now = time.monotonic()
            for station_id in self._station_ids:
                self.longest = max(self.longest, now - max(begin, self._fleet.acknowledged_at.get(station_id, begin)))
            await asyncio.sleep(0.1)


async def harm(
    site: Site, fleet: Fleet, outcome: Outcome, chance: random.Random, seconds: float, say: Say, only: str = ""
) -> None:
    """Do faults in turn, each of them once before any comes again, some two at a time, for so many seconds.

    Args:
        site: Where.
        fleet: Stations that charge.
        outcome: Told of silences.
        chance: Chooses.
        seconds: How long; a fault under way then ends in its time.
        say: Told of each fault.
        only: Faults whose name contains it.
    """
    possible = [fault for fault in FAULTS if fault.can(site) and only in fault.name]
    end = time.monotonic() + seconds
    waiting: list[Fault] = []
    while time.monotonic() < end:
        if not waiting:
            waiting = chance.sample(possible, len(possible))
        faults = [waiting.pop()]
        if waiting and chance.random() < TOGETHER:
            faults.append(waiting.pop())
        lasts = min(chance.uniform(*fault.seconds) for fault in faults)
        await harm_by(site, fleet, outcome, faults, chance, say, lasts)


async def harm_by(
    site: Site,
    fleet: Fleet,
    outcome: Outcome,
    faults: Sequence[Fault],
    chance: random.Random,
    say: Say,
    seconds: float,
) -> None:
    """Do some faults together for so many seconds, and wait until all stations are served again."""
    name = " + ".join(fault.name for fault in faults)
    say(f"{name}, for {seconds:.1f} s")
    async with contextlib.AsyncExitStack() as stack:
        harmed: set[str] = set()
        for fault in faults:
            harmed.update(await stack.enter_async_context(fault.harm(site, chance)))
        pulse = _Pulse(fleet, set(site.station_ids) - harmed)
        stack.enter_context(pulse.felt())
        await asyncio.sleep(seconds)
    healed = time.monotonic()
    await site.all_running()
    # Nothing else is harmed before all are served again.
    await fleet.all_acknowledged()
    back = time.monotonic() - healed
    say(f"  others waited {pulse.longest:.1f} s at most; all were served again {back:.1f} s after its end")
    if len(faults) == 1 and pulse.longest > LONGEST_SILENCE:
        outcome.silences.append((name, pulse.longest))


async def compare(deployment: Deployment, fleet: Fleet, outcome: Outcome) -> None:
    """Compare what stations have queued with what is stored, message by message, once all was delivered."""
    async with deployment.client() as citrine:
        stored = await stored_events(citrine, [station.config.station_id for station in fleet.stations])
        every = [
            transaction
            async for page in citrine.pages(
                citrine.transactions.ListTransactions, ListTransactionsRequest(page_size=1000)
            )
            for transaction in page.transactions
        ]
    said = fleet.summary()
    outcome.sent = len(said.queued)
    outcome.lost = said.queued.keys() - stored.keys() - said.given_up.keys()
    outcome.unknown = stored.keys() - said.queued.keys()
    outcome.doubled = {key for key, times in stored.items() if times > 1}
    outcome.given_up = set(said.given_up)
    outcome.gaps = [transaction.transaction_id for transaction in every if transaction.has_gap]
    active = [transaction for transaction in every if not transaction.HasField("end_time")]
    outcome.left_open = [
        one.transaction_id
        for one in active
        if any(
            other.station_id == one.station_id and other.start_time.ToNanoseconds() > one.start_time.ToNanoseconds()
            for other in active
        )
    ]
