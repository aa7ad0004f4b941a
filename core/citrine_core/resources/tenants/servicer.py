"""TenantsService: the operator's access to tenants."""

import re
from collections.abc import Mapping, Set

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import tenants_pb2 as pb
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceServicer
from citrine_core.db import UnitOfWork
from citrine_core.errors import FailedPrecondition, InvalidArgument
from citrine_core.ids import DEFAULT_TENANT
from citrine_core.resources.connections.queries import count_connected
from citrine_core.resources.tenants.models import RemovedTenant, Tenant
from citrine_core.resources.tenants.quotas import QuotaDirectory, read_quotas, write_quotas
from citrine_core.resources.tenants.removed import RemovedTenants
from citrine_core.resources.tenants.repository import TenantRepository
from citrine_core.rpc import (
    apply_mask,
    check_etag,
    check_length,
    check_pattern,
    etag_of,
    open_page,
    required,
    to_timestamp,
)
from citrine_core.services import Services

__all__ = ["TenantsServicer"]

CHANGEABLE = frozenset(
    {"display_name", "unknown_stations", "max_held_stations", "asks_inventory", "max_stations", "quotas"}
)
"""Fields that UpdateTenant may change."""

DEFAULT_HOLD_LIMIT = 100
"""Most unknown stations that a tenant holds by default."""

LARGEST_HOLD_LIMIT = 10_000

LARGEST_STATION_LIMIT = 1_000_000

LARGEST_QUOTA = 1_000_000_000

TENANT_ID = re.compile(r"[a-z0-9-]{1,36}", re.ASCII)


class TenantsServicer(TenantsServiceServicer):
    """Tenants as the API shows them."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._services = services
        self._quotas = QuotaDirectory.of(services)

    async def GetTenant(
        self, request: pb.GetTenantRequest, context: grpc.aio.ServicerContext[pb.GetTenantRequest, pb.Tenant]
    ) -> pb.Tenant:
        required("tenant_id", request.tenant_id)
        async with self._unit_of_work(read_only=True) as work:
            shown = _to_proto(await TenantRepository(work.session).get(request.tenant_id))
            await self._count(work, shown)
        return shown

    async def ListTenants(
        self,
        request: pb.ListTenantsRequest,
        context: grpc.aio.ServicerContext[pb.ListTenantsRequest, pb.ListTenantsResponse],
    ) -> pb.ListTenantsResponse:
        async with self._unit_of_work(read_only=True) as work:
            if request.deleted:
                removed, token = await RemovedTenants(work.session).list(open_page(request))
                return pb.ListTenantsResponse(tenants=map(_to_removed, removed), next_page_token=token)
            rows, token = await TenantRepository(work.session).list(open_page(request))
        return pb.ListTenantsResponse(tenants=map(_to_proto, rows), next_page_token=token)

    async def CreateTenant(
        self, request: pb.CreateTenantRequest, context: grpc.aio.ServicerContext[pb.CreateTenantRequest, pb.Tenant]
    ) -> pb.Tenant:
        check_pattern("tenant.tenant_id", request.tenant.tenant_id, TENANT_ID, "1 to 36 characters of a-z 0-9 and -")
        _check(request.tenant)
        tenant = Tenant(tenant_id=request.tenant.tenant_id, create_time=self._clock())
        _assign(tenant, request.tenant, CHANGEABLE)
        async with self._unit_of_work() as work:
            await TenantRepository(work.session).add(tenant)
            work.after_commit(self._quotas.job.wake)
            await work.commit()
        return _to_proto(tenant)

    async def UpdateTenant(
        self, request: pb.UpdateTenantRequest, context: grpc.aio.ServicerContext[pb.UpdateTenantRequest, pb.Tenant]
    ) -> pb.Tenant:
        required("tenant.tenant_id", request.tenant.tenant_id)
        fields = set(apply_mask(request.update_mask, request.tenant, CHANGEABLE))
        if not request.update_mask.paths:
            # Compatible with the time before there were other fields.
            fields |= {"display_name"}
        _check(request.tenant)
        async with self._unit_of_work() as work:
            tenant = await TenantRepository(work.session).get(request.tenant.tenant_id, for_update=True)
            check_etag(f"tenant {tenant.tenant_id}", request.tenant.etag, _to_proto(tenant).etag)
            _assign(tenant, request.tenant, fields)
            work.after_commit(self._quotas.job.wake)
            await work.commit()
        return _to_proto(tenant)

    async def DeleteTenant(
        self, request: pb.DeleteTenantRequest, context: grpc.aio.ServicerContext[pb.DeleteTenantRequest, Empty]
    ) -> Empty:
        if required("tenant_id", request.tenant_id) == DEFAULT_TENANT:
            raise FailedPrecondition("the default tenant can't be deleted")
        async with self._unit_of_work() as work:
            tenants = TenantRepository(work.session)
            await tenants.remove(await tenants.get(request.tenant_id, for_update=True), self._clock())
            for forget in self._services.registry.forget_tenant:
                await forget(work, request.tenant_id)
            await work.commit()
        return Empty()

    async def _count(self, work: UnitOfWork, tenant: pb.Tenant) -> None:
        """Add to each quota of a tenant what it uses of it."""
        counted = {one.kind: one for one in self._services.registry.counted}
        for quota in tenant.quotas:
            if quota.kind in counted:
                quota.used = await counted[quota.kind].count(work.session, tenant.tenant_id)
            elif quota.kind == pb.QUOTA_KIND_CONNECTIONS:
                quota.used = (await count_connected(work.session, [tenant.tenant_id], self._clock()))[tenant.tenant_id]


def _check(tenant: pb.Tenant) -> None:
    check_length("tenant.display_name", tenant.display_name, 255)
    if tenant.HasField("max_held_stations") and not 1 <= tenant.max_held_stations <= LARGEST_HOLD_LIMIT:
        raise InvalidArgument("tenant.max_held_stations", f"must be 1 to {LARGEST_HOLD_LIMIT}")
    if tenant.HasField("max_stations") and not 0 <= tenant.max_stations <= LARGEST_STATION_LIMIT:
        raise InvalidArgument("tenant.max_stations", f"must be 0 to {LARGEST_STATION_LIMIT}")
    seen: set[int] = set()
    for place, quota in enumerate(tenant.quotas):
        field = f"tenant.quotas.{place}"
        if not quota.kind or quota.kind in seen:
            raise InvalidArgument(f"{field}.kind", "must be set, and each kind only once")
        if not 0 <= quota.limit <= LARGEST_QUOTA:
            raise InvalidArgument(f"{field}.limit", f"must be 0 to {LARGEST_QUOTA}")
        seen.add(quota.kind)


def _assign(row: Tenant, tenant: pb.Tenant, fields: Set[str]) -> None:
    """Assign fields of a tenant to its row; unset fields get their default."""
    if "display_name" in fields:
        row.display_name = tenant.display_name
    if "unknown_stations" in fields:
        row.unknown_stations = tenant.unknown_stations or pb.UNKNOWN_STATIONS_REFUSE
    if "max_held_stations" in fields:
        row.max_held_stations = tenant.max_held_stations if tenant.HasField("max_held_stations") else DEFAULT_HOLD_LIMIT
    if fields & {"quotas", "max_stations"}:
        row.quotas = write_quotas(_quotas(read_quotas(row.quotas or ""), tenant, fields))
    if "asks_inventory" in fields:
        row.asks_inventory = tenant.asks_inventory if tenant.HasField("asks_inventory") else True


def _quotas(stored: Mapping[int, int], tenant: pb.Tenant, fields: Set[str]) -> dict[int, int]:
    quotas: dict[int, int] = dict(stored)
    if "quotas" in fields:
        quotas = {quota.kind: quota.limit for quota in tenant.quotas}
    if "max_stations" in fields:
        if tenant.HasField("max_stations"):
            quotas[pb.QUOTA_KIND_STATIONS] = tenant.max_stations
        elif "quotas" not in fields:
            quotas.pop(pb.QUOTA_KIND_STATIONS, None)
    return quotas


def _to_removed(tenant: RemovedTenant) -> pb.Tenant:
    return pb.Tenant(
        tenant_id=tenant.tenant_id,
        display_name=tenant.display_name,
        create_time=to_timestamp(tenant.create_time),
        delete_time=to_timestamp(tenant.remove_time),
        purge_time=to_timestamp(tenant.purge_time),
    )


def _to_proto(tenant: Tenant) -> pb.Tenant:
    quotas = read_quotas(tenant.quotas)
    shown = pb.Tenant(
        tenant_id=tenant.tenant_id,
        display_name=tenant.display_name,
        create_time=to_timestamp(tenant.create_time),
        unknown_stations=pb.UnknownStations.ValueType(tenant.unknown_stations),
        max_held_stations=tenant.max_held_stations,
        asks_inventory=tenant.asks_inventory,
        max_stations=quotas.get(pb.QUOTA_KIND_STATIONS),
        quotas=[pb.Quota(kind=pb.QuotaKind.ValueType(kind), limit=most) for kind, most in quotas.items()],
    )
    shown.etag = etag_of(shown)
    return shown
