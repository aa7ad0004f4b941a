"""Hello of an edge with many sessions."""

import asyncio
import time

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.greeting import PAGE, greeting


class Held:
    """A session, as far as Hello is concerned."""

    def __init__(self, number: int) -> None:
        ref = pb.SessionRef(tenant_id="default", station_id=f"CS-{number}", epoch=number)
        self.description = pb.HeldSession(session=ref, version=pb.OCPP_VERSION_201, remote_address="192.0.2.1:1234")


async def pages(count: int, *, in_pages: bool = True) -> list[pb.Upstream]:
    hello = pb.Hello(edge_id="edge-1", link_revision=1)
    return [item async for item in greeting(hello, [Held(number) for number in range(count)], in_pages=in_pages)]


async def test_few_sessions_fit_into_hello() -> None:
    (item,) = await pages(PAGE)

    assert (item.hello.edge_id, len(item.hello.sessions), item.hello.has_more) == ("edge-1", PAGE, False)


async def test_many_sessions_follow_in_pages() -> None:
    first, *rest = await pages(2 * PAGE + 1)

    assert first.hello.has_more
    assert [(len(page.hello_page.sessions), page.hello_page.is_last) for page in rest] == [(PAGE, False), (1, True)]
    epochs = [s.session.epoch for s in first.hello.sessions]
    epochs += [s.session.epoch for page in rest for s in page.hello_page.sessions]
    assert epochs == list(range(2 * PAGE + 1))


async def test_core_that_knows_no_pages_gets_one_long_hello() -> None:
    (item,) = await pages(2 * PAGE + 1, in_pages=False)

    assert (len(item.hello.sessions), item.hello.has_more) == (2 * PAGE + 1, False)


async def test_loop_is_free_while_hello_is_built() -> None:
    """Of 20,000 sessions, which took the loop 204 ms at a stretch."""
    longest, stop = 0.0, False

    async def others() -> None:
        nonlocal longest
        last = time.thread_time()
        while not stop:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    watching = asyncio.create_task(others())
    sessions = [Held(number) for number in range(20_000)]
    await asyncio.sleep(0)
    longest = 0.0
    async for item in greeting(pb.Hello(), sessions, in_pages=True):
        item.SerializeToString()
        await asyncio.sleep(0)
    stop = True
    await watching

    assert longest < 0.05
