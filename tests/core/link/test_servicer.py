"""Tests of the link: who may open it, what it says first, calls and their answers."""

from datetime import UTC, datetime

import grpc
import pytest

from citrine.edge.v1 import link_pb2 as link
from citrine.edge.v1.link_pb2_grpc import EdgeLinkServiceStub
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.provisioning_pb2 import (
    BOOT_REASON_ENUM_POWER_UP,
    REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootNotificationRequest,
    ChargingStation,
)
from citrine_core.link.servicer import ALIVE_INTERVAL
from citrine_core.resources.connections import EdgeRepository
from tests.support.core import CREDENTIAL, PASSWORD, RunningCore
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


async def test_an_edge_that_stands_still_before_its_hello_is_no_defect(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("citrine_core.link.servicer.HELLO_TIMEOUT", 0.1)
    async with grpc.aio.insecure_channel(core.address) as channel:
        stream = EdgeLinkServiceStub(channel).Link(metadata=[("authorization", f"Bearer {CREDENTIAL}")])
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stream.read()
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not [record for record in caplog.records if record.exc_info]


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


async def test_a_core_that_has_nothing_to_say_says_that_it_lives(core: RunningCore) -> None:
    async with grpc.aio.insecure_channel(core.address) as channel:
        edge = FakeEdge(channel, CREDENTIAL, "edge-1")
        await edge.open(hello=link.Hello(edge_id="edge-1", link_revision=1))

        assert edge.welcome.alive_interval.ToTimedelta() == ALIVE_INTERVAL
        await edge.next("alive")
        await edge.break_off()


async def test_an_older_edge_is_not_told_what_it_does_not_understand(core: RunningCore) -> None:
    async with core.edge() as edge:
        assert not edge.welcome.HasField("alive_interval")


async def test_hello_in_pages_is_one(core: RunningCore) -> None:
    """A stale session on the last page is found, and what stands behind the pages is read."""
    await core.add_station("CS-1")
    await core.add_station("CS-2")
    async with core.edge("edge-2") as other, grpc.aio.insecure_channel(core.address) as channel:
        edge = FakeEdge(channel, CREDENTIAL, "edge-1")
        await edge.open()
        kept, stale = await edge.connect("CS-1", PASSWORD), await edge.connect("CS-2", PASSWORD)
        await kept.call(HeartbeatRequest())
        await edge.break_off()
        await (await other.connect("CS-2", PASSWORD)).call(HeartbeatRequest())
        pages = [
            link.Upstream(hello_page=link.HelloPage(sessions=[edge.sessions["default", "CS-1"]])),
            link.Upstream(hello_page=link.HelloPage(sessions=[edge.sessions["default", "CS-2"]], is_last=True)),
        ]
        stream = EdgeLinkServiceStub(channel).Link(metadata=[("authorization", f"Bearer {CREDENTIAL}")])
        metadata = await stream.initial_metadata()
        hello = link.Hello(edge_id="edge-1", link_revision=1, has_more=True)
        for item in [link.Upstream(hello=hello), *pages]:
            await stream.write(link.LinkRequest(items=[item]))
        first = await stream.read()
        assert isinstance(first, link.LinkResponse)
        welcome = first.items[0].welcome
        stream.cancel()

    assert ("citrine-link-revision", "1") in [tuple(pair) for pair in metadata]
    assert list(welcome.stale_sessions) == [stale.ref]


async def test_pages_that_do_not_come_are_an_error_of_the_edge(core: RunningCore) -> None:
    async with grpc.aio.insecure_channel(core.address) as channel:
        stream = EdgeLinkServiceStub(channel).Link(metadata=[("authorization", f"Bearer {CREDENTIAL}")])
        hello = link.Hello(edge_id="edge-1", link_revision=1, has_more=True)
        for item in (link.Upstream(hello=hello), link.Upstream(draining=link.Draining())):
            await stream.write(link.LinkRequest(items=[item]))

        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stream.read()
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_slow_database_does_not_keep_an_edge_from_its_welcome(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds is looked at later, before anything else that it says."""
    monkeypatch.setattr("citrine_core.link.servicer.RECONCILE_TIME", 0.1)
    await core.add_station("CS-1")
    async with core.edge("edge-1") as first, core.edge("edge-2") as second:
        stale = await first.connect("CS-1", PASSWORD)
        await stale.call(HeartbeatRequest())
        await first.break_off()
        newer = await second.connect("CS-1", PASSWORD)
        await newer.call(HeartbeatRequest())
        async with core.core.unit_of_work() as slow:
            await EdgeRepository(slow.session).see_all({"edge-1": ("", "of somebody else")}, datetime.now(UTC))
            await slow.rehearse()
            await first.open()
            assert first.welcome.serving
            assert not first.welcome.stale_sessions

        assert (await first.next("disconnect")).session == stale.ref
