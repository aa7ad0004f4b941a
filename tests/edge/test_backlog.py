"""What all stations together may have waiting."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from citrine.ocpp.v2 import data_transfer_pb2
from citrine_edge.backlog import Backlog
from tests.edge.conftest import running_edge
from tests.support.fake_core import FakeCore, default_reply, fake_core


async def test_who_is_stopped_is_read_on_in_turn_and_not_before_enough_is_answered() -> None:
    loop = asyncio.get_running_loop()
    backlog = Backlog(100, loop)
    share = backlog.of("default")
    read_on: list[str] = []
    first, second = (lambda: read_on.append("first")), (lambda: read_on.append("second"))
    assert share.add(100)
    for each in (first, second):
        assert not share.add(1)
        share.stop(each)

    share.remove(20)
    await asyncio.sleep(0)
    assert read_on == []
    share.remove(10)
    await asyncio.sleep(0)

    assert read_on == ["first", "second"]
    assert (backlog.size, backlog.stopped) == (72, 0)


async def test_who_brings_too_much_again_is_stopped_before_the_next_is_read_on() -> None:
    share = Backlog(100, asyncio.get_running_loop()).of("default")
    read_on: list[str] = []

    def greedy() -> None:
        read_on.append("greedy")
        assert not share.add(100)
        share.stop(greedy)

    share.add(101)
    share.stop(greedy)
    share.stop(lambda: read_on.append("other"))
    share.remove(90)
    await asyncio.sleep(0)
    assert read_on == ["greedy"]
    share.remove(100)
    await asyncio.sleep(0)

    assert read_on == ["greedy", "other", "greedy"]


async def test_who_is_gone_is_not_called_back() -> None:
    share = Backlog(100, asyncio.get_running_loop()).of("default")
    called: list[bool] = []

    def read_on() -> None:
        called.append(True)

    share.add(101)
    share.stop(read_on)
    share.forget(read_on)
    share.remove(101)
    await asyncio.sleep(0)

    assert called == []


async def test_a_tenant_that_has_too_much_has_nobody_elses_stations_stopped() -> None:
    backlog = Backlog(100, asyncio.get_running_loop())
    greedy, modest = backlog.of("greedy"), backlog.of("modest")
    greedy.add(100)

    assert modest.add(50)
    assert not modest.add(1)
    assert not greedy.add(1)


async def test_tenants_are_read_on_in_turn() -> None:
    backlog = Backlog(100, asyncio.get_running_loop())
    greedy, modest = backlog.of("greedy"), backlog.of("modest")
    read_on: list[str] = []
    greedy.add(150)
    for station in ("g1", "g2", "g3"):
        greedy.stop(partial(read_on.append, station))
    modest.add(60)
    modest.stop(lambda: read_on.append("m1"))

    # It has less than its share again, although all together have too much.
    modest.remove(30)
    await asyncio.sleep(0)
    assert read_on == ["m1"]
    modest.stop(lambda: read_on.append("m2"))
    greedy.remove(110)
    await asyncio.sleep(0)

    assert read_on == ["m1", "g1", "m2", "g2", "g3"]


async def test_stations_that_bring_more_than_the_edge_may_hold_are_held_back_and_lose_nothing() -> None:
    """Twelve stations with five messages of 200 kB each, of which the edge holds one megabyte."""
    core = FakeCore(reply=lambda call: None)
    data = {"vendorId": "example", "data": "x" * 200_000}
    async with fake_core(core), running_edge(core, ocpp_max_waiting=1 << 20) as edge, AsyncExitStack() as stack:
        # Not compressed: twenty of these messages would fit into one piece that is read.
        opening = [edge.station(f"CS{number}", compression=None) for number in range(12)]
        stations = [await stack.enter_async_context(each) for each in opening]

        async def send(number: int) -> list[str]:
            for message in range(5):
                await stations[number].send([2, f"m{message}", "DataTransfer", data])
            return [(await stations[number].receive())[1] for _ in range(5)]

        sending = [asyncio.create_task(send(number)) for number in range(12)]
        await edge.until(lambda: "citrine_edge_stopped_stations 0.0" not in edge.edge.metrics.render().decode())
        backlog = edge.edge.server._context.backlog
        # Each of them may bring one more, which stops it.
        assert backlog.size < (1 << 20) + 12 * 200_100
        answer = data_transfer_pb2.DataTransferResponse(
            status=data_transfer_pb2.DataTransferStatusEnum.DATA_TRANSFER_STATUS_ENUM_ACCEPTED
        )
        core.reply = lambda call: answer
        # So that the core has noted all that it did not answer.
        await edge.until(lambda: True)
        for call in core.all("call"):
            core.answer(call, answer)
        answered = await asyncio.gather(*sending)

        assert answered == [["m0", "m1", "m2", "m3", "m4"]] * 12
        assert (backlog.size, backlog.stopped) == (0, 0)


async def test_station_that_goes_leaves_nothing_behind(core: FakeCore) -> None:
    core.reply = lambda call: None
    async with running_edge(core) as edge:
        async with edge.station() as station:
            for number in range(3):
                await station.send([2, f"m{number}", "Heartbeat", {}])
            await core.next("call")
        backlog = edge.edge.server._context.backlog
        await edge.until(lambda: not edge.edge.sessions)
        # What was read is still brought to the core, and answered.
        core.reply = default_reply
        core.answer(core.all("call")[0], default_reply(core.all("call")[0]))
        await edge.until(lambda: backlog.size == 0)
        assert len(core.all("call")) == 3
