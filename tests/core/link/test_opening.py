"""Tests of sessions of which something is heard, or wanted, before the report that they opened is stored."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import select, update

from citrine.api.v1 import connections_pb2, connections_pb2_grpc, provisioning_pb2
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine_core.events import OutboxEvent
from citrine_core.resources.connections import Connection
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession, timestamp
from tests.support.waiting import PAUSE, WAIT

BOOT = ocpp.BootNotificationRequest(
    reason=ocpp.BOOT_REASON_ENUM_POWER_UP,
    charging_station=ocpp.ChargingStation(model="M", vendor_name="V"),
)


def accept(command: link.Command) -> ocpp.ResetResponse:
    """Answer as a station that resets."""
    return ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_ACCEPTED)


async def admit(edge: FakeEdge, station_id: str = "CS-1") -> FakeSession:
    """Have a station admitted, and do not report that its websocket opened."""
    admitted = await edge.admit(station_id, PASSWORD)
    assert isinstance(admitted, link.Admitted), admitted
    return FakeSession(edge, admitted.session, admitted)


def report(session: FakeSession) -> None:
    """Report that a websocket opened."""
    opened = link.Opened(
        session=session.ref, version=link.OCPP_VERSION_21, open_time=timestamp(), remote_address="192.0.2.1"
    )
    session.edge.put(link.Upstream(opened=opened))


async def reset(core: RunningCore) -> Any:
    """Have the station reset."""
    stub: Any = core.stub(ProvisioningServiceStub)
    return await stub.Reset(
        provisioning_pb2.ResetRequest(
            target=CommandTarget(station_id="CS-1"), request=ocpp.ResetRequest(type=ocpp.RESET_ENUM_IMMEDIATE)
        )
    )


async def events(core: RunningCore) -> list[str]:
    """Return the kinds of the events about the session, in order."""
    async with core.core.unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(select(OutboxEvent).order_by(OutboxEvent.id))
        kinds = [Event.FromString(row.payload).WhichOneof("body") or "" for row in rows]
    return [kind for kind in kinds if kind in ("station_connected", "station_disconnected")]


async def test_a_station_whose_boot_was_answered_gets_a_command_by_any_core(database_url: str, tmp_path: Path) -> None:
    """The report that it opened goes to another core than its messages, and comes later."""
    async with running_core(database_url, tmp_path) as slow, running_core(database_url, tmp_path) as quick:
        await slow.add_station("CS-1")
        async with slow.edge() as first, quick.edge() as second:
            first.on_command = second.on_command = accept
            admitted = await admit(first)
            session = FakeSession(second, admitted.ref, admitted.admitted)
            await session.call(BOOT)
            stub = slow.stub(connections_pb2_grpc.ConnectionsServiceStub)
            shown = await stub.GetConnection(connections_pb2.GetConnectionRequest(station_id="CS-1"))
            answers = [await reset(core) for core in (slow, quick)]

            report(admitted)
            await admitted.call(HeartbeatRequest())

        assert [answer.response.status for answer in answers] == [ocpp.RESET_STATUS_ENUM_ACCEPTED] * 2
        assert (shown.edge_id, shown.ocpp_version, shown.remote_address) == ("edge-1", "2.1", "192.0.2.1")
        assert shown.HasField("open_time")
        assert await events(slow) == ["station_connected"]


async def test_a_command_reaches_a_station_whose_websocket_has_only_just_opened(core: RunningCore) -> None:
    """Its edge knows; the core may not have stored yet what the edge reports."""
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        edge.on_command = accept
        session = await admit(edge)
        answer = await reset(core)
        report(session)
        await session.call(HeartbeatRequest())

    assert answer.response.status == ocpp.RESET_STATUS_ENUM_ACCEPTED
    assert await events(core) == ["station_connected"]


async def test_a_command_to_a_session_that_did_not_open_fails_as_its_edge_says(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        edge.on_command = lambda command: link.CommandFailure(reason=link.CommandFailure.REASON_GONE)
        await admit(edge)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reset(core)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.value.details() == "the station is not connected"


@pytest.mark.in_turn
@pytest.mark.parametrize("end", ["closed", "never opened"])
async def test_a_session_that_is_not_open_any_more_gets_no_command(core: RunningCore, end: str) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        edge.on_command = accept
        session = await admit(edge)
        if end == "closed":
            await close(core, session)
        else:
            async with core.core.unit_of_work() as work:
                before = datetime.now(UTC) - timedelta(minutes=1)
                await work.session.execute(update(Connection).values(admit_time=before))
                await work.commit()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reset(core)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert edge.commands == []


async def test_a_message_that_comes_after_the_close_opens_nothing(core: RunningCore) -> None:
    """Another core may store the close first."""
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await admit(edge)
        await close(core, session)
        await session.call(BOOT)

    assert await events(core) == ["station_disconnected"]
    assert await is_open(core) is False


async def test_messages_of_a_replaced_session_open_nothing(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        old = await admit(edge)
        new = await admit(edge)
        edge.put_call(old.ref, BOOT)
        await new.call(BOOT)
        report(old)
        report(new)
        await new.call(HeartbeatRequest())

    assert await events(core) == ["station_connected"]
    assert await is_open(core) is True


async def is_open(core: RunningCore) -> bool | None:
    """Return whether the session of the station is stored as open."""
    async with core.core.unit_of_work(read_only=True) as work:
        return await work.session.scalar(select(Connection.is_open))


async def close(core: RunningCore, session: FakeSession) -> None:
    """Close the websocket and wait until that is stored."""
    await session.close(1006)
    async with asyncio.timeout(WAIT):
        while True:
            async with core.core.unit_of_work(read_only=True) as work:
                if await work.session.scalar(select(Connection.close_time)) is not None:
                    return
            await asyncio.sleep(PAUSE)
