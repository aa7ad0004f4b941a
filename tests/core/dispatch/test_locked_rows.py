"""Rows that somebody else has locked for long, as who forgot to end a transaction: whom it stops, and whom not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.edge.v1.link_pb2 import Downstream
from citrine.ocpp.v2.transactions_pb2 import TransactionEventResponse
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.dispatch import Dispatcher, Item, Lanes
from citrine_core.dispatch import dispatcher as dispatcher_module
from citrine_core.errors import DatabaseUnavailable
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, running_core
from tests.support.fake_edge import FakeSession
from tests.support.waiting import WAIT


class LockNotAvailable(Exception):
    """What the driver raises where a statement waited for a lock for too long."""

    sqlstate = "55P03"


class Note(str):
    """The content of an item: its first letter is the station, e.g. "A1"."""


class Stations:
    """A stage that writes down what it does. Rows of some stations are locked, and some items are poisoned."""

    kinds = (Note,)

    def __init__(self) -> None:
        self.locked: set[str] = set()
        self.done: list[str] = []
        self.poison: list[str] = []
        self.tries = 0

    def writes(self, item: Item) -> bool:
        return True

    def forget_in_outage(self, item: Item) -> bool:
        return False

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        self.tries += 1
        notes = [str(item.content) for item in items]
        if any(note[0] in self.locked for note in notes):
            raise DatabaseUnavailable from LockNotAvailable("canceling statement due to lock timeout")
        if any(note.endswith("bad") for note in notes):
            raise LookupError("a defect")
        for note in notes:
            work.after_commit(lambda note=note: self.done.append(note))  # type: ignore[misc]  # bound now, on purpose

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        self.poison.append(str(item.content))


class Outages:
    """A database that commits, but for what is locked."""

    def __init__(self) -> None:
        self.noticed = asyncio.Event()
        self.over = asyncio.Event()

    async def probe(self) -> bool:
        return True

    def failed(self, error: BaseException | None = None, rehearse: object = None) -> None:
        self.noticed.set()

    async def recovered(self) -> None:
        if self.noticed.is_set():
            await self.over.wait()


class RunningLanes:
    """A running dispatcher with its stage."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, count: int) -> None:
        self.stage = Stations()
        self.outages = Outages()
        self.lanes = Lanes(count)
        self.dispatcher = Dispatcher([self.stage], self.lanes, unit_of_work, self.outages)

    def submit(self, *notes: str) -> None:
        for note in notes:
            self.lanes.submit(Item("default", note[0], Note(note), _nobody))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT):
            while not condition():
                await asyncio.sleep(0.005)

    async def drained(self) -> None:
        async with asyncio.timeout(WAIT):
            await self.lanes.drained()


def _nobody(downstream: Downstream) -> None:
    return None


@pytest.fixture(params=[1, 2], ids=["one lane", "two lanes"])
async def lanes(
    unit_of_work: UnitOfWorkFactory, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningLanes]:
    monkeypatch.setattr(dispatcher_module, "BRIEFLY", 0.01)
    lanes = RunningLanes(unit_of_work, request.param)
    running = asyncio.create_task(lanes.dispatcher.run())
    yield lanes
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_only_the_stations_wait_whose_rows_are_locked(lanes: RunningLanes) -> None:
    """And their items are done in order, once they can be."""
    lanes.stage.locked = {"B"}
    lanes.submit("A1", "B1", "C1", "B2", "D1")
    await lanes.until(lambda: len(lanes.stage.done) == 3)
    lanes.submit("B3", "A2")
    await lanes.until(lambda: len(lanes.stage.done) == 4)

    assert lanes.stage.done == ["A1", "C1", "D1", "A2"]
    await lanes.until(lambda: lanes.lanes.waiting == 3)
    lanes.stage.locked.clear()
    await lanes.drained()

    assert lanes.stage.done[4:] == ["B1", "B2", "B3"]
    assert lanes.lanes.waiting == 0
    assert lanes.stage.poison == []
    assert not lanes.outages.noticed.is_set()


async def test_a_station_does_not_wait_for_the_lock_of_another(lanes: RunningLanes) -> None:
    lanes.stage.locked = {"B", "C"}
    lanes.submit("A1", "B1", "C1")
    await lanes.until(lambda: lanes.lanes.aside == 2)

    lanes.stage.locked.discard("C")
    await lanes.until(lambda: "C1" in lanes.stage.done)

    assert lanes.stage.done == ["A1", "C1"]
    lanes.stage.locked.clear()
    await lanes.drained()


async def test_what_fails_by_itself_after_a_lock_is_poisoned(lanes: RunningLanes) -> None:
    lanes.stage.locked = {"B"}
    lanes.submit("B1", "B bad", "B3")
    await lanes.until(lambda: lanes.lanes.aside == 1)

    lanes.stage.locked.clear()
    await lanes.drained()

    assert lanes.stage.done == ["B1", "B3"]
    assert lanes.stage.poison == ["B bad"]


async def test_locks_of_many_stations_are_an_outage(lanes: RunningLanes, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a whole table; all is done after it."""
    monkeypatch.setattr(dispatcher_module, "MOST_ASIDE", 2)
    lanes.stage.locked = {"A", "B", "C", "D"}
    lanes.submit("A1", "B1", "A2", "C1", "D1", "E1")
    async with asyncio.timeout(WAIT):
        await lanes.outages.noticed.wait()
    tries = lanes.stage.tries

    lanes.stage.locked.clear()
    lanes.outages.over.set()
    await lanes.drained()

    assert lanes.stage.tries > tries
    assert sorted(lanes.stage.done) == ["A1", "A2", "B1", "C1", "D1", "E1"]
    assert lanes.stage.done.index("A1") < lanes.stage.done.index("A2")


async def test_a_row_that_somebody_locked_stops_one_station(
    postgres_engine: AsyncEngine, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.db.postgres.LOCK_TIMEOUT", 0.3)
    async with running_core(postgres_url, tmp_path) as core, core.edge() as edge:
        sessions: list[FakeSession] = []
        for number in range(4):
            await core.add_station(f"CS-{number}", registration=1)
            sessions.append(await edge.connect(f"CS-{number}", PASSWORD))
            await sessions[-1].call(started(transaction_id=f"T-{number}"))
        async with postgres_engine.connect() as somebody:
            await somebody.execute(text("SELECT * FROM transactions WHERE station_id = 'CS-2' FOR UPDATE"))
            waiting = asyncio.create_task(sessions[2].call(updated(1, transaction_id="T-2")))
            for number in (0, 1, 3):
                await sessions[number].call(updated(1, transaction_id=f"T-{number}"))
            async with asyncio.timeout(WAIT):
                while not core.core.lanes.aside:
                    await asyncio.sleep(0.01)
            for number in (0, 1, 3):
                await sessions[number].call(ended(2, transaction_id=f"T-{number}"))
            assert core.core.health.serving
            assert not waiting.done()
            await somebody.rollback()

        assert isinstance(await waiting, TransactionEventResponse)
        await sessions[2].call(ended(2, transaction_id="T-2"))
    async with postgres_engine.connect() as connection:
        stored = await connection.execute(
            text("SELECT station_id, seq_no FROM transaction_events ORDER BY station_id, seq_no")
        )
        assert [tuple(row) for row in stored] == [
            (f"CS-{number}", seq_no) for number in range(4) for seq_no in range(3)
        ]
