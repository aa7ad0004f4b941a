"""An edge is believed only about sessions that it holds, whatever it knows of those of others."""

import asyncio
import urllib.request

import pytest

from citrine.api.v1 import (
    connections_pb2,
    connections_pb2_grpc,
    remote_control_pb2,
    remote_control_pb2_grpc,
)
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1 import events_service_pb2, events_service_pb2_grpc
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.remote_control_pb2 import (
    UNLOCK_STATUS_ENUM_UNLOCK_FAILED,
    UNLOCK_STATUS_ENUM_UNLOCKED,
    UnlockConnectorRequest,
    UnlockConnectorResponse,
)
from citrine.ocpp.v2.security_pb2 import SecurityEventNotificationRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, FakeSession, timestamp
from tests.support.waiting import PAUSE, WAIT


async def is_connected(core: RunningCore) -> bool:
    stub = core.stub(connections_pb2_grpc.ConnectionsServiceStub)
    return len((await stub.ListConnections(connections_pb2.ListConnectionsRequest())).connections) == 1


async def metric(core: RunningCore, kind: str) -> float:
    def read() -> str:
        with urllib.request.urlopen(f"http://{core.http_address}/metrics", timeout=10) as response:
            return str(response.read().decode())

    name = f'citrine_core_foreign_session_reports_total{{kind="{kind}"}} '
    found = [line for line in (await asyncio.to_thread(read)).splitlines() if line.startswith(name)]
    return float(found[0].removeprefix(name)) if found else 0.0


def foreign(edge: FakeEdge, session: FakeSession) -> FakeSession:
    """Return a session of another edge, for which this edge is going to speak."""
    return FakeSession(edge, session.ref, session.admitted)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(HeartbeatRequest(), id="at once"),
        pytest.param(AuthorizeRequest(id_token=IdToken(id_token="T-1")), id="read"),
        pytest.param(SecurityEventNotificationRequest(type="X", timestamp=timestamp()), id="stored"),
    ],
)
async def test_a_call_for_the_session_of_another_edge_has_no_effect_and_no_answer(
    core: RunningCore, message: HeartbeatRequest | AuthorizeRequest | SecurityEventNotificationRequest
) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-1") as own, core.edge("edge-2") as other:
        session = await own.connect("CS-1", PASSWORD)
        # From now on the fast path knows the session.
        await session.call(HeartbeatRequest())

        call_id = other.put_call(session.ref, message)
        told = await other.next("disconnect")

        assert told.session == session.ref
        assert not other._answers[call_id].done()
        assert (await session.call(HeartbeatRequest())).HasField("current_time")
        assert await metric(core, "call") == 1


async def test_a_session_is_not_closed_by_another_edge(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-1") as own, core.edge("edge-2") as other:
        session = await own.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())

        await foreign(other, session).close()
        # What is behind it in the lane of the station was handled later.
        await session.call(SecurityEventNotificationRequest(type="X", timestamp=timestamp()))

        assert await is_connected(core)
        assert await metric(core, "closed") == 1


async def test_a_session_is_not_opened_by_another_edge(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-1") as own, core.edge("edge-2") as other:
        admitted = await own.admit("CS-1", PASSWORD)
        assert isinstance(admitted, link.Admitted)

        opened = link.Opened(session=admitted.session, version=link.OCPP_VERSION_21, open_time=timestamp())
        other.put(link.Upstream(opened=opened))
        other.put_call(admitted.session, SecurityEventNotificationRequest(type="X", timestamp=timestamp()))
        await other.next("disconnect")

        assert not await is_connected(core)
        assert await metric(core, "opened") == 1


async def test_the_session_of_another_edge_in_hello_is_stale(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-1") as own:
        session = await own.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        async with core.edge("edge-2") as other:
            await other.break_off()
            other.sessions = dict(own.sessions)
            await other.open()

            assert list(other.welcome.stale_sessions) == [session.ref]
        assert await is_connected(core)


async def test_it_is_logged_once_a_minute_for_each_edge(core: RunningCore, caplog: pytest.LogCaptureFixture) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-1") as own, core.edge("edge-2") as other:
        session = await own.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())

        for _ in range(3):
            other.put_call(session.ref, HeartbeatRequest())
            await other.next("disconnect")

    said = [record for record in caplog.records if "another edge holds" in record.getMessage()]
    assert [(getattr(record, "edge_id", ""), getattr(record, "station_id", "")) for record in said] == [
        ("edge-2", "CS-1")
    ]


async def test_a_command_is_answered_by_the_edge_alone_that_it_was_sent_to(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-1") as own, core.edge("edge-2") as other:
        session = await own.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        stub = core.stub(remote_control_pb2_grpc.RemoteControlServiceStub)
        request = remote_control_pb2.UnlockConnectorRequest(
            target=CommandTarget(station_id="CS-1"), request=UnlockConnectorRequest(evse_id=1, connector_id=1)
        )
        asking = asyncio.ensure_future(stub.UnlockConnector(request))
        command = await own.next("command")

        forged = UnlockConnectorResponse(status=UNLOCK_STATUS_ENUM_UNLOCK_FAILED)
        other.put(link.Upstream(command_result=other.result(command, forged)))
        # It is in the same lane, and its answer says that what was before it has been handled.
        other.put_call(session.ref, SecurityEventNotificationRequest(type="X", timestamp=timestamp()))
        await other.next("disconnect")
        answer = UnlockConnectorResponse(status=UNLOCK_STATUS_ENUM_UNLOCKED)
        own.put(link.Upstream(command_result=own.result(command, answer)))

        assert (await asking).response.status == UNLOCK_STATUS_ENUM_UNLOCKED
        assert await metric(core, "command") == 1


async def test_a_frame_that_another_edge_made_up_is_shown_to_nobody(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge("edge-1") as own, core.edge("edge-2") as other:
        session = await own.connect("CS-1", PASSWORD)
        stub = core.stub(events_service_pb2_grpc.EventsServiceStub)
        watching = stub.WatchMessages(events_service_pb2.WatchMessagesRequest(station_ids=["CS-1"]))
        await watching.read()

        for edge, text in ((other, "made up"), (own, "said")):
            frame = link.ObservedFrame(session=session.ref, from_station=True, frame=text, time=timestamp())
            edge.put(link.Upstream(observed=frame))
            if edge is other:
                async with asyncio.timeout(WAIT):
                    while await metric(core, "observed") == 0:
                        await asyncio.sleep(PAUSE)

        seen = await watching.read()
        assert isinstance(seen, events_service_pb2.WatchMessagesResponse)
        assert seen.frame == "said"
        watching.cancel()
