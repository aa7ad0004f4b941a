"""All sessions: one per station, and what cores say about them."""

import asyncio

import pytest

from citrine.edge.v1 import link_pb2 as pb
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import PENDING, FakeCore, default_reply, fake_core
from tests.support.raw_station import RawStation
from tests.support.waiting import WAIT


async def test_newest_connection_of_a_station_wins(core: FakeCore, edge: RunningEdge) -> None:
    async with edge.station() as old, edge.station() as new:
        await old.websocket.wait_closed()

        assert (old.websocket.close_code, old.websocket.close_reason) == (1000, "replaced by a newer connection")
        assert (await new.ask("Heartbeat", {}))[0] == 3
        closed = await core.next("closed")
        assert closed.session.epoch == 1
        assert core.all("call")[-1].session.epoch == 2
        core.send(disconnect=pb.Disconnect(session=closed.session, code=1000))
        assert (await new.ask("Heartbeat", {}))[0] == 3
    assert (await core.next("closed")).session.epoch == 2


async def test_answer_to_a_replaced_session_does_not_reach_the_new_one(core: FakeCore, edge: RunningEdge) -> None:
    core.reply = lambda call: None
    async with edge.station() as old:
        await old.send([2, "m1", "Heartbeat", {}])
        call = await core.next("call")
        async with edge.station() as new:
            await core.next("opened")
            core.answer(call, default_reply(call))
            core.reply = default_reply

            assert (await new.ask("Heartbeat", {}, "m2"))[1] == "m2"


async def test_older_admission_that_is_decided_late_is_closed(core: FakeCore, edge: RunningEdge) -> None:
    """Two handshakes of one station cross: the higher epoch stays, whichever opened first."""
    core.epochs = iter([7, 3])  # type: ignore[assignment]  # an iterator is enough
    async with edge.station() as newer, edge.station() as older:
        await older.websocket.wait_closed()

        assert (await newer.ask("Heartbeat", {}))[0] == 3


@pytest.mark.parametrize(("code", "sent"), [(1008, 1008), (4001, 4001), (1006, 1000), (0, 1000), (5000, 1000)])
async def test_core_can_close_a_session(core: FakeCore, edge: RunningEdge, code: int, sent: int) -> None:
    async with edge.station() as station:
        ref = (await core.next("opened")).session
        core.send(disconnect=pb.Disconnect(session=ref, code=code, reason="because"))

        await station.websocket.wait_closed()

    assert (station.websocket.close_code, station.websocket.close_reason) == (sent, "because")
    closed = await core.next("closed")
    assert (closed.code, closed.reason, closed.session) == (sent, "because", ref)


async def test_sessions_that_a_new_core_does_not_know_are_closed(core: FakeCore, edge: RunningEdge) -> None:
    async with edge.station("CS1") as stale, edge.station("CS2") as valid:
        core.stale = [(await core.next("opened")).session]
        core.link.end()

        await stale.websocket.wait_closed()

        assert stale.websocket.close_code == 1012
        assert (await valid.ask("Heartbeat", {}))[0] == 3


async def test_news_about_other_sessions_are_ignored(core: FakeCore, edge: RunningEdge) -> None:
    async with edge.station() as station:
        other = pb.SessionRef(tenant_id="default", station_id="CS1", epoch=99)
        core.send(disconnect=pb.Disconnect(session=other, code=1000))
        core.send(registration=pb.Registration(session=other, status=PENDING))

        assert (await station.ask("Heartbeat", {}))[0] == 3


async def test_watch_holds_for_the_next_connection_and_ends_with_its_link(core: FakeCore, edge: RunningEdge) -> None:
    core.send(watch=pb.Watch(tenant_id="default", station_id="CS1", on=True))
    await edge.until(lambda: edge.edge.sessions._watchers.get(("default", "CS1")))
    async with edge.station() as station:
        await station.ask("Heartbeat", {})
        await core.next("observed")
        await core.next("observed")
        core.link.end()
        await core.linked(2)
        await edge.until(lambda: edge.edge.router.available)
        await station.ask("Heartbeat", {})

    await core.next("closed")
    assert len(core.all("observed")) == 2


async def test_two_cores_can_watch_the_same_station() -> None:
    async with (
        fake_core(FakeCore(core_id="A")) as first,
        fake_core(FakeCore(core_id="B")) as second,
        running_edge(first, second) as edge,
    ):
        for core in (first, second):
            core.send(watch=pb.Watch(tenant_id="default", station_id="CS1", on=True))
        await edge.until(lambda: len(edge.edge.sessions._watchers.get(("default", "CS1"), ())) == 2)
        async with edge.station() as station:
            await station.ask("Heartbeat", {})

        assert (await first.next("observed")).frame == (await second.next("observed")).frame


class TestDrain:
    """What a stopping edge does."""

    async def test_idle_sockets_are_closed_and_reported(self, core: FakeCore) -> None:
        async with running_edge(core) as edge, edge.station("CS1") as first, edge.station("CS2") as second:
            edge.stop()
            await first.websocket.wait_closed()
            await second.websocket.wait_closed()
            await edge.task

            assert (first.websocket.close_code, second.websocket.close_code) == (1001, 1001)
        assert len(core.all("draining")) == 1
        assert sorted(closed.session.station_id for closed in core.all("closed")) == ["CS1", "CS2"]

    async def test_calls_and_commands_under_way_are_finished(self, core: FakeCore) -> None:
        from citrine.ocpp.v2 import provisioning_pb2

        core.reply = lambda call: None
        async with running_edge(core) as edge, edge.station() as station:
            ref = (await core.next("opened")).session
            reset = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE)
            core.command(ref, "c1", reset)
            await station.receive()
            await station.send([2, "m1", "Heartbeat", {}])
            call = await core.next("call")
            edge.stop()
            await core.next("draining")
            core.command(ref, "c2", reset)
            failure = await core.next("command_failure")
            core.answer(call, default_reply(call))
            assert (await station.receive())[:2] == [3, "m1"]
            await station.send([3, "c1", {"status": "Accepted"}])
            await station.websocket.wait_closed()

        assert (failure.id, failure.reason) == ("c2", pb.CommandFailure.REASON_GONE)
        assert (await core.next("command_result")).id == "c1"
        assert station.websocket.close_code == 1001

    async def test_it_ends_though_a_core_does_not_answer(self, core: FakeCore) -> None:
        from datetime import timedelta

        core.reply = lambda call: None
        async with running_edge(core, drain_time=timedelta(seconds=0.2)) as edge, edge.station() as station:
            await station.send([2, "m1", "Heartbeat", {}])
            await core.next("call")
            edge.stop()

            await station.websocket.wait_closed()
            async with asyncio.timeout(WAIT):
                await edge.task

        assert station.websocket.close_code == 1001

    async def test_links_that_come_up_meanwhile_hear_of_it(self, core: FakeCore) -> None:
        core.reply = lambda call: None
        async with running_edge(core) as edge, edge.station() as station:
            await station.send([2, "m1", "Heartbeat", {}])
            await core.next("call")
            edge.stop()
            await core.next("draining")
            core.reply = default_reply
            core.link.end()

            await core.next("draining")
            assert (await station.receive())[:2] == [3, "m1"]


async def test_socket_is_closed_however_long_the_reason_is(
    core: FakeCore, edge: RunningEdge, station: RawStation
) -> None:
    ref = (await core.next("opened")).session
    core.send(disconnect=pb.Disconnect(session=ref, code=1000, reason="ä" * 100))
    await station.websocket.wait_closed()

    assert (station.websocket.close_code, station.websocket.close_reason) == (1000, "ä" * 61)
