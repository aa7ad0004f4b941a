"""What a tenant has set up goes with it, whichever block keeps it; what happened stays."""

from typing import Any

from citrine.api.v1 import (
    authorization_pb2,
    charge_records_pb2,
    connections_pb2,
    stations_pb2,
    tariffs_pb2,
    tenants_pb2,
)
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.charge_records_pb2_grpc import ChargeRecordsServiceStub
from citrine.api.v1.connections_pb2_grpc import ConnectionsServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.db.tables import metadata, own_tables
from citrine_core.resources.tenants.repository import HISTORY
from tests.support.charging import ended, started
from tests.support.core import PASSWORD, RunningCore
from tests.support.recording import record_all

REMOVED = frozenset(
    {
        *("alerts", "answered_calls", "api_keys", "authorization_settings", "availabilities", "certificate_orders"),
        *("charging_capacities", "charging_limits", "charging_negotiations", "charging_plans"),
        *("charging_profile_queries", "charging_profiles", "client_certificates", "configuration_selectors"),
        *("configurations", "connectors", "cost_settings", "display_messages"),
        *("early_charging_states", "firmware_campaign_stations", "firmware_campaigns", "firmware_publications"),
        *("firmware_updates", "handshake_refusals", "installed_certificates", "issued_certificates"),
        *("local_list_entries", "local_lists", "location_evses", "locations", "log_uploads", "monitorings"),
        *("monitors", "network_profiles", "provisionings", "refusals", "remote_starts", "report_parts"),
        *("report_runs", "reservation_costs", "reservations", "resets", "security_profile_upgrades"),
        *("station_groups", "station_labels", "station_sightings", "stations", "stored_certificates"),
        *("tariff_assignments", "tariffs", "tokens", "tolerance_rules", "transaction_checks", "transaction_limits"),
        *("transaction_numbers", "transaction_throttles", "variables"),
    }
)
"""Tables of what a tenant has set up, and of the present state of its stations."""


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


async def test_records_and_histories_of_a_tenant_stay_and_go_on(core: RunningCore) -> None:
    """A tenant with the same id sees them, and its changes and sessions are numbered on from theirs."""
    who = core.metadata("other")
    # Any: the types of stubs are those of synchronous channels.
    records: Any = core.stub(ChargeRecordsServiceStub)
    connections: Any = core.stub(ConnectionsServiceStub)
    decisions: Any = core.stub(AuthorizationServiceStub)

    async def charge(transaction_id: str) -> list[tuple[str, int]]:
        """Charge at a station of a new tenant, remove both, and return the records and their changes."""
        await core.add_tenant("other")
        await core.add_station("CS-1", tenant_id="other", registration=1)
        async with core.edge() as edge:
            session = await edge.connect("CS-1", PASSWORD, tenant_id="other")
            await session.call(AuthorizeRequest(id_token=IdToken(id_token="C0FFEE00", type="ISO14443")))
            await session.call_all([started(0, 0, transaction_id=transaction_id)])
            await session.call_all([ended(1, 1500, transaction_id=transaction_id)])
            delete = stations_pb2.DeleteStationRequest(station_id="CS-1")
            await core.stub(StationsServiceStub).DeleteStation(delete, metadata=who)
        # The record may be made only after the tenant was removed.
        await core.stub(TenantsServiceStub).DeleteTenant(tenants_pb2.DeleteTenantRequest(tenant_id="other"))
        await record_all(core)
        await core.add_tenant("other")
        found = await records.ListChargeRecords(charge_records_pb2.ListChargeRecordsRequest(), metadata=who)
        await core.stub(TenantsServiceStub).DeleteTenant(tenants_pb2.DeleteTenantRequest(tenant_id="other"))
        return [(one.transaction_id, one.change) for one in found.records]

    assert await charge("T-1") == [("T-1", 1)]
    assert await charge("T-2") == [("T-2", 2), ("T-1", 1)]
    await core.add_tenant("other")
    sessions = await connections.ListConnectionRecords(connections_pb2.ListConnectionRecordsRequest(), metadata=who)
    asked = await decisions.ListAuthorizationRecords(authorization_pb2.ListAuthorizationRecordsRequest(), metadata=who)
    assert [one.connection.station_id for one in sessions.records] == ["CS-1"] * 2
    asks = [one for one in asked.records if one.purpose == authorization_pb2.AUTHORIZATION_PURPOSE_ASK]
    assert len(asks) == 2


def test_each_table_of_a_tenant_is_removed_with_it_or_is_history() -> None:
    tables = metadata().tables
    of_tenants = {name for name in own_tables() if "tenant_id" in tables[name].c}

    assert of_tenants == HISTORY | REMOVED
    assert not HISTORY & REMOVED
