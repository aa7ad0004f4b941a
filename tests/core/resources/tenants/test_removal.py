"""What a tenant has set up goes with it, whichever block keeps it; what happened follows, but for what is billed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select, update

from citrine.api.v1 import (
    charge_records_pb2,
    reservation_costs_pb2,
    reservation_pb2,
    stations_pb2,
    tariffs_pb2,
    tenants_pb2,
    tokens_pb2,
)
from citrine.api.v1.charge_records_pb2_grpc import ChargeRecordsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.reservation_costs_pb2_grpc import ReservationCostsServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.reservation_pb2 import CancelReservationRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.tariff_and_cost.reservation_costs import ReservationCosts
from citrine_core.blocks.transactions.settlement import DueSettlements
from citrine_core.db.tables import metadata, own_tables
from citrine_core.resources.tenants.removed import HISTORY, RETAINED
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.counted import count_all
from tests.support.recording import record_all
from tests.support.reservations import Desk, reserve_now
from tests.support.waiting import WAIT

REMOVED = frozenset(
    {
        *("alerts", "answered_calls", "api_keys", "authorization_settings", "availabilities", "certificate_orders"),
        *("charging_capacities", "charging_limits", "charging_negotiations", "charging_plans"),
        *("charging_profile_queries", "charging_profiles", "client_certificates", "configuration_selectors"),
        *("configurations", "connectors", "cost_settings", "display_messages"),
        *("early_charging_states", "firmware_campaign_stations", "firmware_campaigns", "firmware_publications"),
        *(
            "firmware_updates",
            "handshake_refusals",
            "installed_certificates",
            "issued_certificates",
        ),
        *("local_list_entries", "local_lists", "location_evses", "locations", "log_uploads", "monitorings"),
        *("monitors", "network_profiles", "operations", "provisionings", "refusals", "remote_starts", "report_parts"),
        *("report_runs", "resets", "security_profile_upgrades"),
        *("station_groups", "station_labels", "station_sightings", "stations", "stored_certificates"),
        *("tariffs", "tokens", "tolerance_rules", "transaction_checks", "transaction_limits"),
        *("token_owner_suspensions", "transaction_numbers", "transaction_throttles", "variables"),
    }
)
"""Tables of what a tenant has set up, and of the present state of its stations."""


async def delete(core: RunningCore, tenant_id: str) -> None:
    await core.stub(TenantsServiceStub).DeleteTenant(tenants_pb2.DeleteTenantRequest(tenant_id=tenant_id))


async def purge(core: RunningCore, tenant_id: str) -> None:
    """Let the jobs run until nothing of a tenant is left but what is retained."""
    async with asyncio.timeout(WAIT):
        while not await rows_of(core, tenant_id) <= RETAINED:
            await DueSettlements(core.core.services).run()
            await record_all(core)
            await core.core.housekeeping.tidy()


async def rows_of(core: RunningCore, tenant_id: str) -> set[str]:
    """Return the names of the tables that have rows of a tenant."""
    tables = {name: metadata().tables[name] for name in own_tables()}
    async with core.core.unit_of_work(read_only=True) as work:
        return {
            name
            for name, table in tables.items()
            if "tenant_id" in table.c
            and await work.session.scalar(select(func.count()).where(table.c.tenant_id == tenant_id))
        }


async def test_a_tenant_goes_with_all_that_happened_but_what_is_billed(core: RunningCore) -> None:
    """What is not settled is settled from what is known; the operator may go on reading the records."""
    who = core.metadata("other")
    # Any: the types of stubs are those of synchronous channels.
    records: Any = core.stub(ChargeRecordsServiceStub)
    tokens: Any = core.stub(TokensServiceStub)
    tenants: Any = core.stub(TenantsServiceStub)
    await core.add_tenant("other")
    await core.add_station("CS-1", tenant_id="other", registration=1)
    token = tokens_pb2.Token(id_token="C0FFEE00", type="ISO14443")
    await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token), metadata=who)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD, tenant_id="other")
        await session.call(AuthorizeRequest(id_token=IdToken(id_token="C0FFEE00", type="ISO14443")))
        await session.call_all([started(0, 0, transaction_id="T-1"), updated(1, 1500, transaction_id="T-1")])
        # An event is missing, and will never come.
        await session.call_all([started(0, 0, transaction_id="T-2"), ended(2, 700, transaction_id="T-2")])
        request = stations_pb2.DeleteStationRequest(station_id="CS-1")
        await core.stub(StationsServiceStub).DeleteStation(request, metadata=who)
    assert {"samples", "authorization_records"} <= await rows_of(core, "other")

    await delete(core, "other")
    await purge(core, "other")
    async with core.core.unit_of_work() as work:
        # Statistics may be behind, or count all anew.
        connection = await work.session.connection()
        cursor = metadata().tables["statistics_cursor"]
        await connection.execute(update(cursor).values(stage=1, due_time=datetime.now(UTC)))
        await work.commit()
    await count_all(core)

    assert await rows_of(core, "other") <= RETAINED
    found = await records.ListChargeRecords(charge_records_pb2.ListChargeRecordsRequest(), metadata=who)
    assert {one.transaction_id: one.energy_kwh for one in found.records} == {"T-1": "1.5", "T-2": "0.7"}
    [removed] = (await tenants.ListTenants(tenants_pb2.ListTenantsRequest(deleted=True))).tenants
    assert (removed.tenant_id, removed.HasField("purge_time")) == ("other", True)
    with pytest.raises(grpc.aio.AioRpcError, match="tenant other does not exist"):
        await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token), metadata=who)


async def test_what_reservations_cost_outlives_the_tenant(core: RunningCore) -> None:
    """Also of one that is not billed yet when its station and the tenant are removed."""
    who = core.metadata("other")
    await core.add_tenant("other")
    await core.add_station("CS-1", tenant_id="other", registration=1)
    # Any: the types of stubs are those of synchronous channels.
    tariffs: Any = core.stub(TariffsServiceStub)
    prices = tariff(
        element(component("FLAT", "4"), reservation=tariffs_pb2.RESERVATION_RESTRICTION_RESERVATION_CANCELLED)
    )
    await tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=prices), metadata=who)
    assignment = tariffs_pb2.TariffAssignment(tariff_id=prices.tariff_id)
    await tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment), metadata=who)
    target = CommandTarget(station_id="CS-1")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD, tenant_id="other")
        await session.call(HeartbeatRequest())
        desk = Desk(core, session)
        for number in (1, 2):
            wanted = reserve_now(id=number, evse_id=number)
            await desk.api.ReserveNow(reservation_pb2.ReserveNowRequest(target=target, request=wanted), metadata=who)
            end = reservation_pb2.CancelReservationRequest(
                target=target, request=CancelReservationRequest(reservation_id=number)
            )
            await desk.api.CancelReservation(end, metadata=who)
    await ReservationCosts(core.core.services).run()
    now = core.core.services.clock()
    await bill_at(core, now + timedelta(hours=1))
    request = stations_pb2.DeleteStationRequest(station_id="CS-1")
    await core.stub(StationsServiceStub).DeleteStation(request, metadata=who)

    await delete(core, "other")
    await core.core.housekeeping.tidy()
    await bill_at(core, now)
    await ReservationCosts(core.core.services).run()
    await purge(core, "other")

    costs: Any = core.stub(ReservationCostsServiceStub)
    found = await costs.ListReservationCosts(reservation_costs_pb2.ListReservationCostsRequest(), metadata=who)
    assert [one.cost.total.before_tax for one in found.costs] == ["4.00", "4.00"]


async def bill_at(core: RunningCore, time: datetime) -> None:
    """Have the second reservation be unbilled until a time."""
    async with core.core.unit_of_work() as work:
        table = metadata().tables["reservations"]
        await work.session.execute(update(table).where(table.c.reservation_id == 2).values(bill_time=time))
        if time > core.core.services.clock():
            costs = metadata().tables["reservation_costs"]
            await work.session.execute(sql_delete(costs).where(costs.c.reservation_id == 2))
        await work.commit()


async def test_the_id_of_a_removed_tenant_is_never_used_again(core: RunningCore) -> None:
    await core.add_tenant("other")
    await delete(core, "other")

    tenants: Any = core.stub(TenantsServiceStub)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await tenants.CreateTenant(tenants_pb2.CreateTenantRequest(tenant=tenants_pb2.Tenant(tenant_id="other")))

    assert refused.value.code() == grpc.StatusCode.ALREADY_EXISTS
    assert refused.value.details() == "removed tenant other already exists"


def test_each_table_of_a_tenant_is_removed_with_it_or_is_history() -> None:
    tables = metadata().tables
    of_tenants = {name for name in own_tables() if "tenant_id" in tables[name].c}

    assert of_tenants == HISTORY | REMOVED
    assert not HISTORY & REMOVED
