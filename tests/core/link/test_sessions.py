"""Tests of sessions: opened, replaced, closed, and compared with what an edge holds."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from sqlalchemy import select, update

from citrine.api.v1 import connections_pb2, connections_pb2_grpc, stations_pb2
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.edge.v1.link_pb2_grpc import EdgeLinkServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.firmware_management_pb2 import FIRMWARE_STATUS_ENUM_IDLE, FirmwareStatusNotificationRequest
from citrine.ocpp.v2.provisioning_pb2 import BOOT_REASON_ENUM_POWER_UP, BootNotificationRequest, ChargingStation
from citrine_core.events import OutboxEvent
from citrine_core.resources.connections import Connection, Edge
from citrine_core.resources.stations.models import StationSighting
from tests.support.core import CREDENTIAL, PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeSession, timestamp
from tests.support.waiting import PAUSE, WAIT


async def connected(core: RunningCore) -> list[str]:
    """Return the stations that the API shows as connected."""
    stub = core.stub(connections_pb2_grpc.ConnectionsServiceStub)
    answer = await stub.ListConnections(connections_pb2.ListConnectionsRequest())
    return [connection.station_id for connection in answer.connections]


async def events(core: RunningCore) -> Sequence[str]:
    """Return the kinds of events of the outbox, in order."""
    async with core.core.unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(select(OutboxEvent).order_by(OutboxEvent.id))
        return [Event.FromString(row.payload).WhichOneof("body") or "" for row in rows]


async def settled(session: FakeSession) -> None:
    """Return once everything that the edge reported before, on stations of the same lane, is stored."""
    # Not a heartbeat, which is answered without a lane.
    await session.call(FirmwareStatusNotificationRequest(status=FIRMWARE_STATUS_ENUM_IDLE))


async def age_admissions(core: RunningCore) -> None:
    """Make all admissions a minute older."""
    async with core.core.unit_of_work() as work:
        await work.session.execute(update(Connection).values(admit_time=datetime.now(UTC) - timedelta(minutes=1)))
        await work.commit()


async def test_an_open_websocket_is_shown_until_it_closes(core: RunningCore) -> None:
    await core.add_station("CS-1")
    await core.add_station("CS-2")
    async with core.edge() as edge:
        first, second = await edge.connect("CS-1", PASSWORD), await edge.connect("CS-2", PASSWORD)
        await settled(first)
        await settled(second)
        both = await connected(core)

        await first.close(1001, "going away")
        await settled(second)
        one = await connected(core)

    assert (both, one) == (["CS-1", "CS-2"], ["CS-2"])
    assert await events(core) == ["station_connected", "station_connected", "station_disconnected"]


async def test_a_connection_says_who_holds_it(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-7") as edge:
        await settled(await edge.connect("CS-1", PASSWORD, version=link.OCPP_VERSION_201))

        stub = core.stub(connections_pb2_grpc.ConnectionsServiceStub)
        shown = await stub.GetConnection(connections_pb2.GetConnectionRequest(station_id="CS-1"))

    assert (shown.edge_id, shown.ocpp_version, shown.epoch, shown.remote_address) == ("edge-7", "2.0.1", 1, "192.0.2.1")
    assert shown.HasField("open_time")


async def test_the_close_of_a_replaced_session_leaves_the_new_one_open(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        old = await edge.connect("CS-1", PASSWORD)
        new = await edge.connect("CS-1", PASSWORD)
        await old.close(1006)
        await settled(new)

        assert await connected(core) == ["CS-1"]


async def test_a_replaced_session_is_answered_nothing(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        old = await edge.connect("CS-1", PASSWORD)
        new = await edge.connect("CS-1", PASSWORD)
        late = edge.put_call(old.ref, HeartbeatRequest())
        await settled(new)

        with pytest.raises(TimeoutError):
            await edge.answer_to(late, limit=0.2)
        assert (await edge.next("disconnect")).session == old.ref


async def test_a_session_on_another_edge_has_the_old_one_closed(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-1") as first, core.edge("edge-2") as second:
        old = await first.connect("CS-1", PASSWORD)
        await settled(old)

        await second.connect("CS-1", PASSWORD)

        disconnect = await first.next("disconnect")
    assert disconnect.session == old.ref


async def test_an_operator_closes_a_connection(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await settled(session)

        stub = core.stub(connections_pb2_grpc.ConnectionsServiceStub)
        await stub.CloseConnection(connections_pb2.CloseConnectionRequest(station_id="CS-1"))

        assert (await edge.next("disconnect")).session == session.ref


async def test_an_edge_that_comes_back_is_told_which_sessions_are_stale(core: RunningCore) -> None:
    await core.add_station("CS-1")
    await core.add_station("CS-2")
    async with core.edge("edge-1") as first, core.edge("edge-2") as second:
        old, kept = await first.connect("CS-1", PASSWORD), await first.connect("CS-2", PASSWORD)
        await settled(kept)
        await first.break_off()
        await settled(await second.connect("CS-1", PASSWORD))

        await first.open()

        assert list(first.welcome.stale_sessions) == [old.ref]
        assert await connected(core) == ["CS-1", "CS-2"]


async def test_what_a_returning_edge_does_not_hold_is_closed(core: RunningCore) -> None:
    await core.add_station("CS-1")
    await core.add_station("CS-2")
    async with core.edge() as edge:
        await edge.connect("CS-1", PASSWORD)
        await settled(await edge.connect("CS-2", PASSWORD))
        await edge.break_off()
        del edge.sessions["default", "CS-1"]
        await age_admissions(core)

        await edge.open()

        assert await connected(core) == ["CS-2"]


async def test_sessions_of_an_edge_that_nobody_hears_of_are_closed_and_come_back_with_it(core: RunningCore) -> None:
    await core.add_station("CS-1")
    presence = core.core.presence
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await settled(session)
        await edge.break_off()
        await core.core.links.gone()
        long_ago = datetime.now(UTC) - timedelta(minutes=1)
        presence.watching_since = long_ago
        async with asyncio.timeout(WAIT):
            # The core may just be storing by itself that it heard of the edge.
            while await connected(core):
                async with core.core.unit_of_work() as work:
                    await work.session.execute(update(Edge).values(last_seen_time=long_ago))
                    await work.commit()
                await presence.store_edges()
                await asyncio.sleep(PAUSE)
        await edge.open()

        assert await connected(core) == ["CS-1"]
    assert await events(core) == ["station_connected", "station_disconnected", "station_connected"]


async def test_a_core_that_just_started_gives_up_no_edge(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await settled(await edge.connect("CS-1", PASSWORD))
        await edge.break_off()
        async with core.core.unit_of_work() as work:
            await work.session.execute(update(Edge).values(last_seen_time=datetime.now(UTC) - timedelta(minutes=1)))
            await work.commit()

        await core.core.presence.store_edges()

        assert await connected(core) == ["CS-1"]


async def test_a_station_is_seen_whenever_it_says_something(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await settled(await edge.connect("CS-1", PASSWORD))

        await core.core.presence.store_stations()

    async with core.core.unit_of_work(read_only=True) as work:
        seen = await work.session.scalar(select(StationSighting.last_seen_time))
    assert seen is not None
    assert datetime.now(UTC) - seen < timedelta(minutes=1)


async def test_a_station_is_shown_as_seen_since_its_session_is_open(core: RunningCore) -> None:
    """When it was last seen is stored now and then; that it connected is known before."""
    await core.add_station("CS-1")
    stub = core.stub(StationsServiceStub)
    request = stations_pb2.GetStationRequest(station_id="CS-1")
    assert not (await stub.GetStation(request)).HasField("last_seen_time")
    async with core.edge() as edge:
        await settled(await edge.connect("CS-1", PASSWORD))

        station = await stub.GetStation(request)

        assert station.last_seen_time == station.connect_time
        assert station.HasField("connect_time")
        await stub.DeleteStation(stations_pb2.DeleteStationRequest(station_id="CS-1"))
    await core.add_station("CS-1")
    # Another one, which happens to have the same id.
    assert not (await stub.GetStation(request)).HasField("last_seen_time")


async def test_a_station_is_shown_as_seen_since_it_booted(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(
            BootNotificationRequest(
                charging_station=ChargingStation(model="M", vendor_name="V"), reason=BOOT_REASON_ENUM_POWER_UP
            )
        )

        station = await core.stub(StationsServiceStub).GetStation(stations_pb2.GetStationRequest(station_id="CS-1"))

    assert station.last_seen_time == station.boot_time
    assert station.HasField("boot_time")


async def test_what_an_edge_says_again_changes_nothing(core: RunningCore) -> None:
    """A link was lost, and the edge does not know what of its last words was read."""
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        opened = link.Opened(session=session.ref, version=link.OCPP_VERSION_21, open_time=timestamp())
        edge.put(link.Upstream(opened=opened))
        await settled(session)
        await session.close(1001, "going away")
        edge.put(link.Upstream(opened=opened))
        await settled(session)

        assert await connected(core) == []
    assert await events(core) == ["station_connected", "station_disconnected"]


async def test_a_hello_from_before_an_outage_closes_no_session_that_opened_since(core: RunningCore) -> None:
    """Another core, which the outage spared, let the station in meanwhile."""
    await core.add_station("CS-1")
    reconciler = core.core.edge_servicer._reconciler
    async with core.edge() as edge:
        hello = link.Hello(edge_id=edge.edge_id)
        await settled(await edge.connect("CS-1", PASSWORD))
        await age_admissions(core)

        await reconciler.reconcile(hello, datetime.now(UTC) - timedelta(minutes=2), "")
        kept = await connected(core)
        await reconciler.reconcile(hello, datetime.now(UTC), "")
        closed = await connected(core)
        hello.sessions.extend(edge.sessions.values())
        await reconciler.reconcile(hello, datetime.now(UTC), "")

        assert (kept, closed) == (["CS-1"], [])
        # Whoever holds it after all is right.
        assert await connected(core) == ["CS-1"]


async def test_what_opens_and_closes_while_an_edge_says_hello_is_right(
    core: RunningCore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its pages are what it held when it began: one closed since, and one opened by way of another core."""
    for station_id in ("CS-1", "CS-2", "CS-3"):
        await core.add_station(station_id)
    url = core.core.settings.database
    async with (
        running_core(url, tmp_path_factory.mktemp("other")) as other,
        other.edge("edge-1") as by_other,
        grpc.aio.insecure_channel(core.address) as channel,
    ):
        kept, closing = await by_other.connect("CS-1", PASSWORD), await by_other.connect("CS-2", PASSWORD)
        await settled(kept)
        await settled(closing)
        await age_admissions(core)
        held = list(by_other.sessions.values())
        stream = EdgeLinkServiceStub(channel).Link(metadata=[("authorization", f"Bearer {CREDENTIAL}")])
        hello = link.Hello(edge_id="edge-1", link_revision=1, has_more=True, sessions=held[:1])
        await stream.write(link.LinkRequest(items=[link.Upstream(hello=hello)]))
        await closing.close(1001, "going away")
        await settled(await by_other.connect("CS-3", PASSWORD))
        page = link.HelloPage(sessions=held[1:], is_last=True)
        await stream.write(link.LinkRequest(items=[link.Upstream(hello_page=page)]))
        first = await stream.read()
        assert isinstance(first, link.LinkResponse)
        stream.cancel()

        assert not first.items[0].welcome.stale_sessions
        assert await connected(core) == ["CS-1", "CS-3"]
