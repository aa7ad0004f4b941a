"""What a tenant has set up goes with it, whichever block keeps it; what happened stays."""

from citrine.api.v1 import tariffs_pb2, tenants_pb2
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine_core.db import Model
from citrine_core.resources.tenants.repository import HISTORY
from tests.support.core import RunningCore


async def test_a_tenant_goes_with_all_that_it_set_up(core: RunningCore) -> None:
    await core.add_tenant("other")
    tariffs = core.stub(TariffsServiceStub)
    tariff = tariffs_pb2.Tariff(tariff_id="T-1", currency="EUR")
    tariff.elements.add().price_components.add(dimension=tariffs_pb2.TARIFF_DIMENSION_ENERGY, price="0.30")
    await tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=tariff), metadata=core.metadata("other"))

    await core.stub(TenantsServiceStub).DeleteTenant(tenants_pb2.DeleteTenantRequest(tenant_id="other"))

    await core.add_tenant("other")
    page = await tariffs.ListTariffs(tariffs_pb2.ListTariffsRequest(), metadata=core.metadata("other"))
    assert len(page.tariffs) == 0


def test_history_is_of_tables_that_there_are() -> None:
    assert Model.metadata.tables.keys() >= HISTORY
