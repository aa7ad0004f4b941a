"""The hub of watched frames."""

import asyncio

from citrine.edge.v1.link_pb2 import ObservedFrame, SessionRef, Watching
from citrine_core.events.frames import MAX_WAITING, FrameHub


def frame(number: int) -> ObservedFrame:
    return ObservedFrame(session=SessionRef(tenant_id="T", station_id="S"), frame=str(number))


class Edge:
    """An edge that links, with the stations that it is asked to report then."""

    def __init__(self, hub: FrameHub) -> None:
        self.watched: set[tuple[str, str]] = set()
        hub.edge_linked(self)

    def watch(self, tenant_id: str, station_id: str, on: bool) -> None:
        assert on
        self.watched.add((tenant_id, station_id))


def test_edges_are_told_of_the_first_watcher_and_the_last() -> None:
    told: list[tuple[str, str, bool]] = []
    hub = FrameHub(lambda *what: told.append(what), tuple)

    with hub.watch("T", ["S"]):
        with hub.watch("T", ["S", "R"]):
            assert Edge(hub).watched == {("T", "S"), ("T", "R")}
        assert Edge(hub).watched == {("T", "S")}

    assert Edge(hub).watched == set()
    assert told == [("T", "S", True), ("T", "R", True), ("T", "R", False), ("T", "S", False)]


async def test_slow_watcher_misses_the_oldest_and_keeps_the_order() -> None:
    hub = FrameHub(lambda *what: None, tuple)

    with hub.watch("T", ["S"]) as watch:
        for number in range(MAX_WAITING + 3):
            hub.publish("E", frame(number))
        frames = watch.frames()
        seen = [int((await anext(frames))[1].frame) for _ in range(MAX_WAITING)]

    assert seen == list(range(3, MAX_WAITING + 3))


def test_frames_that_nobody_watches_go_nowhere() -> None:
    FrameHub(lambda *what: None, tuple).publish("E", frame(1))


async def test_a_watch_is_confirmed_when_every_edge_has_said_so() -> None:
    hub = FrameHub(lambda *what: None, lambda: ["E-1", "E-2"])
    with hub.watch("T", ["S"]) as watch:
        waiting = asyncio.create_task(hub.confirmed(watch))
        hub.confirm("E-1", Watching(tenant_id="T", station_id="S"))
        await asyncio.sleep(0)
        assert not waiting.done()
        hub.confirm("E-2", Watching(tenant_id="T", station_id="S"))
        await waiting


async def test_what_an_edge_confirms_too_late_does_not_count_for_the_next_watcher() -> None:
    hub = FrameHub(lambda *what: None, lambda: {"E"})
    with hub.watch("T", ["S"]):
        pass
    hub.confirm("E", Watching(tenant_id="T", station_id="S"))

    with hub.watch("T", ["S"]) as watch:
        confirmed = asyncio.ensure_future(hub.confirmed(watch))
        await asyncio.sleep(0)
        assert not confirmed.done()
        hub.confirm("E", Watching(tenant_id="T", station_id="S"))
        await confirmed
