"""Several lanes: which takes what, and the order of a station's items."""

import asyncio
from collections.abc import Sequence

import pytest

from citrine.edge.v1.link_pb2 import Downstream
from citrine_core.dispatch import Item, Lanes
from citrine_core.dispatch import lanes as lanes_module
from citrine_core.dispatch.lanes import Lane

WAIT = 10.0


def submit(lanes: Lanes, *items: str) -> None:
    """Submit items such as "A1", whose station is A."""
    for item in items:
        lanes.submit(Item("default", item[0], item, _nobody))


def _nobody(downstream: Downstream) -> None:
    return None


async def dequeue(lane: Lane) -> list[str]:
    """Return what a lane takes next."""
    async with asyncio.timeout(WAIT):
        items, _ = await lane.dequeue(256)
    return contents(items)


def contents(items: Sequence[Item]) -> list[str]:
    return [item.content for item in items]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an item wait for no lane that works."""
    monkeypatch.setattr(lanes_module, "PATIENCE", 0.0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an item wait for lanes that work, however long they do."""
    monkeypatch.setattr(lanes_module, "PATIENCE", 1000.0)


async def test_one_lane_takes_all_that_waits() -> None:
    lanes = Lanes(2)
    submit(lanes, "A1", "B1", "C1")
    first, _ = lanes

    assert await dequeue(first) == ["A1", "B1", "C1"]
    assert lanes.waiting == 3


@pytest.mark.usefixtures("patient")
async def test_few_items_wait_for_the_lane_that_works_and_many_have_a_further_one() -> None:
    lanes = Lanes(2)
    first, second = lanes
    submit(lanes, "A1")
    await dequeue(first)
    taking = asyncio.create_task(dequeue(second))

    many = [f"{chr(ord('B') + number)}1" for number in range(lanes_module.SPILL)]
    submit(lanes, *many[:-1])
    await asyncio.sleep(0)
    assert not taking.done()
    submit(lanes, many[-1])

    assert await taking == many


async def test_an_item_does_not_wait_long_for_a_lane_that_works() -> None:
    lanes = Lanes(2)
    first, second = lanes
    submit(lanes, "A1")
    await dequeue(first)
    taking = asyncio.create_task(dequeue(second))
    submit(lanes, "B1")

    assert await taking == ["B1"]


@pytest.mark.usefixtures("impatient")
async def test_items_of_a_station_wait_for_those_that_are_under_way() -> None:
    lanes = Lanes(2)
    first, second = lanes
    submit(lanes, "A1")
    assert await dequeue(first) == ["A1"]
    submit(lanes, "A2", "B1", "A3", "B2")
    assert await dequeue(second) == ["B1", "B2"]

    first.done()

    assert await dequeue(first) == ["A2", "A3"]
    second.done()
    first.done()
    async with asyncio.timeout(WAIT):
        await lanes.drained()


@pytest.mark.usefixtures("impatient")
async def test_a_lane_that_waits_takes_what_another_had_under_way() -> None:
    lanes = Lanes(2)
    first, second = lanes
    submit(lanes, "A1")
    await dequeue(first)
    submit(lanes, "A2")
    taking = asyncio.create_task(dequeue(second))
    await asyncio.sleep(0)

    first.done()

    assert await taking == ["A2"]


@pytest.mark.usefixtures("impatient")
async def test_what_is_put_back_comes_before_what_its_station_sent_later() -> None:
    lanes = Lanes(2)
    first, second = lanes
    submit(lanes, "A1", "A2")
    items, _ = await first.dequeue(256)
    submit(lanes, "A3", "B1")

    assert first.put_back(items, lambda item: item.content == "A2") == (3, 1)
    assert await dequeue(second) == ["B1"]
    first.done()

    assert await dequeue(first) == ["A1", "A3"]


async def test_more_than_a_batch_is_taken_by_the_next_lane() -> None:
    lanes = Lanes(2)
    first, second = lanes
    submit(lanes, *(f"{chr(ord('A') + number)}1" for number in range(2 * lanes_module.SPILL)))
    taking = asyncio.create_task(second.dequeue(256))
    await asyncio.sleep(0)
    submit(lanes, *(f"{chr(ord('a') + number)}1" for number in range(lanes_module.SPILL)))

    async with asyncio.timeout(WAIT):
        items, _ = await taking
        assert len(items) >= 2 * lanes_module.SPILL
        second.done()
        assert lanes.waiting == 3 * lanes_module.SPILL - len(items)
        if lanes.waiting:
            await first.dequeue(256)
            first.done()
        await lanes.drained()
