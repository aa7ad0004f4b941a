"""Several cores, lost ones, and none at all."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.v2 import availability_pb2, provisioning_pb2
from citrine_edge.config import EdgeSettings
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import NOW, STATION_ACTIONS, FakeCore, default_reply, fake_core
from tests.support.raw_station import RawStation

HEARTBEAT = availability_pb2.HeartbeatResponse(current_time=NOW)
RESET = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE)
STATUS = {"timestamp": "2025-01-31T12:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


def port_of(core: FakeCore) -> int:
    return int(core.address.rpartition(":")[2])


async def test_stations_are_spread_over_cores_and_stay_where_they_are() -> None:
    async with (
        fake_core(FakeCore(core_id="A")) as first,
        fake_core(FakeCore(core_id="B")) as second,
        running_edge(first, second) as edge,
    ):
        for number in range(40):
            async with edge.station(f"CS{number}") as station:
                await station.ask("Heartbeat", {})
                await station.ask("Heartbeat", {})

    stations = [[call.session.station_id for call in core.all("call")] for core in (first, second)]
    assert len(stations[0]) + len(stations[1]) == 80
    assert 8 < len(set(stations[0])) < 32
    assert not set(stations[0]) & set(stations[1])


async def test_action_goes_to_a_core_that_serves_it() -> None:
    """A core with a subset of blocks gets what is its own; a block is scaled by starting more of it."""
    async with (
        fake_core(FakeCore(core_id="A", actions=frozenset({"Heartbeat"}))) as hearts,
        fake_core(FakeCore(core_id="B", actions=STATION_ACTIONS - {"Heartbeat"})) as rest,
        running_edge(hearts, rest) as edge,
    ):
        for number in range(10):
            async with edge.station(f"CS{number}") as station:
                assert (await station.ask("Heartbeat", {}))[0] == 3
                assert (await station.ask("StatusNotification", STATUS))[0] == 3

    assert {call.request.WhichOneof("message") for call in hearts.all("call")} == {"heartbeat"}
    assert {call.request.WhichOneof("message") for call in rest.all("call")} == {"status_notification"}


async def test_call_of_a_lost_core_is_sent_again_to_another() -> None:
    cores = [FakeCore(core_id=name, reply=lambda call: None) for name in "AB"]
    async with (
        fake_core(cores[0]) as first,
        fake_core(cores[1]) as second,
        running_edge(first, second) as edge,
        edge.station() as station,
    ):
        await station.send([2, "m1", "Heartbeat", {}])
        await edge.until(lambda: any(core.all("call") for core in cores))
        lost, other = sorted(cores, key=lambda core: not core.all("call"))
        lost.link.end()

        again = await other.next("call")
        other.answer(again, HEARTBEAT)

        assert (await station.receive())[:2] == [3, "m1"]
        first_try = lost.all("call")[0]
        assert (again.resent, first_try.resent) == (True, False)
        # A core tells a repetition by what the edge calls it.
        again.resent = False
        assert again == first_try


async def test_call_is_held_until_the_core_is_back(core: FakeCore, edge: RunningEdge, station: RawStation) -> None:
    core.reply = lambda call: None
    await station.send([2, "m1", "Heartbeat", {}])
    await core.next("call")
    core.reply = default_reply

    core.link.end()

    assert (await station.receive())[:2] == [3, "m1"]
    await core.linked(2)
    hello = core.link.hello
    assert not hello.linked_core_ids
    assert [held.session.station_id for held in hello.sessions] == ["CS1"]
    assert hello.sessions[0].version == pb.OCPP_VERSION_201
    assert hello.sessions[0].HasField("open_time")
    assert len(core.all("call")) == 2


async def test_core_that_can_not_commit_gets_its_calls_again_when_it_can(
    core: FakeCore, edge: RunningEdge, station: RawStation
) -> None:
    core.reply = lambda call: None
    await station.send([2, "m1", "Heartbeat", {}])
    first = await core.next("call")
    core.send(serving=pb.Serving(serving=False))
    core.send(serving=pb.Serving(serving=True))

    again = await core.next("call")
    core.answer(again, HEARTBEAT)
    core.answer(first, HEARTBEAT)

    assert again.id == first.id
    assert (await station.receive())[:2] == [3, "m1"]
    core.reply = default_reply
    assert (await station.ask("StatusNotification", STATUS, "m2"))[:2] == [3, "m2"]


async def test_answer_that_comes_in_an_outage_is_still_given(
    core: FakeCore, edge: RunningEdge, station: RawStation
) -> None:
    core.reply = lambda call: None
    await station.send([2, "m1", "Heartbeat", {}])
    call = await core.next("call")
    core.send(serving=pb.Serving(serving=False))
    core.answer(call, HEARTBEAT)

    assert (await station.receive())[:2] == [3, "m1"]


async def test_outage_closes_each_socket_once_and_refuses_handshakes_until_a_core_serves(
    core: FakeCore, edge: RunningEdge
) -> None:
    async with edge.station("CS1") as first, edge.station("CS2") as second:
        core.send(serving=pb.Serving(serving=False))
        await edge.until(lambda: not edge.edge.router.available)
        await first.send([2, "m1", "Heartbeat", {}])

        refusal = await edge.refusal("CS3")
        await first.websocket.wait_closed()
        await second.websocket.wait_closed()

        assert refusal.status_code == 503
        assert 5 <= int(refusal.headers["Retry-After"]) <= 15
        assert {first.websocket.close_code, second.websocket.close_code} == {1012}

    assert (await edge.refusal("CS1")).status_code == 503
    core.send(serving=pb.Serving(serving=True))
    await edge.until(lambda: edge.edge.router.available)
    async with edge.station("CS1") as station:
        assert (await station.ask("Heartbeat", {}))[0] == 3
    # What was read before the close was brought to the core after all, then the close.
    assert (await core.next("call")).message_id == "m1"
    assert {closed.session.epoch for closed in core.all("closed")} >= {1, 2}


async def test_short_outage_is_not_noticed(core: FakeCore) -> None:
    async with running_edge(core, edge_hold_time=timedelta(seconds=5)) as edge, edge.station() as station:
        core.send(serving=pb.Serving(serving=False))
        await edge.until(lambda: not edge.edge.router.available)
        await station.send([2, "m1", "Heartbeat", {}])
        core.send(serving=pb.Serving(serving=True))

        assert (await station.receive())[:2] == [3, "m1"]


async def test_sockets_are_closed_one_after_the_other(core: FakeCore) -> None:
    """Over three seconds by default, so that stations do not all come back at once."""
    spread: timedelta = EdgeSettings.model_fields["edge_close_spread"].default
    assert spread >= timedelta(seconds=3)
    async with running_edge(core, edge_close_spread=spread) as edge, contextlib.AsyncExitStack() as stack:
        stations = [await stack.enter_async_context(edge.station(f"CS{number}")) for number in range(50)]

        async def closed(station: RawStation) -> float:
            await station.websocket.wait_closed()
            assert station.websocket.close_code == 1012
            return asyncio.get_running_loop().time()

        core.send(serving=pb.Serving(serving=False))
        times = sorted(await asyncio.gather(*map(closed, stations)))

    assert times[-1] - times[0] > spread.total_seconds() / 2


async def test_core_that_comes_back_in_time_spares_the_other_sockets(core: FakeCore) -> None:
    async with (
        running_edge(core, edge_hold_time=timedelta(seconds=0.1), edge_close_spread=timedelta(seconds=60)) as edge,
        edge.station() as station,
    ):
        core.send(serving=pb.Serving(serving=False))
        await edge.until(lambda: not edge.edge.router.available)
        await edge.until(lambda: edge.edge.router._availability._closed)
        core.send(serving=pb.Serving(serving=True))

        assert (await station.ask("Heartbeat", {}))[0] == 3


async def test_lost_action_costs_only_the_stations_that_need_it() -> None:
    async with (
        fake_core(FakeCore(core_id="A", actions=STATION_ACTIONS - {"Heartbeat"})) as rest,
        fake_core(FakeCore(core_id="B", actions=frozenset({"Heartbeat"}))) as hearts,
        running_edge(rest, hearts) as edge,
        edge.station("CS1") as first,
        edge.station("CS2") as second,
    ):
        hearts.send(serving=pb.Serving(serving=False))
        await edge.until(lambda: not all(link.serving for link in edge.edge.router.links))

        await first.send([2, "m1", "Heartbeat", {}])
        assert (await second.ask("StatusNotification", STATUS))[0] == 3
        await first.websocket.wait_closed()
        assert (await second.ask("StatusNotification", STATUS))[0] == 3

        assert first.websocket.close_code == 1012


async def test_draining_core_gets_no_new_calls_and_still_answers() -> None:
    cores = {name: FakeCore(core_id=name, reply=lambda call: None) for name in "AB"}
    async with (
        fake_core(cores["A"]) as first,
        fake_core(cores["B"]) as second,
        running_edge(first, second) as edge,
        edge.station() as station,
    ):
        await station.send([2, "m1", "Heartbeat", {}])
        await edge.until(lambda: any(core.all("call") for core in cores.values()))
        draining, other = sorted(cores.values(), key=lambda core: not core.all("call"))
        draining.send(draining=pb.CoreDraining())
        draining.answer(await draining.next("call"), HEARTBEAT)
        await station.receive()
        await station.send([2, "m2", "Heartbeat", {}])

        assert (await other.next("call")).message_id == "m2"


async def test_calls_of_a_core_that_stands_still_go_to_another() -> None:
    """It promised signs of life, and gives none; nothing else shows that it is stopped."""
    cores = [FakeCore(core_id=name, reply=lambda call: None, alive_interval=0.2) for name in "AB"]
    async with (
        fake_core(cores[0]) as first,
        fake_core(cores[1]) as second,
        running_edge(first, second, edge_hold_time=timedelta(seconds=10)) as edge,
        edge.station() as station,
    ):
        await station.send([2, "m1", "Heartbeat", {}])
        await edge.until(lambda: any(core.all("call") for core in cores))
        frozen, other = sorted(cores, key=lambda core: not core.all("call"))
        frozen.stands_still = True

        other.answer(await other.next("call"), HEARTBEAT)

        assert (await station.receive())[:2] == [3, "m1"]
        assert len(other.links) == 1
        frozen.stands_still = False
        await frozen.linked(2)


async def test_core_that_is_slow_and_lives_keeps_its_calls() -> None:
    """A slow database is no dead core: nothing is sent again, and the station gets its answer."""
    core = FakeCore(reply=lambda call: None, alive_interval=0.2)
    async with fake_core(core), running_edge(core) as edge, edge.station() as station:
        await station.send([2, "m1", "Heartbeat", {}])
        call = await core.next("call")
        loop = asyncio.get_running_loop()
        # Twice as long as it may be silent.
        end = loop.time() + 1.6
        await edge.until(lambda: loop.time() > end)
        core.answer(call, HEARTBEAT)

        assert (await station.receive())[:2] == [3, "m1"]
    assert (len(core.links), len(core.all("call"))) == (1, 1)


async def test_core_that_promises_no_sign_of_life_may_be_silent(core: FakeCore, edge: RunningEdge) -> None:
    """Cores from before link revision 1 send none."""
    core.reply = lambda call: None
    async with edge.station() as station:
        await station.send([2, "m1", "Heartbeat", {}])
        call = await core.next("call")
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.5
        await edge.until(lambda: loop.time() > end)
        core.answer(call, HEARTBEAT)

        assert (await station.receive())[:2] == [3, "m1"]
    assert len(core.links) == 1


async def test_news_of_a_command_wait_for_the_core_that_sent_it(core: FakeCore, edge: RunningEdge) -> None:
    async with edge.station() as station:
        core.command((await core.next("opened")).session, "c1", RESET)
        await station.receive()
        core.link.end()
        await edge.until(lambda: not edge.edge.router.links[0].up)
        await station.send([3, "c1", {"status": "Accepted"}])

        assert (await core.next("command_result")).id == "c1"
    assert len(core.links) == 2


async def test_news_of_a_command_go_elsewhere_if_its_core_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_edge.reports.PATIENCE", 0.2)
    async with (
        fake_core(FakeCore(core_id="B")) as second,
        fake_core(FakeCore(core_id="A")) as first,
        running_edge(first, second) as edge,
        edge.station() as station,
    ):
        await edge.until(lambda: first.all("opened") or second.all("opened"))
        ref = (first.all("opened") + second.all("opened"))[0].session
        first.command(ref, "c1", RESET)
        await station.receive()
        await first.next("command_sent")
        first.credential = "another"
        first.link.end()
        await edge.until(lambda: not all(link.up for link in edge.edge.router.links))
        await station.send([3, "c1", {"status": "Accepted"}])

        assert (await second.next("command_result")).id == "c1"


async def test_admission_of_a_lost_core_is_asked_again_elsewhere() -> None:
    cores = [FakeCore(core_id=name, decide=lambda admit: False) for name in "AB"]
    async with fake_core(cores[0]) as first, fake_core(cores[1]) as second, running_edge(first, second) as edge:

        async def heartbeat() -> Any:
            async with edge.station() as station:
                return await station.ask("Heartbeat", {})

        opening = asyncio.create_task(heartbeat())
        await edge.until(lambda: any(core.all("admit") for core in cores))
        lost, other = sorted(cores, key=lambda core: not core.all("admit"))
        other.decide = lambda admit: True
        lost.link.end()

        assert (await opening)[0] == 3
        assert other.all("admit")[0].id == lost.all("admit")[0].id


async def test_handshake_that_no_core_decides_is_refused_with_503(core: FakeCore) -> None:
    core.decide = lambda admit: False
    async with running_edge(core, ocpp_handshake_timeout=timedelta(seconds=3)) as edge:
        assert (await edge.refusal()).status_code == 503

        # The core grants it all the same, later: it must hear that nobody is there.
        admit = core.all("admit")[0]
        ref = pb.SessionRef(tenant_id="default", station_id="CS1", epoch=7)
        core.send(admitted=pb.Admitted(id=admit.id, session=ref))
        assert (await core.next("closed")).session == ref


async def test_edge_without_a_core_refuses_and_lets_in_when_there_is_one() -> None:
    core = FakeCore()
    async with fake_core(core) as gone:
        port = port_of(gone)
    async with running_edge_unlinked(gone) as edge:
        assert (await edge.refusal()).status_code == 503
        async with fake_core(FakeCore(), port):
            await edge.until(lambda: edge.edge.router.available)
            async with edge.station() as station:
                assert (await station.ask("Heartbeat", {}))[0] == 3


async def test_an_edge_that_starts_before_its_core_has_no_error_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    """Stations are refused, which is worth a warning; nothing was there that could be lost."""
    core = FakeCore()
    async with fake_core(core) as gone:
        port = port_of(gone)
    caplog.set_level("INFO")
    async with running_edge_unlinked(gone) as edge:
        await edge.until(lambda: "no core serves" in caplog.text)
        async with fake_core(FakeCore(), port):
            await edge.until(lambda: edge.edge.router.available)

            levels = {record.message.partition(":")[0]: record.levelname for record in caplog.records}
            assert levels["no core serves"] == "WARNING"
            assert "ERROR" not in levels.values()
            caplog.clear()
        # Now it is an outage.
        await edge.until(lambda: "no core serves" in caplog.text)

    assert [record.levelname for record in caplog.records if "no core serves" in record.message] == ["ERROR"]


def running_edge_unlinked(core: FakeCore) -> Any:
    return running_edge(core, linked=False)


async def test_hello_names_the_cores_that_are_linked(core: FakeCore) -> None:
    async with (
        fake_core(FakeCore(core_id="B", credential="another")) as second,
        running_edge(core, second, linked=False) as edge,
    ):
        await edge.until(lambda: edge.edge.router.available)
        second.credential = "secret"
        await second.linked()

        assert list(second.link.hello.linked_core_ids) == ["core-1"]


async def test_core_that_comes_and_goes_costs_a_station_one_socket(core: FakeCore) -> None:
    """After an outage it is let in when a core has served for a while, and not each time that one does."""
    settle, hold = timedelta(seconds=1), timedelta(seconds=0.2)
    async with running_edge(core, edge_hold_time=hold, edge_settle_time=settle) as edge:
        async with edge.station() as station:
            core.send(serving=pb.Serving(serving=False))
            await station.websocket.wait_closed()
        statuses = []
        loop = asyncio.get_running_loop()
        for _ in range(3):
            core.send(serving=pb.Serving(serving=True))
            await edge.until(lambda: edge.edge.router.serving)
            statuses.append((await edge.refusal()).status_code)
            core.send(serving=pb.Serving(serving=False))
            await edge.until(lambda: not edge.edge.router.serving)
            statuses.append((await edge.refusal()).status_code)
        core.send(serving=pb.Serving(serving=True))
        began = loop.time()
        await edge.until(lambda: edge.edge.router.available)

        assert loop.time() - began > 0.9
        assert statuses == [503] * 6
        async with edge.station() as station:
            assert (await station.ask("Heartbeat", {}))[0] == 3
    assert len(core.all("opened")) == 2
