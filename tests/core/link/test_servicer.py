"""Tests of the link: who may open it, what it says first, calls and their answers."""

from datetime import UTC, datetime

import grpc
import pytest

from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.provisioning_pb2 import (
    BOOT_REASON_ENUM_POWER_UP,
    REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootNotificationRequest,
    ChargingStation,
)
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, fake_edge

BOOT = BootNotificationRequest(
    reason=BOOT_REASON_ENUM_POWER_UP, charging_station=ChargingStation(model="M", vendor_name="V")
)


async def test_an_edge_without_the_credential_is_not_let_in(core: RunningCore) -> None:
    with pytest.raises(AssertionError, match="UNAUTHENTICATED"):
        async with fake_edge(core.address, "a guess"):
            pass


async def test_the_welcome_names_the_served_actions(core: RunningCore) -> None:
    async with core.edge() as edge:
        welcome = edge.welcome

    assert welcome.core_id == core.core.core_id
    assert welcome.serving
    assert {"BootNotification", "Heartbeat", "TransactionEvent"} <= set(welcome.actions)


async def test_a_station_boots_and_sends_heartbeats(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)

        booted = await session.call(BOOT)
        heartbeat = await session.call(HeartbeatRequest())

    assert booted.status == REGISTRATION_STATUS_ENUM_ACCEPTED
    assert abs(heartbeat.current_time.ToDatetime(UTC) - datetime.now(UTC)).total_seconds() < 10


async def test_a_link_without_hello_is_refused(core: RunningCore) -> None:
    async with grpc.aio.insecure_channel(core.address) as channel:
        edge = FakeEdge(channel, "credential of the edge link", "edge-1")
        with pytest.raises(AssertionError, match="INVALID_ARGUMENT"):
            await edge.open(hello=link.Hello(edge_id=""))
        await edge.break_off()


async def test_an_edge_that_dials_another_address_of_the_core_keeps_its_link(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-1") as edge, grpc.aio.insecure_channel(core.address) as channel:
        session = await edge.connect("CS-1", PASSWORD)
        twin = FakeEdge(channel, "credential of the edge link", "edge-1")
        await twin.open(hello=link.Hello(edge_id="edge-1", linked_core_ids=[edge.welcome.core_id]))

        assert twin.welcome.core_id == edge.welcome.core_id
        assert await twin.ended() == grpc.StatusCode.OK
        assert await session.call(HeartbeatRequest())
        await twin.break_off()
