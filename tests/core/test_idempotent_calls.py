"""Each rpc that acts or creates takes an idempotency key: a call that comes again changes nothing, by descriptor.

Tenant A has a row in each table. Each rpc that changes something is called with a key, and then all are called again:
each answers as before, and no row changes. A new rpc takes part by itself.
"""

import asyncio
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import select, text

from citrine.api.v1 import access_pb2
from citrine_core.resources.idempotency import IdempotencyKey
from tests.core.test_tenants_apart import DONE_BY_JOBS, fill, in_order, key_of, request_of, rows_of_a, without_jobs
from tests.support.api import auth
from tests.support.core import RunningCore, running_core
from tests.support.waiting import WAIT

NEW: dict[str, dict[str, Any]] = {
    "ConfigurationsService.CreateConfiguration": {"configuration": {"configuration_id": "new"}},
    "DisplayMessageService.SetDisplayMessage": {"request": {"message": {"id": 7}}},
    "EdgesService.CreateEdge": {"edge_name": "new"},
    "EdgesService.RevokeEdge": {"edge_name": "new"},
    "FirmwareCampaignsService.CreateFirmwareCampaign": {"campaign": {"campaign_id": "new"}},
    "FirmwareManagementService.PublishFirmware": {"request": {"request_id": 7}},
    "FirmwareManagementService.UpdateFirmware": {"request": {"request_id": 7}},
    "LocationsService.CreateLocation": {"location": {"location_id": "new"}},
    "LocationsService.CreateLocationEvse": {"evse": {"evse_id": 7}},
    # Of nobody: what is erased of A is erased from stored answers, too.
    "PersonsService.ErasePerson": {"id_token": {"id_token": "N0B0DY-1"}},
    "ReservationService.ReserveNow": {"request": {"id": 7}},
    "StationsService.CreateStation": {"station": {"station_id": "new"}},
    "TariffsService.CreateTariff": {"tariff": {"currency": "EUR", "tariff_id": "new"}},
    "TariffsService.UpdateTariff": {"tariff": {"currency": "EUR"}},
    "TenantsService.CreateTenant": {"tenant": {"tenant_id": "new"}},
    "TokensService.CreateToken": {"token": {"type": "Central", "id_token": "new", "party_id": "", "contract_id": ""}},
}
"""What is created must not be there, beside what A has."""

OF_OPERATOR = {"EdgesService.CreateEdge", "EdgesService.RevokeEdge", "TenantsService.CreateTenant"}

COMPARED = {"commands", "locations", "remote_starts", "reservations", "stations", "tariffs", "tokens", "transactions"}
"""Tables whose rows no job of the core itself changes. Of others rows are counted."""

WRITTEN_LATER = {"audit_records", "counted_transactions", "evse_downtimes", "evse_services", "rollups"}
"""What jobs make of what was done or denied, some seconds later."""

INVALID: frozenset[str] = frozenset(
    {
        "CertificateStoreService.CreateStoredCertificate",
        "CertificatesService.DeleteCertificate",
        "CertificatesService.InstallCertificate",
        "ConfigurationsService.ApplyConfiguration",
        "ConfigurationsService.DeleteConfiguration",
        "ConnectionsService.CloseConnection",
        "DiagnosticsService.AcknowledgeAlert",
        "DiagnosticsService.CustomerInformation",
        "LocationsService.DeleteLocation",
        "OperationsService.CancelOperation",
        "OperationsService.CreateOperation",
        "PersonsService.ErasePerson",
        "SmartChargingService.RenegotiateChargingSchedule",
        "SmartChargingService.SetChargingProfile",
        "StationsService.AcceptStation",
        "StationsService.LowerSecurityProfile",
        "StationsService.RevokeStationCertificate",
        "TariffsService.CreateTariff",
        "TariffsService.UnassignTariff",
        "TariffsService.UpdateTariff",
        "TenantsService.DeleteTenant",
        "TenantsService.UpdateTenant",
        "TransactionsService.ConfirmReading",
        "TransactionsService.CreditTransactionCost",
        "TransactionsService.RepriceTransaction",
        "TransactionsService.SettleTransaction",
        "TransactionsService.WaiveTransactionCost",
    }
)
"""Rpcs whose request is refused here before anything is stored: it needs more than ids, or another state."""


def changes(method: MethodDescriptor) -> bool:
    scope = method.GetOptions().Extensions[access_pb2.access].scope
    return bool(scope) and not scope.endswith(":read") and not method.client_streaming


def name_of(method: MethodDescriptor) -> str:
    return f"{method.containing_service.name}.{method.name}"


async def call(core: RunningCore, method: MethodDescriptor, key: str) -> tuple[str, Message | str]:
    """Return the code, and the answer or what is wrong."""
    request, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    make: Any = core.channel.unary_unary(
        path, request_serializer=request.SerializeToString, response_deserializer=answer.FromString
    )
    who = core.metadata("a") if name_of(method) in OF_OPERATOR else auth(key)
    sent: Any = ParseDict(NEW.get(name_of(method), {}), request_of(method))
    if method.name == "RequestStartTransaction":
        sent.request.ClearField("charging_profile")
    metadata = [*who, ("citrine-idempotency-key", name_of(method)[:64])]
    try:
        return "OK", await make(sent, metadata=metadata, timeout=WAIT)
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""


async def stored_keys(core: RunningCore) -> set[str]:
    async with core.core.unit_of_work(read_only=True) as work:
        return set((await work.session.scalars(select(IdempotencyKey.idempotency_key))).all())


async def number_from_100(core: RunningCore) -> None:
    """Have PostgreSQL number what comes next behind the rows that were given numbers."""
    if core.core.engine.dialect.name == "postgresql":
        async with core.core.engine.begin() as connection:
            await connection.execute(text("SELECT setval(sequencename\\:\\:regclass, 100) FROM pg_sequences"))


async def settled_rows(core: RunningCore) -> dict[str, Any]:
    """Return the rows of A, or their number, once the core's jobs have done what the calls gave them to do."""
    async with asyncio.timeout(WAIT):
        while True:
            rows = await rows_of_a(core)
            if not any(rows[table] for table in DONE_BY_JOBS):
                return {
                    name: found if name in COMPARED else len(found)
                    for name, found in rows.items()
                    if name not in WRITTEN_LATER
                }
            await asyncio.sleep(0.05)


async def test_no_call_that_comes_again_changes_anything(database_url: str, tmp_path: Path) -> None:
    async with running_core(database_url, tmp_path, make_blocks=without_jobs) as core:
        await core.add_tenant("a")
        key = await key_of(core, "a")
        await fill(core)
        await number_from_100(core)
        called = [method for method in in_order() if changes(method)]
        first = {name_of(method): await call(core, method, key) for method in called}
        stored = await stored_keys(core)
        before = await settled_rows(core)

        known = [method for method in called if name_of(method)[:64] in stored]
        again = {name_of(method): await call(core, method, key) for method in known}

        assert {name: first[name] for name in again} == again
        assert await settled_rows(core) == before
        assert {name: first[name] for name in first.keys() - again.keys() - INVALID} == {}
