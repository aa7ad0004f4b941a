"""Commands whose link or edge is gone: how they end, and when they go on."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import commands_pb2 as pb
from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import provisioning_pb2
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.clock import utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.dispatch import Item
from citrine_core.link import Link
from citrine_core.resources.commands.orphans import OrphanedCommands
from citrine_core.resources.commands.pending import Pending, PendingCommands
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession, timestamp
from tests.support.waiting import PAUSE

RESET = ocpp.ResetRequest(type=ocpp.RESET_ENUM_IMMEDIATE)
ACCEPTED = ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_ACCEPTED)
BOOT = ocpp.BootNotificationRequest(
    reason=ocpp.BOOT_REASON_ENUM_POWER_UP,
    charging_station=ocpp.ChargingStation(model="M", vendor_name="V"),
)

SOON = 10.0
"""Seconds in which a command has to end whose timeout is a minute."""

MAY_HAVE_ARRIVED = "the connection broke before the station answered, the message may have arrived"


def reset(core: RunningCore, **fields: Any) -> "asyncio.Future[Any]":
    target = common.CommandTarget(station_id="CS-1", timeout=Duration(seconds=60), **fields)
    stub = core.stub(ProvisioningServiceStub)
    return asyncio.ensure_future(stub.Reset(provisioning_pb2.ResetRequest(target=target, request=RESET)))


async def online(edge: FakeEdge) -> FakeSession:
    session = await edge.connect("CS-1", PASSWORD)
    await session.call(BOOT)
    return session


def sent(command: link.Command) -> link.Upstream:
    return link.Upstream(command_sent=link.CommandSent(id=command.id, send_time=timestamp(), session=command.session))


async def reopen(edge: FakeEdge, *command_ids: str) -> None:
    """Link again, as an edge whose stream was cut, with these commands in hand."""
    sessions = edge.sessions.values()
    hello = link.Hello(edge_id=edge.edge_id, sessions=sessions, link_revision=1, command_ids=command_ids)
    await edge.open(hello=hello)


async def failure(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str]:
    """Return how a call fails that has to fail soon."""
    async with asyncio.timeout(SOON):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
    return raised.value.code(), raised.value.details() or ""


async def stored(core: RunningCore) -> tuple[int, str]:
    """Return state and code of the one command."""
    listed = await core.stub(CommandsServiceStub).ListCommands(pb.ListCommandsRequest())
    (command,) = listed.commands
    return command.state, command.error_code


@pytest.mark.parametrize("written", [True, False], ids=["written", "nothing known"])
async def test_a_killed_edge_ends_its_commands_soon(core: RunningCore, written: bool) -> None:
    """The caller waited 32 seconds, and was told that the station did not answer."""
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await online(edge)
        call = reset(core)
        command = await edge.next("command")
        if written:
            edge.put(sent(command))
            # What comes behind it shows that it was read.
            await session.call(BOOT)
        await edge.break_off()

        assert await failure(call) == (grpc.StatusCode.UNAVAILABLE, MAY_HAVE_ARRIVED)
    assert await stored(core) == (common.COMMAND_STATE_FAILED, "ConnectionLost")


async def test_an_edge_whose_stream_was_cut_reports_the_answer(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command goes on, for as long as the station may take."""
    monkeypatch.setattr("citrine_core.resources.commands.orphans.GRACE", 2.0)
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await online(edge)
        call = reset(core)
        command = await edge.next("command")
        edge.put(sent(command))
        await edge.break_off()
        await reopen(edge, command.id)
        loop = asyncio.get_running_loop()
        # Longer than an edge that does not come back is waited for.
        end = loop.time() + 2.5
        while loop.time() < end:
            await session.call(BOOT)
            await asyncio.sleep(0.05)
        edge.put(link.Upstream(command_result=edge.result(command, ACCEPTED)))

        async with asyncio.timeout(SOON):
            assert (await call).response == ACCEPTED


async def test_what_never_reached_the_edge_has_not_arrived(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        call = reset(core)
        await edge.next("command")
        await edge.break_off()
        await reopen(edge)

        assert await failure(call) == (grpc.StatusCode.UNAVAILABLE, "the station is not connected")
    assert await stored(core) == (common.COMMAND_STATE_FAILED, "NotConnected")


async def test_what_never_reached_the_edge_waits_on_where_its_caller_wanted_that(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        call = reset(core, when_online=True)
        await edge.next("command")
        await edge.break_off()
        await reopen(edge)
        edge.on_command = lambda command: ACCEPTED

        async with asyncio.timeout(SOON):
            assert (await call).command.state == common.COMMAND_STATE_QUEUED
            again = await edge.next("command")
            while await stored(core) != (common.COMMAND_STATE_ANSWERED, ""):
                await asyncio.sleep(PAUSE)
    assert again.request.reset == RESET


async def test_a_clock_that_is_set_back_makes_no_command_one_that_never_arrived(
    unit_of_work: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said to have never arrived is sent again."""
    monkeypatch.setattr("citrine_core.resources.commands.orphans.SURELY_LISTED", timedelta(0))
    times, ends, pending = [utc_now()], list[Item](), PendingCommands()
    orphans = OrphanedCommands(unit_of_work, lambda: times[-1], pending, ends.append)
    future = asyncio.get_running_loop().create_future()
    pending.add(Pending("default", "CS-1", "C-1", 1, "request", Link("edge-1", ""), future))

    times.append(times[0] - timedelta(hours=1))
    orphans.link_added(Link("edge-1", "", command_ids=frozenset()))

    assert [end.content.reason for end in ends] == [link.CommandFailure.REASON_LOST]


async def test_an_older_edge_that_comes_back_may_have_the_command(core: RunningCore) -> None:
    """It does not say which commands it has; it reports how they end."""
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        call = reset(core)
        command = await edge.next("command")
        await edge.break_off()
        await edge.open()
        edge.put(link.Upstream(command_result=edge.result(command, ACCEPTED)))

        async with asyncio.timeout(SOON):
            assert (await call).response == ACCEPTED


async def test_a_station_that_connects_elsewhere_ends_what_its_old_edge_had(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.resources.commands.orphans.GRACE", 60.0)
    await core.add_station("CS-1")
    async with core.edge("edge-1") as old, core.edge("edge-2") as new:
        await online(old)
        call = reset(core)
        await old.next("command")
        await old.break_off()
        await new.connect("CS-1", PASSWORD)

        assert await failure(call) == (grpc.StatusCode.UNAVAILABLE, MAY_HAVE_ARRIVED)


async def test_an_edge_that_stands_still_does_not_hold_up_a_command(core: RunningCore) -> None:
    """Its link is up, and its station has connected elsewhere: nobody will report anything."""
    await core.add_station("CS-1")
    async with core.edge("edge-1") as frozen, core.edge("edge-2") as new:
        await online(frozen)
        call = reset(core)
        await frozen.next("command")
        await new.connect("CS-1", PASSWORD)

        assert await failure(call) == (grpc.StatusCode.UNAVAILABLE, MAY_HAVE_ARRIVED)


async def test_another_core_lets_the_station_in(
    core: RunningCore, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.resources.commands.orphans.GRACE", 60.0)
    await core.add_station("CS-1")
    url = core.core.settings.database
    async with (
        running_core(url, tmp_path_factory.mktemp("other")) as other,
        core.edge("edge-1") as old,
        other.edge("edge-2") as new,
    ):
        await online(old)
        call = reset(core)
        await old.next("command")
        await old.break_off()
        await new.connect("CS-1", PASSWORD)

        assert await failure(call) == (grpc.StatusCode.UNAVAILABLE, MAY_HAVE_ARRIVED)


async def test_a_command_that_finds_its_link_gone_was_not_sent(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended between the look at the connection and the sending."""
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)

        async def cut(tenant_id: str, station_id: str, payload: dict[str, Any]) -> dict[str, Any]:
            await edge.break_off()
            await core.core.links.gone()
            return payload

        monkeypatch.setattr(core.core.registry, "translations", [cut])

        assert await failure(reset(core)) == (grpc.StatusCode.UNAVAILABLE, "the station is not connected")


async def test_what_waits_to_be_written_when_the_link_ends_was_not_sent(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        (held,) = core.core.links
        taken = held.batch

        async def stuck() -> link.LinkResponse:
            await asyncio.Event().wait()
            return await taken()

        held.batch = stuck  # type: ignore[method-assign]  # an edge that does not read
        held.send(link.Downstream(alive=link.Alive()))
        await edge.next("alive")
        call = reset(core)
        while not held.unsent_commands():
            await asyncio.sleep(0)
        await edge.break_off()

        assert await failure(call) == (grpc.StatusCode.UNAVAILABLE, "the station is not connected")
