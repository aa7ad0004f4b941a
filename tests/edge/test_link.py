"""The stream to one core."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge import link_channel
from citrine_edge.batches import encode_batch
from citrine_edge.greeting import OpenSession
from citrine_edge.link import MAX_BATCH_ITEMS, MAX_OFFERED, Link
from citrine_edge.metrics import Metrics
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import FakeCore, FakeLink, fake_core
from tests.support.waiting import WAIT


@pytest.mark.parametrize("sizes", [[0], [1], [127, 128], [16384, 3, 2_000_000]])
def test_batch_is_the_message_of_its_items(sizes: list[int]) -> None:
    items = [pb.Upstream(observed=pb.ObservedFrame(frame="x" * size)) for size in sizes]

    assert pb.LinkRequest.FromString(encode_batch([item.SerializeToString() for item in items])).items == items


async def test_edge_names_itself_and_what_it_holds(core: FakeCore, edge: RunningEdge) -> None:
    hello = core.link.hello

    assert len(hello.edge_id) == 36
    assert hello.software_version
    assert list(hello.sessions) == []


async def test_wrong_credential_opens_no_link() -> None:
    async with fake_core(FakeCore(credential="other")) as core, running_edge(core, linked=False) as edge:
        assert (await edge.get("/readyz"))[0] == 503
        core.credential = "secret"

        await edge.until(lambda: edge.edge.router.available)


async def test_a_credential_that_is_refused_is_a_warning_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with fake_core(FakeCore(credential="other")) as core, running_edge(core, linked=False) as edge:
        await edge.until(lambda: core.refused >= 3)

    said = [record for record in caplog.records if record.message == "core not reached"]
    assert [(record.levelname, getattr(record, "problem", "")) for record in said] == [("WARNING", "no such edge")]


async def test_a_link_that_ends_with_its_edge_is_no_problem(core: FakeCore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with running_edge(core):
        pass

    assert {record.levelname for record in caplog.records if record.name.startswith("citrine_edge")} == {"INFO"}


async def test_link_that_is_not_welcomed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_edge.link.WELCOME_TIMEOUT", 0.1)
    core = FakeCore()
    welcome = core._welcome
    core._welcome = lambda stream, hello: core.links.append(stream)  # type: ignore[method-assign]  # says nothing
    async with fake_core(core), running_edge(core, linked=False) as edge:
        await core.linked(2)
        core._welcome = welcome  # type: ignore[method-assign]

        await edge.until(lambda: edge.edge.router.available)


async def test_what_queues_up_goes_into_one_batch(core: FakeCore, edge: RunningEdge) -> None:
    (link,) = edge.edge.router.links
    item = pb.Upstream(observed=pb.ObservedFrame(frame="x")).SerializeToString()
    before = core.batches

    for _ in range(3 * MAX_BATCH_ITEMS):
        link.push(item)
    for _ in range(3 * MAX_BATCH_ITEMS):
        await core.next("observed")

    assert core.batches - before == 3


async def test_large_items_go_into_batches_of_their_own(core: FakeCore, edge: RunningEdge) -> None:
    (link,) = edge.edge.router.links
    for _ in range(3):
        link.push(pb.Upstream(observed=pb.ObservedFrame(frame="x" * (3 << 20))).SerializeToString())
    for _ in range(3):
        await core.next("observed")

    assert link.up


async def test_item_that_nobody_relies_on_is_dropped_rather_than_queued_without_end() -> None:
    link = Link("127.0.0.1:1", "", None, Metrics())  # type: ignore[arg-type]  # not used
    assert not link.offer(b"")
    link.up = True

    assert [link.offer(b"") for _ in range(MAX_OFFERED + 1)] == [True] * MAX_OFFERED + [False]
    assert link.queued == MAX_OFFERED


async def test_item_that_can_not_be_processed_harms_no_other(core: FakeCore, edge: RunningEdge) -> None:
    async with edge.station() as station:
        core.link.send()
        core.send(answer=pb.Answer(id=12345))
        core.send(welcome=pb.Welcome())
        core.send(command=pb.Command())

        assert (await station.ask("Heartbeat", {}))[0] == 3
    assert len(core.links) == 1


async def test_finished_link_has_delivered_everything(core: FakeCore) -> None:
    async with running_edge(core) as edge:
        (link,) = edge.edge.router.links
        for _ in range(1000):
            link.push(pb.Upstream(observed=pb.ObservedFrame(frame="x" * 1000)).SerializeToString())
        async with asyncio.timeout(WAIT):
            await link.finish(WAIT)

        assert not link.up
        assert len(core.all("observed")) == 1000


async def test_link_that_is_down_is_finished_at_once() -> None:
    await Link("127.0.0.1:1", "", None, Metrics()).finish(WAIT)  # type: ignore[arg-type]  # not used


async def test_core_with_two_addresses_has_one_link() -> None:
    """A name may have an IPv4 and an IPv6 address of the same core."""
    async with (
        fake_core(FakeCore(core_id="A")) as first,
        fake_core(FakeCore(core_id="A")) as second,
        running_edge(first, second, linked=False) as edge,
    ):
        await first.linked()
        await second.linked()
        await edge.until(lambda: edge.edge.router.available)

        assert [link.up for link in edge.edge.router.links].count(True) == 1
        async with edge.station() as station:
            assert (await station.ask("Heartbeat", {}))[0] == 3


@contextlib.asynccontextmanager
async def way_to(core: FakeCore, blocked: asyncio.Event) -> AsyncIterator[str]:
    """Forward connections to a core; once blocked nothing arrives any more, and no connection ends."""
    writers: list[asyncio.StreamWriter] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not blocked.is_set():
                    writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_core, to_core = await asyncio.open_connection(*core.address.split(":"))
        writers.extend((writer, to_core))
        await asyncio.gather(forward(reader, to_core), forward(from_core, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def test_core_that_vanished_is_noticed_without_any_call(core: FakeCore, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = [(name, 500 if name.endswith("_ms") else value) for name, value in link_channel._OPTIONS]
    monkeypatch.setattr(link_channel, "_OPTIONS", quick)
    vanished = asyncio.Event()
    async with way_to(core, vanished) as address, running_edge(FakeCore(address=address)) as edge:
        (link,) = edge.edge.router.links
        vanished.set()

        await edge.until(lambda: not link.up)


async def test_core_that_welcomes_and_drops_is_not_flooded(core: FakeCore) -> None:
    """43 attempts in ten seconds were seen; each costs both sides a Hello."""
    welcome = core._welcome

    def drop(stream: FakeLink, hello: pb.Hello) -> None:
        welcome(stream, hello)
        stream.end()

    core._welcome = drop  # type: ignore[method-assign]  # lets in, and ends the stream
    async with running_edge(core, linked=False) as edge:
        await core.linked(3)
        loop = asyncio.get_running_loop()
        end = loop.time() + 3
        await edge.until(lambda: loop.time() > end)

    assert len(core.links) <= 6


class ManySessions:
    """Who uses a link, with as many sessions as it is told to have."""

    def __init__(self, count: int) -> None:
        self.hellos = 0
        self.count = count
        self.up = asyncio.Event()
        self.session = HeldInTests()

    def hello(self) -> pb.Hello:
        self.hellos += 1
        return pb.Hello(edge_id="edge-1", link_revision=1)

    def open_sessions(self) -> Sequence[OpenSession]:
        return [self.session] * self.count

    def is_linked(self, core_id: str) -> bool:
        return False

    def link_up(self, link: Link, welcome: pb.Welcome) -> None:
        self.up.set()

    def link_down(self, link: Link) -> None:
        self.up.clear()

    def link_changed(self, link: Link) -> None:
        pass

    def link_item(self, link: Link, kind: str, item: pb.Downstream) -> None:
        pass


class HeldInTests:
    description = pb.HeldSession(session=pb.SessionRef(tenant_id="default", station_id="CS-1", epoch=1))


@contextlib.asynccontextmanager
async def link_of(owner: ManySessions, address: str) -> AsyncIterator[Link]:
    link = Link(address, "secret", owner, Metrics())
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        running.cancel()
        await asyncio.wait({running})


@pytest.mark.parametrize("knows_pages", [True, False])
async def test_hello_of_many_sessions_is_complete(core: FakeCore, knows_pages: bool) -> None:
    """In pages, or in one message for a core that does not know them."""
    core.knows_pages = knows_pages
    owner = ManySessions(20_000)
    async with link_of(owner, core.address), asyncio.timeout(WAIT):
        await owner.up.wait()

    assert len(core.link.hello.sessions) == 20_000
    assert core.batches == (40 if knows_pages else 1)


async def test_hello_is_not_built_before_somebody_is_there() -> None:
    """It costs something, and a core that is away is tried twice a second."""
    owner = ManySessions(1)
    async with fake_core() as gone:
        port = int(gone.address.rpartition(":")[2])
    async with link_of(owner, f"127.0.0.1:{port}") as link, asyncio.timeout(WAIT):
        attempts = set[object]()
        while len(attempts) < 4:
            await asyncio.sleep(0)
            attempts.add(link._stream_task)
        assert owner.hellos == 0

        async with fake_core(FakeCore(), port):
            await owner.up.wait()
            assert owner.hellos == 1
