"""Batches that wait for more calls."""

import asyncio

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.config import read_settings
from citrine_edge.gathering import Gathering
from citrine_edge.link import ENOUGH
from tests.edge.conftest import running_edge
from tests.support.fake_core import FakeCore
from tests.support.waiting import WAIT

LONG = 1000.0


def counted(gathering: Gathering, stations: int, calls: int, begin: float = 100.0) -> float:
    """Count calls of stations in turn, over a second; return when it ended."""
    for number in range(calls):
        gathering.count(number % stations, begin + number / calls)
    return begin + 1


def test_many_calls_of_many_stations_are_waited_for() -> None:
    gathering = Gathering(0.025)
    counted(gathering, stations=50, calls=50)

    assert gathering.expects_more(unanswered=1, links=1)
    assert gathering.expects_more(unanswered=49, links=1)


@pytest.mark.parametrize(
    ("longest", "stations", "calls", "unanswered", "links"),
    [
        pytest.param(0.025, 30, 30, 1, 1, id="few calls"),
        pytest.param(0.025, 1, 200, 1, 1, id="a station that is alone"),
        pytest.param(0.025, 5, 1000, 5, 1, id="all stations wait for an answer"),
        pytest.param(0.025, 50, 70, 1, 2, id="few calls over each link"),
        pytest.param(0.0, 50, 1000, 1, 1, id="switched off"),
    ],
)
def test_nothing_is_waited_for_where_little_is_to_be_expected(
    longest: float, stations: int, calls: int, unanswered: int, links: int
) -> None:
    gathering = Gathering(longest)
    counted(gathering, stations, calls)

    assert not gathering.expects_more(unanswered, links)


def test_the_last_second_counts_until_the_next_one_is_over() -> None:
    gathering = Gathering(0.025)
    end = counted(gathering, stations=50, calls=50)
    gathering.count(0, end)
    assert gathering.expects_more(unanswered=1, links=1)

    gathering.count(0, end + 2)

    assert not gathering.expects_more(unanswered=1, links=1)


def test_a_batch_waits_25_ms_unless_an_operator_says_otherwise() -> None:
    assert read_settings([], {}).edge_gather_time.total_seconds() == 0.025
    assert read_settings(["--edge-gather-time", "0s"], {}).edge_gather_time.total_seconds() == 0


async def test_a_batch_that_waits_goes_when_it_is_large_enough(core: FakeCore) -> None:
    async with running_edge(core, edge_gather_time="1s") as edge:
        (link,) = edge.edge.router.links
        before = core.batches
        for number in range(ENOUGH):
            link.push(_item(), may_wait=True)
            if number % 8 == 0:
                await asyncio.sleep(0)
        async with asyncio.timeout(WAIT):
            for _ in range(ENOUGH):
                await core.next("observed")

        assert core.batches - before == 1


async def test_what_may_not_wait_takes_along_what_does(core: FakeCore) -> None:
    async with running_edge(core) as edge:
        (link,) = edge.edge.router.links
        link._gather_time, before = 3600.0, core.batches
        link.push(_item(), may_wait=True)
        await asyncio.sleep(0)
        link.push(_item())
        for _ in range(2):
            await core.next("observed")

        assert core.batches - before == 1


async def test_a_batch_waits_no_longer_than_it_may(core: FakeCore) -> None:
    async with running_edge(core, edge_gather_time="50ms") as edge:
        (link,) = edge.edge.router.links
        before = core.batches
        link.push(_item(), may_wait=True)
        await core.next("observed")

        assert core.batches - before == 1


def _item() -> bytes:
    return pb.Upstream(observed=pb.ObservedFrame(frame="x")).SerializeToString()
