"""TenantsService."""

from typing import Any

import grpc
import pytest

from citrine.api.v1 import keys_pb2, stations_pb2, tokens_pb2
from citrine.api.v1 import tenants_pb2 as pb
from tests.support.api import Api, auth, field_violations


@pytest.fixture
async def who(api: Api) -> tuple[tuple[str, str], ...]:
    return auth(await api.key())


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value


async def test_tenants_from_creation_to_deletion(api: Api, who: Any) -> None:
    tenant = pb.Tenant(tenant_id="acme", display_name="Acme")
    created = await api.tenants.CreateTenant(pb.CreateTenantRequest(tenant=tenant), metadata=who)
    tenant.display_name = "Acme & Söhne"
    changed = await api.tenants.UpdateTenant(pb.UpdateTenantRequest(tenant=tenant), metadata=who)
    listed = await api.tenants.ListTenants(pb.ListTenantsRequest(), metadata=who)
    found = await api.tenants.GetTenant(pb.GetTenantRequest(tenant_id="acme"), metadata=who)

    await api.tenants.DeleteTenant(pb.DeleteTenantRequest(tenant_id="acme"), metadata=who)

    assert created.HasField("create_time")
    assert changed == found
    assert [one.tenant_id for one in listed.tenants] == ["acme", "default"]
    error = await refused(api.tenants.GetTenant(pb.GetTenantRequest(tenant_id="acme"), metadata=who))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_an_update_with_an_old_etag_is_aborted(api: Api, who: Any) -> None:
    quotas = [pb.Quota(kind=pb.QUOTA_KIND_STATIONS, limit=5)]
    tenant = pb.Tenant(tenant_id="acme", display_name="Acme", quotas=quotas)
    created = await api.tenants.CreateTenant(pb.CreateTenantRequest(tenant=tenant), metadata=who)
    found = await api.tenants.GetTenant(pb.GetTenantRequest(tenant_id="acme"), metadata=who)
    found.display_name = "first"
    request = pb.UpdateTenantRequest(tenant=found)
    changed = await api.tenants.UpdateTenant(request, metadata=who)

    found.display_name = "second"
    error = await refused(api.tenants.UpdateTenant(request, metadata=who))

    assert error.code() is grpc.StatusCode.ABORTED
    assert error.details() == "tenant acme changed in between"
    assert created.etag == found.etag != changed.etag
    listed = await api.tenants.ListTenants(pb.ListTenantsRequest(), metadata=who)
    assert listed.tenants[0] == changed


async def test_list_is_paged(api: Api, who: Any) -> None:
    await api.tenant("acme")

    first = await api.tenants.ListTenants(pb.ListTenantsRequest(page_size=1), metadata=who)
    request = pb.ListTenantsRequest(page_size=1, page_token=first.next_page_token)
    second = await api.tenants.ListTenants(request, metadata=who)

    assert [one.tenant_id for one in (*first.tenants, *second.tenants)] == ["acme", "default"]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("tenant", "field"),
    [
        pytest.param(pb.Tenant(), "tenant.tenant_id", id="no id"),
        pytest.param(pb.Tenant(tenant_id="Acme"), "tenant.tenant_id", id="capital"),
        pytest.param(pb.Tenant(tenant_id="x" * 37), "tenant.tenant_id", id="long id"),
        pytest.param(pb.Tenant(tenant_id="a", display_name="x" * 256), "tenant.display_name", id="long name"),
    ],
)
async def test_wrong_field_of_a_new_tenant_is_named(api: Api, who: Any, tenant: pb.Tenant, field: str) -> None:
    error = await refused(api.tenants.CreateTenant(pb.CreateTenantRequest(tenant=tenant), metadata=who))

    assert field_violations(error) == [field]


async def test_tenant_is_made_once(api: Api, who: Any) -> None:
    request = pb.CreateTenantRequest(tenant=pb.Tenant(tenant_id="default"))

    error = await refused(api.tenants.CreateTenant(request, metadata=who))

    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_default_tenant_stays(api: Api, who: Any) -> None:
    error = await refused(api.tenants.DeleteTenant(pb.DeleteTenantRequest(tenant_id="default"), metadata=who))

    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_tenant_with_stations_stays(api: Api, who: Any) -> None:
    theirs = auth(await api.tenant("acme"))
    station = stations_pb2.Station(station_id="S-1", allow_no_password=True)
    await api.stations.CreateStation(stations_pb2.CreateStationRequest(station=station), metadata=theirs)

    error = await refused(api.tenants.DeleteTenant(pb.DeleteTenantRequest(tenant_id="acme"), metadata=who))

    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_tokens_and_keys_go_with_their_tenant(api: Api, who: Any) -> None:
    theirs = auth(await api.tenant("acme"))
    token = tokens_pb2.Token(id_token="T-1", type="Central")
    await api.tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token), metadata=theirs)

    await api.tenants.DeleteTenant(pb.DeleteTenantRequest(tenant_id="acme"), metadata=who)

    api.clock.ahead = 5.1
    error = await refused(api.tokens.ListTokens(tokens_pb2.ListTokensRequest(), metadata=theirs))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    keys = await api.keys.ListKeys(keys_pb2.ListKeysRequest(), metadata=who)
    assert {key.tenant_id for key in keys.keys} == {""}
