"""A run of chaos: faults in turn and together while stations charge, and the comparison at its end."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine_sdk import Citrine
from citrine_simulator import EventKey
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.site import Site
from tests.chaos.witnesses import (
    Fact,
    Follower,
    Transfers,
    following,
    stored_statuses,
    stored_transfers,
    transferring,
)
from tests.support.deployment import Deployment
from tests.support.load import Fleet, stored_events

__all__ = ["Outcome", "compare", "harm", "harm_by", "watch"]

TOGETHER = 0.3
"""Share of faults that begin while another one lasts."""

Say = Callable[[str], None]


KINDS = ("transaction", "data_transfer_received", "connector_status_changed", "events")
"""What is compared beside the messages of transactions; of none of them there may be nothing to compare."""


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
    """Faults in which a station that was not harmed got no answer for longer than others may wait, with the seconds."""
    wrong: list[str] = field(default_factory=list)
    """What is wrong with other messages, and with the events that a subscriber received."""
    checked: Counter[str] = field(default_factory=Counter)
    """How many of each kind of other messages were compared, and how many events."""

    @property
    def is_sound(self) -> bool:
        return not (
            self.lost
            or self.doubled
            or self.unknown
            or self.given_up
            or self.gaps
            or self.left_open
            or self.silences
            or self.wrong
        )

    def __str__(self) -> str:
        waits = [f"{name}: others waited {seconds:.1f} s" for name, seconds in self.silences]
        return "; ".join([
            f"{self.sent} messages: {len(self.lost)} lost, {len(self.doubled)} doubled, {len(self.unknown)} unknown",
            f"{len(self.given_up)} given up by stations",
            f"{len(self.gaps)} transactions with a gap, {len(self.left_open)} left open",
            *(waits or ["nobody waited for others"]),
            ", ".join(f"{number} {kind}" for kind, number in self.checked.items()),
            *(self.wrong[:20] or ["each of them once"]),
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
    # Two that leave stations one core of two each may leave them none.
    is_served = sum(not fault.is_of_stations for fault in faults) <= 1
    if is_served and pulse.longest > max(fault.others_wait for fault in faults):
        outcome.silences.append((name, pulse.longest))


async def watch(site: Site, outcome: Outcome, trouble: Callable[[Fleet], Awaitable[None]]) -> None:
    """Have stations charge while there is trouble; then compare what they sent with what is stored and was published.

    Args:
        site: Where.
        outcome: What is found goes there.
        trouble: Does what it does with the fleet.
    """
    async with following(site.deployment) as follower:
        async with site.charging() as fleet, transferring(fleet.stations) as transfers:
            await trouble(fleet)
        facts, unnumbered = await compare(site.deployment, fleet, outcome)
        async with site.deployment.client() as citrine:
            await _compare_others(citrine, site.station_ids, transfers, follower, outcome, facts, unnumbered)


async def compare(deployment: Deployment, fleet: Fleet, outcome: Outcome) -> tuple[set[Fact], set[tuple[str, str]]]:
    """Compare what stations have queued with what is stored, message by message, once all was delivered.

    Returns what must have been published about the messages that stations number, and station and id of the
    transactions whose messages they don't.
    """
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
    numbered = {(one.station_id, one.transaction_id) for one in every if not one.unnumbered}
    facts = {
        Fact("transaction", key.station_id, (key.transaction_id, key.seq_no))
        for key in stored
        if (key.station_id, key.transaction_id) in numbered
    }
    return facts, {(one.station_id, one.transaction_id) for one in every} - numbered


async def _compare_others(
    citrine: Citrine,
    station_ids: Collection[str],
    transfers: Transfers,
    follower: Follower,
    outcome: Outcome,
    transactions: set[Fact],
    unnumbered: Collection[tuple[str, str]],
) -> None:
    """Compare what is recognised by its call alone, and what was published of everything."""
    rows = await stored_transfers(citrine)
    statuses = await stored_statuses(citrine, station_ids)
    missed = await follower.missed(citrine)
    events = Counter({fact: times for fact, times in follower.facts.items() if not _is_of(fact, unnumbered)})
    expected = rows.keys() | statuses.keys() | transactions
    outcome.checked = Counter(fact.kind for fact in expected)
    outcome.checked["events"] = len(follower.tokens)
    outcome.wrong = [
        *(f"{fact} was answered and is not stored" for fact in transfers.answered - rows.keys()),
        *(f"{fact} is stored and was never sent" for fact in rows.keys() - transfers.sent),
        *(f"{fact} is stored {times} times" for fact, times in (rows + statuses).items() if times > 1),
        *(f"{fact} was published {times} times" for fact, times in events.items() if times > 1),
        *(f"{fact} was not published" for fact in expected - events.keys()),
        *(f"{fact} was published and is not stored" for fact in events.keys() - expected),
        *(f"a subscriber missed {event}" for event in missed),
        *(f"there was no {kind} to compare" for kind in KINDS if not outcome.checked[kind]),
    ]


def _is_of(fact: Fact, transactions: Collection[tuple[str, str]]) -> bool:
    return fact.kind == "transaction" and (fact.station_id, fact.identity[0]) in transactions
