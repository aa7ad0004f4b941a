"""Tests of the links of a core."""

import asyncio

import pytest

from citrine.edge.v1.link_pb2 import Downstream, Serving, SessionRef
from citrine_core.link import Link, LinkRegistry
from citrine_core.link.registry import MAX_BATCH


def item(serving: bool = True) -> Downstream:
    return Downstream(serving=Serving(serving=serving))


async def test_what_waits_goes_out_together_in_order() -> None:
    link = Link("edge-1", "")
    for number in range(MAX_BATCH + 1):
        link.send(item(number % 2 == 0))

    first, second = await link.batch(), await link.batch()

    assert (len(first.items), len(second.items)) == (MAX_BATCH, 1)
    assert [one.serving.serving for one in first.items[:3]] == [True, False, True]


async def test_written_waits_until_the_writer_is_back() -> None:
    link = Link("edge-1", "")
    link.send(item())
    await link.batch()
    written = asyncio.ensure_future(link.written())
    await asyncio.sleep(0)
    before = written.done()

    writer = asyncio.ensure_future(link.batch())
    await written

    assert not before
    writer.cancel()


async def test_an_edge_that_does_not_read_loses_its_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_core.link.registry.MAX_WAITING", 3)
    link = Link("edge-1", "")
    for _ in range(4):
        link.send(item())

    assert link.ended.is_set()


async def test_a_new_link_of_an_edge_ends_the_old_one() -> None:
    links, old, new = LinkRegistry(), Link("edge-1", ""), Link("edge-1", "")
    links.add(old)
    links.add(new)
    links.remove(old)

    assert old.ended.is_set()
    assert links.get("edge-1") is new
    assert not new.ended.is_set()


async def test_only_a_linked_edge_can_be_told_to_disconnect() -> None:
    links, link = LinkRegistry(), Link("edge-1", "")
    links.add(link)
    session = SessionRef(tenant_id="default", station_id="CS-1", epoch=1)

    assert links.disconnect("edge-1", session, 1000, "why")
    assert not links.disconnect("edge-2", session, 1000, "why")
    (told,) = (await link.batch()).items
    assert (told.disconnect.session, told.disconnect.reason) == (session, "why")


async def test_all_edges_are_told_what_concerns_all() -> None:
    links, first, second = LinkRegistry(), Link("edge-1", ""), Link("edge-2", "")
    links.add(first)
    links.add(second)

    links.watch("default", "CS-1", True)
    links.announce(False)
    links.drain()
    links.end()

    for link in (first, second):
        assert [one.WhichOneof("item") for one in (await link.batch()).items] == ["watch", "serving", "draining"]
        assert link.ended.is_set()
