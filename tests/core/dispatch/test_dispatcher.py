"""Tests of the lanes: batches, order, items that fail by themselves, outages."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from citrine.edge.v1.link_pb2 import Downstream
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.dispatch import Dispatcher, Item, Lanes
from citrine_core.errors import DatabaseUnavailable
from citrine_core.link.health import Rehearse
from tests.support.waiting import WAIT


class Note(str):
    """The content of an item."""


class Notes:
    """A stage that writes down what it does, and fails as told."""

    kinds = (Note,)

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.done: list[str] = []
        self.poison: list[str] = []
        self.fail: Callable[[Sequence[str]], None] = lambda notes: None
        self.hold = asyncio.Event()
        self.hold.set()
        self.begun = asyncio.Event()

    def writes(self, item: Item) -> bool:
        return True

    def forget_in_outage(self, item: Item) -> bool:
        return str(item.content).startswith("call")

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        notes = [str(item.content) for item in items]
        self.begun.set()
        await self.hold.wait()
        self.batches.append(notes)
        self.fail(notes)
        for note in notes:
            work.after_commit(lambda note=note: self.done.append(note))  # type: ignore[misc]  # bound now, on purpose

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        self.poison.append(str(item.content))


class Outages:
    """A database that fails and comes back when the test says so."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.up.set()
        self.noticed = asyncio.Event()
        self.flickers = False
        """True: the next probe fails and those after it don't."""
        self.rehearse: Rehearse | None = None

    async def probe(self) -> bool:
        if self.flickers:
            self.flickers = False
            return False
        return self.up.is_set()

    def failed(self, error: BaseException | None = None, rehearse: Rehearse | None = None) -> None:
        self.rehearse = rehearse
        self.noticed.set()

    async def recovered(self) -> None:
        await self.up.wait()


class RunningLanes:
    """A running dispatcher with its stage."""

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self.stage = Notes()
        self.outages = Outages()
        self.dispatcher = Dispatcher([self.stage], Lanes(), unit_of_work, self.outages)

    def submit(self, *notes: str) -> None:
        for note in notes:
            self.dispatcher.lanes.submit(Item("default", "CS-1", Note(note), _nobody))

    async def drained(self) -> None:
        async with asyncio.timeout(WAIT):
            await self.dispatcher.lanes.drained()


def _nobody(downstream: Downstream) -> None:
    return None


@pytest.fixture
async def lanes(unit_of_work: UnitOfWorkFactory) -> AsyncIterator[RunningLanes]:
    lanes = RunningLanes(unit_of_work)
    running = asyncio.create_task(lanes.dispatcher.run())
    yield lanes
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_what_waits_while_a_transaction_is_under_way_goes_into_the_next(lanes: RunningLanes) -> None:
    lanes.stage.hold.clear()
    lanes.submit("1")
    await lanes.stage.begun.wait()
    lanes.submit("2", "3", "4")
    assert lanes.dispatcher.lanes.waiting == 4
    lanes.stage.hold.set()

    await lanes.drained()

    assert lanes.stage.batches == [["1"], ["2", "3", "4"]]
    assert lanes.stage.done == ["1", "2", "3", "4"]
    assert lanes.dispatcher.lanes.waiting == 0


async def test_one_item_that_fails_harms_no_other(lanes: RunningLanes) -> None:
    def fail(notes: Sequence[str]) -> None:
        if "bad" in notes:
            raise LookupError("a defect")

    lanes.stage.fail = fail
    lanes.submit("1", "bad", "2")
    await lanes.drained()

    assert lanes.stage.done == ["1", "2"]
    assert lanes.stage.poison == ["bad"]


async def test_a_follower_of_a_commit_that_fails_does_not_undo_it(lanes: RunningLanes) -> None:
    async def run(work: UnitOfWork, items: Sequence[Item]) -> None:
        lanes.stage.batches.append([str(item.content) for item in items])
        work.after_commit(lambda: [][0])

    lanes.stage.run = run  # type: ignore[method-assign]  # this stage's own
    lanes.submit("1")
    await lanes.drained()

    assert lanes.stage.batches == [["1"]]
    assert lanes.stage.poison == []


async def test_in_an_outage_calls_are_forgotten_and_the_rest_is_kept(lanes: RunningLanes) -> None:
    def fail(notes: Sequence[str]) -> None:
        if not lanes.outages.up.is_set():
            raise DatabaseUnavailable

    lanes.stage.fail = fail
    lanes.outages.up.clear()
    lanes.submit("call 1", "closed 1")
    await lanes.outages.noticed.wait()
    lanes.submit("call 2")
    lanes.outages.up.set()
    await lanes.drained()

    # What came after its sender heard of the outage may be a repetition already, and is not forgotten.
    assert lanes.stage.done == ["closed 1", "call 2"]
    assert lanes.stage.poison == []


async def test_one_bad_item_among_256_costs_few_transactions(lanes: RunningLanes) -> None:
    """And few runs of the others, whose handler may be slow: half of them run twice, a quarter three times."""

    def fail(notes: Sequence[str]) -> None:
        if "bad" in notes:
            raise TimeoutError("the handler's own")

    lanes.stage.fail = fail
    lanes.stage.hold.clear()
    lanes.submit("first")
    await lanes.stage.begun.wait()
    notes = [*map(str, range(100)), "bad", *map(str, range(100, 255))]
    lanes.submit(*notes)
    lanes.stage.hold.set()
    await lanes.drained()

    assert lanes.stage.done == ["first", *(note for note in notes if note != "bad")]
    assert lanes.stage.poison == ["bad"]
    # The one before, all, and for each halving both halves.
    assert len(lanes.stage.batches) == 1 + 1 + 2 * 8
    runs = Counter(note for batch in lanes.stage.batches for note in batch)
    assert Counter(runs[note] for note in notes if note != "bad") == {1 + n: 256 >> n for n in range(1, 9)}
    assert runs["bad"] == 9
    assert not lanes.outages.noticed.is_set()


@pytest.mark.parametrize("error", [TimeoutError("slow"), OSError("no such file"), ConnectionError("lost")], ids=repr)
async def test_what_a_handler_raises_is_the_handlers(lanes: RunningLanes, error: OSError) -> None:
    def fail(notes: Sequence[str]) -> None:
        if "bad" in notes:
            raise error

    lanes.stage.fail = fail
    lanes.submit("1", "bad", "2")
    await lanes.drained()

    assert lanes.stage.poison == ["bad"]
    assert lanes.stage.done == ["1", "2"]
    assert sum("bad" in batch for batch in lanes.stage.batches) <= 3
    assert not lanes.outages.noticed.is_set()


async def test_what_fails_because_of_the_database_is_never_poisoned(
    lanes: RunningLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A little can be committed, as on a disk that is almost full, and the batch can't."""
    monkeypatch.setattr("citrine_core.dispatch.dispatcher.PAUSES", (0.0, 0.0))
    full = [True]

    def fail(notes: Sequence[str]) -> None:
        if full and "large" in notes:
            raise DatabaseUnavailable

    lanes.stage.fail = fail
    lanes.outages.up.set()
    recovered = asyncio.Event()
    monkeypatch.setattr(lanes.outages, "recovered", recovered.wait)
    lanes.submit("1", "large", "2")
    await lanes.outages.noticed.wait()

    assert lanes.stage.batches == [["1", "large", "2"]] * 3
    assert lanes.outages.rehearse is not None
    with pytest.raises(DatabaseUnavailable):
        await lanes.outages.rehearse()
    full.clear()
    await lanes.outages.rehearse()
    assert lanes.stage.done == []

    recovered.set()
    await lanes.drained()
    assert lanes.stage.poison == []
    assert lanes.stage.done == ["1", "large", "2"]


async def test_an_outage_that_ends_while_it_is_looked_at_poisons_nothing(lanes: RunningLanes) -> None:
    lanes.outages.flickers = True

    def fail(notes: Sequence[str]) -> None:
        if len(lanes.stage.batches) == 1:
            raise DatabaseUnavailable

    lanes.stage.fail = fail
    lanes.submit("closed 1")
    await lanes.drained()

    assert lanes.stage.poison == []
    assert lanes.stage.done == ["closed 1"]
    assert lanes.outages.noticed.is_set()


async def test_a_conflict_is_tried_again(lanes: RunningLanes) -> None:
    conflicts: list[Any] = [None]

    def fail(notes: Sequence[str]) -> None:
        if conflicts:
            conflicts.pop()
            raise DatabaseUnavailable

    lanes.stage.fail = fail
    lanes.submit("1", "2")
    await lanes.drained()

    assert lanes.stage.batches == [["1", "2"], ["1", "2"]]
    assert lanes.stage.done == ["1", "2"]


async def test_links_are_not_read_while_too_much_waits(lanes: RunningLanes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_core.dispatch.lanes.MAX_WAITING", 4)
    lanes.stage.hold.clear()
    lanes.submit("1")
    await lanes.stage.begun.wait()
    lanes.submit(*"23456")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await lanes.dispatcher.lanes.wait_for_capacity()

    lanes.stage.hold.set()

    async with asyncio.timeout(WAIT):
        await lanes.dispatcher.lanes.wait_for_capacity()
