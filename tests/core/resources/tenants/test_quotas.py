"""How many stations a tenant may have."""

import asyncio

import grpc
import pytest

from citrine.api.v1 import stations_pb2, tenants_pb2
from tests.support.api import Api, auth


async def add(api: Api, key: str, station_id: str) -> grpc.StatusCode:
    station = stations_pb2.Station(station_id=station_id, allow_no_password=True)
    try:
        await api.stations.CreateStation(stations_pb2.CreateStationRequest(station=station), metadata=auth(key))
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def limit(api: Api, most: int | None) -> tenants_pb2.Tenant:
    request = tenants_pb2.UpdateTenantRequest(tenant=tenants_pb2.Tenant(tenant_id="acme", max_stations=most))
    request.update_mask.paths.append("max_stations")
    return await api.tenants.UpdateTenant(request, metadata=auth(await api.key()))


async def test_tenant_gets_no_more_stations_than_it_may_have(api: Api) -> None:
    key, other = await api.tenant("acme"), await api.tenant("other")
    assert (await limit(api, 2)).max_stations == 2

    codes = await asyncio.gather(*(add(api, key, f"CS-{number}") for number in range(5)))

    assert sorted(code.name for code in codes) == ["OK", "OK", *["RESOURCE_EXHAUSTED"] * 3]
    assert await add(api, other, "CS-1") is grpc.StatusCode.OK
    assert not (await limit(api, None)).HasField("max_stations")
    assert await add(api, key, "CS-9") is grpc.StatusCode.OK


async def test_quota_is_told_in_the_error(api: Api) -> None:
    key = await api.tenant("acme")
    await limit(api, 0)
    station = stations_pb2.Station(station_id="CS-1", allow_no_password=True)

    with pytest.raises(grpc.aio.AioRpcError, match="the tenant may have 0 stations, and no more"):
        await api.stations.CreateStation(stations_pb2.CreateStationRequest(station=station), metadata=auth(key))


async def test_quota_must_be_a_number_of_stations(api: Api) -> None:
    await api.tenant("acme")

    with pytest.raises(grpc.aio.AioRpcError, match=r"tenant\.max_stations"):
        await limit(api, -1)
