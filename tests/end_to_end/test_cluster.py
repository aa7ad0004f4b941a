"""Several edges and several cores act as one."""

import asyncio

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.connections_pb2 import ListConnectionsRequest
from citrine.api.v1.provisioning_pb2 import ResetRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.events.v1.events_service_pb2 import SubscribeRequest, WatchMessagesRequest
from citrine.ocpp.v2 import provisioning_pb2
from tests.support.deployment import Deployment
from tests.support.raw_station import raw_station
from tests.support.waiting import WAIT

PASSWORD = "correct-horse-battery"


async def register(cluster: Deployment, *station_ids: str) -> None:
    """Register stations with one password."""
    async with cluster.client() as citrine:
        for station_id in station_ids:
            await citrine.stations.CreateStation(
                CreateStationRequest(station=Station(station_id=station_id), password=PASSWORD)
            )


async def test_a_station_on_one_edge_is_commanded_through_either_core(shared_cluster: Deployment) -> None:
    await register(shared_cluster, "CS-1", "CS-2")
    request = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_ON_IDLE)
    answers = []
    for edge, station_id in enumerate(("CS-1", "CS-2")):
        async with raw_station(shared_cluster.url(edge), station_id, PASSWORD) as station:
            await station.boot()
            for core in range(2):
                async with shared_cluster.client(core) as citrine:
                    asked = citrine.provisioning.Reset(
                        ResetRequest(target=CommandTarget(station_id=station_id), request=request)
                    )
                    heard = await station.answer({"status": "Scheduled"})
                    answers.append((heard, (await asked).response.status))

    assert answers == [(("Reset", {"type": "OnIdle"}), provisioning_pb2.RESET_STATUS_ENUM_SCHEDULED)] * 4


async def test_a_station_that_moves_to_another_edge_is_one_connection(shared_cluster: Deployment) -> None:
    """The newest connection wins, and the old one's end does not take it down."""
    await register(shared_cluster, "CS-1")
    async with raw_station(shared_cluster.url(0), "CS-1", PASSWORD) as old:
        await old.boot()
        async with raw_station(shared_cluster.url(1), "CS-1", PASSWORD) as new:
            await old.websocket.wait_closed()
            assert "currentTime" in await new.result("Heartbeat", {})
            async with shared_cluster.client() as citrine:
                connections = await citrine.connections.ListConnections(ListConnectionsRequest())
    assert [c.station_id for c in connections.connections] == ["CS-1"]
    assert connections.connections[0].epoch == 2


async def test_events_are_seen_through_any_core(shared_cluster: Deployment) -> None:
    await register(shared_cluster, "CS-1")
    async with shared_cluster.client(0) as first, shared_cluster.client(1) as second:
        streams = [c.events.Subscribe(SubscribeRequest(station_ids=["CS-1"])) for c in (first, second)]
        for stream in streams:
            await stream.read()
        async with raw_station(shared_cluster.url(), "CS-1", PASSWORD) as station:
            await station.boot()
            seen = [await kinds(stream, until="station_booted") for stream in streams]
        for stream in streams:
            stream.cancel()

    assert seen == [["station_connected", "station_booted"]] * 2


async def kinds(stream: object, until: str) -> list[str]:
    """Read events up to one of a kind, and return their kinds."""
    found: list[str] = []
    async with asyncio.timeout(WAIT):
        while until not in found:
            response = await stream.read()  # type: ignore[attr-defined]
            kind = response.event.WhichOneof("body")
            if kind is not None:
                found.append(kind)
    return found


async def test_frames_are_watched_through_any_core(shared_cluster: Deployment) -> None:
    await register(shared_cluster, "CS-1")
    async with shared_cluster.client(1) as citrine, raw_station(shared_cluster.url(0), "CS-1", PASSWORD) as station:
        stream = citrine.events.WatchMessages(WatchMessagesRequest(station_ids=["CS-1"]))
        seen = aiter(stream)
        # Empty: frames are seen from then on.
        await anext(seen)
        await station.boot()
        async with asyncio.timeout(WAIT):
            frames = [await anext(seen) for _ in range(2)]
        stream.cancel()

    assert [f.from_station for f in frames] == [True, False]
    assert '"BootNotification"' in frames[0].frame
    assert '"Accepted"' in frames[1].frame
