"""Several lanes: which takes what, and the order of a station's items."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from random import Random

import pytest

from citrine.edge.v1.link_pb2 import Downstream
from citrine_core.dispatch import Item, Lanes
from citrine_core.dispatch import lanes as lanes_module
from citrine_core.dispatch.lanes import Lane
from citrine_edge.call_windows import WINDOW
from tests.support.waiting import WAIT


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


async def test_a_batch_has_as_many_items_of_one_tenant_as_of_another_however_many_wait() -> None:
    lanes = Lanes()
    (lane,) = lanes
    for number in range(1000):
        lanes.submit(Item("greedy", f"CS-{number}", number, _nobody))
    lanes.submit(Item("small", "CS-1", "only", _nobody))
    for number in range(300):
        lanes.submit(Item("middle", "CS-1", number, _nobody))

    items, _ = await lane.dequeue(256)

    of_tenant = Counter(item.tenant_id for item in items)
    assert of_tenant.total() == 256
    assert of_tenant["small"] == 1
    assert abs(of_tenant["greedy"] - of_tenant["middle"]) <= 1


async def test_of_more_tenants_than_a_batch_has_items_none_has_a_second_turn_before_each_had_one() -> None:
    lanes = Lanes()
    (lane,) = lanes
    for number in range(900):
        lanes.submit(Item(f"T-{number % 300}", "CS-1", number, _nobody))
    turns: list[str] = []
    while lanes.waiting:
        items, _ = await lane.dequeue(100)
        turns += [item.tenant_id for item in items]
        lane.done()

    assert [len(set(turns[begin : begin + 300])) for begin in (0, 300, 600)] == [300, 300, 300]


@pytest.mark.usefixtures("impatient")
async def test_a_tenant_whose_stations_are_under_way_leaves_its_share_to_others() -> None:
    lanes = Lanes(2)
    first, second = lanes
    lanes.submit(Item("busy", "CS-1", "B0", _nobody))
    await first.dequeue(256)
    for number in range(1, 100):
        lanes.submit(Item("busy", "CS-1", f"B{number}", _nobody))
        lanes.submit(Item("free", "CS-1", f"F{number}", _nobody))

    taken, _ = await second.dequeue(60)
    first.done()
    second.done()
    rest, _ = await second.dequeue(1000)

    assert contents(taken) == [f"F{number}" for number in range(1, 61)]
    assert sorted(contents(rest)) == sorted(f"B{n}" for n in range(1, 100)) + [f"F{n}" for n in range(61, 100)]
    assert [each for each in contents(rest) if each[0] == "B"] == [f"B{number}" for number in range(1, 100)]


async def test_whatever_is_taken_and_put_back_the_items_of_a_station_stay_in_order() -> None:
    chance = Random(7)
    lanes = Lanes(3)
    submitted, done = 0, defaultdict[str, list[int]](list)
    under_way: dict[Lane, list[Item]] = {}
    while submitted < 3000 or lanes.waiting:
        for _ in range(min(chance.randrange(60), 3000 - submitted)):
            tenant = chance.choice("AAAAAB")
            lanes.submit(Item(tenant, f"CS-{chance.randrange(9)}", submitted, _nobody))
            submitted += 1
        for lane in lanes:
            if lane in under_way:
                items = under_way.pop(lane)
                if chance.random() < 0.2:
                    lane.put_back(items, lambda item: False)
                else:
                    for item in items:
                        done[item.tenant_id + item.station_id].append(item.content)
                lane.done()
            elif items := lanes.dequeue_for(lane, 20):
                lane._under_way = under_way[lane] = items

    assert sum(map(len, done.values())) == 3000
    assert all(numbers == sorted(numbers) for numbers in done.values())


async def test_links_are_read_while_two_tenants_have_all_waiting_that_ten_edges_send_at_a_time() -> None:
    """Otherwise nobody else would have a turn."""
    lanes = Lanes()
    for tenant_id in ("one", "other"):
        for number in range(10 * WINDOW):
            lanes.submit(Item(tenant_id, f"CS-{number}", number, _nobody))

    async with asyncio.timeout(WAIT):
        await lanes.wait_for_capacity()


async def test_links_are_read_in_turn_while_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that brings a thousand items with each request keeps no other from being read."""
    monkeypatch.setattr(lanes_module, "MAX_WAITING", 500)
    lanes, requests = Lanes(), Counter[str]()
    (lane,) = lanes

    async def read(edge: str, items: int) -> None:
        while True:
            for _ in range(items):
                lanes.submit(Item(edge, f"{edge}-{requests[edge]}", edge, _nobody))
            requests[edge] += 1
            await asyncio.sleep(0)
            await lanes.wait_for_capacity()

    async with asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(read(edge, items)) for edge, items in (("A", 1000), ("B", 1), ("C", 10))]
        while requests["A"] < 20:
            await dequeue(lane)
            lane.done()
            await asyncio.sleep(0)
        for one in reading:
            one.cancel()

    assert min(requests["B"], requests["C"]) >= requests["A"] - 1
