"""How much of something a tenant may have, and that nobody else notices."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import (
    certificate_store_pb2,
    configurations_pb2,
    firmware_campaigns_pb2,
    keys_pb2,
    stations_pb2,
    tariffs_pb2,
    tenants_pb2,
    tokens_pb2,
)
from citrine.api.v1.certificate_store_pb2_grpc import CertificateStoreServiceStub
from citrine.api.v1.configurations_pb2_grpc import ConfigurationsServiceStub
from citrine.api.v1.firmware_campaigns_pb2_grpc import FirmwareCampaignsServiceStub
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1.events_pb2 import StationRefused
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine_core.errors import QuotaExceeded
from citrine_core.resources.tenants.quotas import QuotaDirectory
from citrine_core.rpc.caller import Caller
from citrine_core.rpc.rates import Rates
from tests.support.api import auth
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.databases import somebody_waits
from tests.support.pki import Authority
from tests.support.waiting import WAIT

Kind = tenants_pb2.QuotaKind
Metadata = tuple[tuple[str, str], ...]
Make = Callable[[RunningCore, int, Metadata], Awaitable[Any]]


def station(core: RunningCore, number: int, metadata: Metadata) -> Awaitable[Any]:
    one = stations_pb2.Station(station_id=f"CS-{number}", allow_no_password=True)
    request = stations_pb2.CreateStationRequest(station=one)
    return core.stub(StationsServiceStub).CreateStation(request, metadata=metadata)


def token(core: RunningCore, number: int, metadata: Metadata) -> Awaitable[Any]:
    request = tokens_pb2.CreateTokenRequest(token=tokens_pb2.Token(id_token=f"{number:08X}", type="ISO14443"))
    return core.stub(TokensServiceStub).CreateToken(request, metadata=metadata)


def tariff(core: RunningCore, number: int, metadata: Metadata) -> Awaitable[Any]:
    energy = tariffs_pb2.PriceComponent(dimension=tariffs_pb2.TARIFF_DIMENSION_ENERGY, price="0.30")
    elements = [tariffs_pb2.TariffElement(price_components=[energy])]
    one = tariffs_pb2.Tariff(tariff_id=f"T{number}", currency="EUR", elements=elements)
    return core.stub(TariffsServiceStub).CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=one), metadata=metadata)


def key(core: RunningCore, number: int, metadata: Metadata) -> Awaitable[Any]:
    request = keys_pb2.CreateKeyRequest(display_name=str(number), scopes=["stations:read"])
    return core.stub(KeysServiceStub).CreateKey(request, metadata=metadata)


def certificate(core: RunningCore, number: int, metadata: Metadata) -> Awaitable[Any]:
    use = certificate_store_pb2.CERTIFICATE_USE_CSMS_ROOT
    one = certificate_store_pb2.StoredCertificate(pem=Authority.root(f"Root {number}").pem, uses=[use])
    request = certificate_store_pb2.CreateStoredCertificateRequest(certificate=one)
    return core.stub(CertificateStoreServiceStub).CreateStoredCertificate(request, metadata=metadata)


def configuration(core: RunningCore, number: int, metadata: Metadata) -> Awaitable[Any]:
    one = configurations_pb2.Configuration(configuration_id=f"C{number}")
    request = configurations_pb2.CreateConfigurationRequest(configuration=one)
    return core.stub(ConfigurationsServiceStub).CreateConfiguration(request, metadata=metadata)


def campaign(core: RunningCore, number: int, metadata: Metadata) -> Awaitable[Any]:
    one = firmware_campaigns_pb2.FirmwareCampaign(campaign_id=f"C{number}")
    one.firmware.location, one.selection.all_stations = "https://firmware.example/one.bin", True
    request = firmware_campaigns_pb2.CreateFirmwareCampaignRequest(campaign=one)
    return core.stub(FirmwareCampaignsServiceStub).CreateFirmwareCampaign(request, metadata=metadata)


async def code_of(made: Awaitable[Any]) -> str:
    try:
        await made
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)
    return "OK"


async def set_quotas(core: RunningCore, tenant_id: str, **quotas: int) -> tenants_pb2.Tenant:
    """Give a tenant quotas in place of those that it has."""
    found = [tenants_pb2.Quota(kind=Kind.Value(f"QUOTA_KIND_{name}"), limit=most) for name, most in quotas.items()]
    request = tenants_pb2.UpdateTenantRequest(tenant=tenants_pb2.Tenant(tenant_id=tenant_id, quotas=found))
    request.update_mask.paths.append("quotas")
    updated = await core.stub(TenantsServiceStub).UpdateTenant(request)
    await QuotaDirectory.of(core.core.services).refresh()
    return updated


async def used(core: RunningCore, tenant_id: str) -> dict[str, int | None]:
    """Return what a tenant uses of each of its quotas."""
    found = await core.stub(TenantsServiceStub).GetTenant(tenants_pb2.GetTenantRequest(tenant_id=tenant_id))
    return {
        Kind.Name(quota.kind).removeprefix("QUOTA_KIND_"): quota.used if quota.HasField("used") else None
        for quota in found.quotas
    }


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("STATIONS", station),
        ("TOKENS", token),
        ("TARIFFS", tariff),
        ("KEYS", key),
        ("CERTIFICATES", certificate),
        ("CONFIGURATIONS", configuration),
        ("FIRMWARE_CAMPAIGNS", campaign),
    ],
)
async def test_a_tenant_gets_no_more_of_anything_than_it_may_have(core: RunningCore, kind: str, make: Make) -> None:
    """Also where several are made at the same moment; and another tenant gets what it wants."""
    await core.add_tenant("acme")
    await core.add_station("CS-0", tenant_id="acme")
    await core.add_station("CS-0")
    acme = auth(await core.add_key("acme"))
    before = 1 if kind in ("STATIONS", "KEYS") else 0
    await set_quotas(core, "acme", **{kind: before + 2})

    codes = await asyncio.gather(*(code_of(make(core, number, acme)) for number in range(1, 6)))

    assert sorted(codes) == ["OK", "OK", *["RESOURCE_EXHAUSTED"] * 3]
    assert await used(core, "acme") == {kind: before + 2}
    assert await code_of(make(core, 1, auth(core.key))) == "OK"
    what = kind.lower().replace("_", " ")
    with pytest.raises(grpc.aio.AioRpcError, match=f"the tenant may have {before + 2} {what}, and no more"):
        await make(core, 9, acme)
    await set_quotas(core, "acme")
    assert await code_of(make(core, 9, acme)) == "OK"


async def test_no_more_stations_are_connected_than_the_tenant_may_have(core: RunningCore) -> None:
    """One that is connected replaces its connection, and one that leaves makes room."""
    await core.add_tenant("acme")
    for number in range(4):
        await core.add_station(f"CS-{number}", tenant_id="acme")
    await core.add_station("CS-0")
    await set_quotas(core, "acme", CONNECTIONS=2)
    async with core.edge() as edge:
        first = await edge.connect("CS-0", PASSWORD, tenant_id="acme")
        await edge.connect("CS-1", PASSWORD, tenant_id="acme")

        refused = await edge.admit("CS-2", PASSWORD, tenant_id="acme")
        again = await edge.admit("CS-1", PASSWORD, tenant_id="acme")
        other = await edge.admit("CS-0", PASSWORD)
        event = await refusal(core, "acme")
        connected = await used(core, "acme")
        await first.close()
        async with asyncio.timeout(WAIT):
            while isinstance(await edge.admit("CS-3", PASSWORD, tenant_id="acme"), link.Refused):
                await asyncio.sleep(0.05)

    assert isinstance(refused, link.Refused)
    assert refused.status == 429
    assert isinstance(again, link.Admitted)
    assert isinstance(other, link.Admitted)
    assert (event.reason, connected) == (HandshakeRefusal.REASON_QUOTA, {"CONNECTIONS": 2})


async def refusal(core: RunningCore, tenant_id: str) -> StationRefused:
    request = SubscribeRequest(from_token="0", kinds=["station_refused"])
    stream = core.stub(EventsServiceStub).Subscribe(request, metadata=core.metadata(tenant_id), timeout=WAIT)
    async for response in stream:
        if response.event.HasField("station_refused"):
            stream.cancel()
            return response.event.station_refused
    raise AssertionError("the stream ended")


async def test_a_tenant_begins_no_more_rpcs_in_a_second_than_it_may(core: RunningCore) -> None:
    """Calls and streams alike; those of others and of the operator go on."""
    await core.add_tenant("acme")
    await core.add_tenant("other")
    acme, other = auth(await core.add_key("acme")), auth(await core.add_key("other"))
    await set_quotas(core, "acme", REQUESTS_PER_SECOND=5)
    stub = core.stub(StationsServiceStub)

    async def ask(metadata: Metadata) -> str:
        return await code_of(stub.ListStations(stations_pb2.ListStationsRequest(), metadata=metadata))

    codes = [await ask(acme) for _ in range(20)]
    others = [await ask(metadata) for metadata in (other, auth(core.key)) for _ in range(20)]
    await set_quotas(core, "acme", REQUESTS_PER_SECOND=0)
    stream = core.stub(EventsServiceStub).Subscribe(SubscribeRequest(), metadata=acme)

    assert codes[:5] == ["OK"] * 5
    assert "RESOURCE_EXHAUSTED" in codes
    assert set(others) == {"OK"}
    with pytest.raises(grpc.aio.AioRpcError, match="the tenant may have 0 requests per second, and no more"):
        await stream.read()


async def test_pages_of_an_import_count_as_requests(core: RunningCore) -> None:
    """They wait until they may begin; where none may begin any more, the import ends."""
    await core.add_tenant("acme")
    acme = auth(await core.add_key("acme"))
    await set_quotas(core, "acme", REQUESTS_PER_SECOND=5)

    def page(number: int) -> tokens_pb2.ImportTokensRequest:
        return tokens_pb2.ImportTokensRequest(tokens=[tokens_pb2.Token(id_token=f"{number:08X}", type="ISO14443")])

    stream: Any = core.stub(TokensServiceStub).ImportTokens(metadata=acme)
    started = time.monotonic()
    for number in range(8):
        await stream.write(page(number))
        assert (await stream.read()).created == 1
    # 5 at once, and then one each 0.2 seconds.
    assert time.monotonic() - started > 0.5
    await set_quotas(core, "acme", REQUESTS_PER_SECOND=0)
    await stream.write(page(8))
    with pytest.raises(grpc.aio.AioRpcError, match="the tenant may have 0 requests per second, and no more"):
        await stream.read()


def test_after_a_pause_as_many_may_begin_at_once_as_in_a_second() -> None:
    now = 0.0
    rates = Rates(lambda tenant_id: 3, lambda: now)

    def begun() -> int:
        count = 0
        try:
            while True:
                rates.begin(Caller("acme", "somebody"))
                count += 1
        except QuotaExceeded:
            return count

    assert begun() == 3
    now = 0.5
    assert begun() == 1
    now = 100.0
    assert begun() == 3


async def test_nothing_of_a_tenant_slows_another(
    postgres_url: str, postgres_engine: AsyncEngine, tmp_path: Path
) -> None:
    """Not even a hundred calls that wait for a lock of their own."""
    async with running_core(postgres_url, tmp_path) as core:
        await core.add_tenant("acme")
        await core.add_tenant("other")
        await set_quotas(core, "acme", TOKENS=1000)
        acme, other = auth(await core.add_key("acme")), auth(await core.add_key("other"))
        async with postgres_engine.connect() as gate:
            await gate.execute(text("SELECT 1 FROM tenants WHERE tenant_id = 'acme' FOR UPDATE"))
            flood = [asyncio.create_task(code_of(token(core, number, acme))) for number in range(100)]
            await somebody_waits(postgres_engine)
            async with asyncio.timeout(2):
                for number in range(10):
                    await token(core, number, other)
            assert not any(task.done() for task in flood)
            await gate.rollback()

        assert set(await asyncio.gather(*flood)) == {"OK"}


@pytest.mark.parametrize(
    ("quotas", "field"),
    [
        ([tenants_pb2.Quota(limit=1)], r"tenant\.quotas\.0\.kind"),
        ([tenants_pb2.Quota(kind=Kind.QUOTA_KIND_TOKENS, limit=-1)], r"tenant\.quotas\.0\.limit"),
        ([tenants_pb2.Quota(kind=Kind.QUOTA_KIND_TOKENS)] * 2, r"tenant\.quotas\.1\.kind"),
    ],
)
async def test_a_quota_is_a_number_of_one_kind(core: RunningCore, quotas: list[tenants_pb2.Quota], field: str) -> None:
    request = tenants_pb2.CreateTenantRequest(tenant=tenants_pb2.Tenant(tenant_id="acme", quotas=quotas))

    with pytest.raises(grpc.aio.AioRpcError, match=field):
        await core.stub(TenantsServiceStub).CreateTenant(request)


async def test_the_limit_of_stations_is_a_quota_by_another_name(core: RunningCore) -> None:
    tenants = core.stub(TenantsServiceStub)
    await core.add_tenant("acme")
    await set_quotas(core, "acme", STATIONS=5, TOKENS=7)

    async def update(most: int | None) -> tenants_pb2.Tenant:
        request = tenants_pb2.UpdateTenantRequest(tenant=tenants_pb2.Tenant(tenant_id="acme", max_stations=most))
        request.update_mask.paths.append("max_stations")
        return await tenants.UpdateTenant(request)

    shown = await tenants.GetTenant(tenants_pb2.GetTenantRequest(tenant_id="acme"))
    assert shown.max_stations == 5
    await update(2)
    assert await used(core, "acme") == {"STATIONS": 0, "TOKENS": 0}
    assert not (await update(None)).HasField("max_stations")
    assert await used(core, "acme") == {"TOKENS": 0}
    with pytest.raises(grpc.aio.AioRpcError, match=r"tenant\.max_stations"):
        await update(-1)


async def test_another_core_follows(database_url: str, tmp_path: Path) -> None:
    """It reads the quotas anew, at an interval that a test does not wait for."""
    async with running_core(database_url, tmp_path) as core, running_core(database_url, tmp_path) as other:
        await core.add_tenant("acme")
        await set_quotas(core, "acme", CONNECTIONS=3)
        directory = QuotaDirectory.of(other.core.services)
        await directory.refresh()

        assert directory.connections_of("acme") == 3
        assert directory.connections_of("default") is None
