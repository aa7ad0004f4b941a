"""Stations that are pinned to versions of OCPP, and stations that speak another one than before; on a whole core."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from citrine.api.v1.stations_pb2 import GetStationRequest, Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    async with core.edge() as edge:
        yield edge


@pytest.fixture
async def stations(core: RunningCore) -> Any:
    await core.add_station("CS-1", registration=1)
    return core.stub(StationsServiceStub)


async def pin(stations: Any, *versions: str) -> Station:
    request = UpdateStationRequest(station=Station(station_id="CS-1", allowed_versions=versions))
    request.update_mask.paths.append("allowed_versions")
    updated: Station = await stations.UpdateStation(request)
    return updated


async def test_a_station_is_refused_by_another_version_and_the_reason_is_listed(stations: Any, edge: FakeEdge) -> None:
    assert list((await pin(stations, "1.6")).allowed_versions) == ["1.6"]

    refused = await edge.admit("CS-1", PASSWORD, version=link.OCPP_VERSION_201)
    assert isinstance(refused, link.Refused)
    assert refused.status == 403
    assert isinstance(await edge.admit("CS-1", PASSWORD, version=link.OCPP_VERSION_16), link.Admitted)


async def test_a_wrong_password_is_no_question_of_versions(stations: Any, edge: FakeEdge) -> None:
    await pin(stations, "1.6")

    refused = await edge.admit("CS-1", "another password", version=link.OCPP_VERSION_201)
    assert isinstance(refused, link.Refused)
    assert refused.status == 401


async def test_no_versions_are_all(stations: Any, edge: FakeEdge) -> None:
    await pin(stations, "1.6")
    await pin(stations)

    assert isinstance(await edge.admit("CS-1", PASSWORD, version=link.OCPP_VERSION_21), link.Admitted)


async def test_a_version_that_is_not_spoken_here_is_refused(stations: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="allowed_versions") as refused:
        await pin(stations, "2.0")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_station_that_speaks_an_older_version_tomorrow_is_the_same_station(
    stations: Any, edge: FakeEdge
) -> None:
    for version, name in ((link.OCPP_VERSION_201, "2.0.1"), (link.OCPP_VERSION_16, "1.6")):
        session = await edge.connect("CS-1", PASSWORD, version=version)
        found = await stations.GetStation(GetStationRequest(station_id="CS-1"))
        assert found.ocpp_version == name
        await session.close()
