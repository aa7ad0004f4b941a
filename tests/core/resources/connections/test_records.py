"""The history of connections on a whole core: who was connected when, and why it ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from citrine.api.v1 import connections_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.connections_pb2_grpc import ConnectionsServiceStub
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine_core.resources.connections import ConnectionRecords
from tests.support.core import PASSWORD, RunningCore


async def test_it_is_known_who_was_connected_when_and_why_it_ended(core: RunningCore) -> None:
    """A session that a newer one replaced ends then, until its edge says how it really ended."""
    api: Any = core.stub(ConnectionsServiceStub)
    for station_id in ("CS-1", "CS-2"):
        await core.add_station(station_id, registration=1)
    async with core.edge() as edge:
        first = await edge.connect("CS-1", PASSWORD)
        await first.call(HeartbeatRequest())
        second = await edge.connect("CS-1", PASSWORD)
        await second.call(HeartbeatRequest())
        other = await edge.connect("CS-2", PASSWORD)
        await other.call(HeartbeatRequest())
        await core.core.lanes.drained()
        replaced = await api.ListConnectionRecords(pb.ListConnectionRecordsRequest(station_id="CS-1"))
        await first.close(1006, "the cable was cut")
        await other.close(1001, "going away")
        await second.call(HeartbeatRequest())
        await core.core.lanes.drained()
        everything = await api.ListConnectionRecords(pb.ListConnectionRecordsRequest())
        of_edge = await api.ListConnectionRecords(pb.ListConnectionRecordsRequest(edge_id="edge-2"))
        one = await api.GetConnectionRecord(pb.GetConnectionRecordRequest(station_id="CS-1", epoch=1))

    assert [record.connection.epoch for record in replaced.records] == [2, 1]
    assert [record.HasField("close_time") for record in replaced.records] == [False, True]
    assert replaced.records[1].close_reason == "replaced by a newer connection"
    shown = {(one.connection.station_id, one.connection.epoch): one.close_reason for one in everything.records}
    assert shown == {("CS-1", 1): "the cable was cut", ("CS-1", 2): "", ("CS-2", 1): "going away"}
    assert list(of_edge.records) == []
    assert (one.close_code, one.connection.edge_id, one.connection.ocpp_version) == (1006, "edge-1", "2.1")
    early = TimeRange()
    early.end.FromDatetime(datetime.now(UTC) - timedelta(days=1))
    before = await api.ListConnectionRecords(pb.ListConnectionRecordsRequest(open_time=early))
    assert list(before.records) == []
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.GetConnectionRecord(pb.GetConnectionRecordRequest(station_id="CS-1", epoch=9))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


async def test_connections_are_asked_for_a_version_for_whether_they_ended_and_for_stations(core: RunningCore) -> None:
    api: Any = core.stub(ConnectionsServiceStub)
    for station_id in ("CS-1", "CS-2", "CS-3"):
        await core.add_station(station_id, registration=1)
    some = StationSelector(station_ids=["CS-1", "CS-3"])
    async with core.edge() as edge:
        stations = [
            await edge.connect(station_id, PASSWORD, version=version)
            for station_id, version in (
                ("CS-1", link.OCPP_VERSION_16),
                ("CS-2", link.OCPP_VERSION_21),
                ("CS-3", link.OCPP_VERSION_21),
            )
        ]
        for station in stations:
            await station.call(HeartbeatRequest())
        await stations[2].close(1001, "going away")
        await stations[1].call(HeartbeatRequest())
        await core.core.lanes.drained()

        async def records(**asked: Any) -> list[str]:
            answer = await api.ListConnectionRecords(pb.ListConnectionRecordsRequest(**asked))
            return sorted(one.connection.station_id for one in answer.records)

        assert await records(ocpp_version="2.1") == ["CS-2", "CS-3"]
        assert await records(open=True) == ["CS-1", "CS-2"]
        assert await records(open=False, ocpp_version="2.1") == ["CS-3"]
        listed = await api.ListConnections(pb.ListConnectionsRequest(stations=some))
        assert [one.station_id for one in listed.connections] == ["CS-1"]


async def test_old_connections_are_forgotten_and_open_ones_are_not(core: RunningCore) -> None:
    for station_id in ("CS-1", "CS-2"):
        await core.add_station(station_id, registration=1)
    async with core.edge() as edge:
        stays = await edge.connect("CS-1", PASSWORD)
        await stays.call(HeartbeatRequest())
        gone = await edge.connect("CS-2", PASSWORD)
        await gone.call(HeartbeatRequest())
        await gone.close()
        # What follows on the link is read after the close.
        await stays.call(HeartbeatRequest())
        await core.core.lanes.drained()
        later = datetime.now(UTC) + timedelta(days=1)
        async with core.core.unit_of_work() as work:
            assert await ConnectionRecords(work.session).remove_before(["default"], later, 100)
            assert not await ConnectionRecords(work.session).remove_before(["default"], later, 100)
            await work.commit()
        api: Any = core.stub(ConnectionsServiceStub)
        left = await api.ListConnectionRecords(pb.ListConnectionRecordsRequest())

    assert [record.connection.station_id for record in left.records] == ["CS-1"]
