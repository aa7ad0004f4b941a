"""Each rpc that acts or creates takes an idempotency key: a call that comes again changes nothing, by descriptor.

Tenant A has a row in each table, and stations that answer what they are asked. Each rpc that changes something is
called with a key, and then all are called again: each answers as before, no row changes, and no station is asked. A new
rpc takes part by itself.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import exists, select, text, update

from citrine.api.v1 import access_pb2, configurations_pb2, locations_pb2, operations_pb2, tariffs_pb2
from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWERED, COMMAND_STATE_QUEUED
from citrine.api.v1.configurations_pb2_grpc import ConfigurationsServiceStub
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.operations_pb2_grpc import OperationsServiceStub
from citrine.api.v1.persons_pb2 import ERASURE_STATE_FINISHED
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import action_of, unwrap
from citrine_core.db.tables import metadata
from citrine_core.resources.idempotency import IdempotencyKey
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.test_tenants_apart import (
    DONE_BY_JOBS,
    PLACE,
    fill,
    in_order,
    key_of,
    marked,
    request_of,
    row_of,
    rows_of_a,
    without_jobs,
)
from tests.support.api import auth
from tests.support.charging import ended, started, updated
from tests.support.contracts import issue, pem
from tests.support.core import PASSWORD, RunningCore, hash_once, running_core
from tests.support.fake_edge import FakeEdge
from tests.support.waiting import WAIT

NEW: dict[str, dict[str, Any]] = {
    "ConfigurationsService.CreateConfiguration": {"configuration": {"configuration_id": "new"}},
    "DiagnosticsService.AcknowledgeAlert": {"component": marked("component"), "variable": marked("variable")},
    "DisplayMessageService.SetDisplayMessage": {"request": {"message": {"id": 7}}},
    "EdgesService.CreateEdge": {"edge_name": "new"},
    "EdgesService.RevokeEdge": {"edge_name": "new"},
    "FirmwareCampaignsService.CreateFirmwareCampaign": {"campaign": {"campaign_id": "new"}},
    "FirmwareManagementService.PublishFirmware": {"request": {"request_id": 7}},
    "FirmwareManagementService.UpdateFirmware": {"request": {"request_id": 7}},
    "LocationsService.CreateLocation": {"location": {"location_id": "new"}},
    "LocationsService.CreateLocationEvse": {"evse": {"evse_id": 7}},
    "ReservationService.ReserveNow": {"request": {"id": 7}},
    "StationsService.CreateStation": {"station": {"station_id": "new"}},
    "TenantsService.CreateTenant": {"tenant": {"tenant_id": "new"}},
    "TokensService.CreateToken": {"token": {"type": "Central", "id_token": "new", "party_id": "", "contract_id": ""}},
}
"""What is created must not be there, beside what A has."""

AUTHORITY = pem(issue("an authority"))

PRICED = tariff(element(component("ENERGY", "0.30", "19")), tariff_id="priced")

DEARER = tariff(element(component("ENERGY", "0.40", "19")), tariff_id="dearer")

MOST_POWER = {
    **{"charging_profile_purpose": 2, "charging_profile_kind": 1},
    "charging_schedule": [
        {
            **{"id": 1, "start_schedule": "2026-01-01T00:00:00Z", "charging_rate_unit": 2},
            "charging_schedule_period": [{"start_period": 0, "limit": 32}],
        }
    ],
}

WHOLE: dict[str, dict[str, Any]] = {
    "CertificateStoreService.CreateStoredCertificate": {"certificate": {"uses": [1], "pem": AUTHORITY}},
    "CertificatesService.DeleteCertificate": {
        "target": {"station_id": "S-1"},
        "request": {
            "certificate_hash_data": {
                **{"hash_algorithm": 1, "issuer_name_hash": "ab", "issuer_key_hash": "cd", "serial_number": "1"}
            }
        },
        "force": True,
    },
    "CertificatesService.InstallCertificate": {
        "target": {"station_id": "S-1"},
        "request": {"certificate_type": 1, "certificate": AUTHORITY},
    },
    "CommandsService.CancelCommand": {"command_id": "waits"},
    "ConfigurationsService.ApplyConfiguration": {"station_id": "S-1"},
    "ConfigurationsService.DeleteConfiguration": {"configuration_id": "unused"},
    "ConnectionsService.CloseConnection": {"station_id": "S-2"},
    "DiagnosticsService.CustomerInformation": {
        "target": {"station_id": "S-1"},
        "request": {"report": True, "id_token": {"id_token": "DEADBEEF", "type": "ISO14443"}},
    },
    "LocationsService.DeleteLocation": {"location_id": "unused"},
    "OperationsService.CancelOperation": {"operation_id": "waits", "reason": "x"},
    "OperationsService.CreateOperation": {
        "operation": {
            **{"operation_id": "new", "selection": {"stations": {"station_ids": ["S-1"]}}},
            "action": {"trigger_message": {"request": {"requested_message": 1}}},
        }
    },
    # Of nobody: what is erased of A is erased from stored answers, too.
    "PersonsService.ErasePerson": {"id_token": {"id_token": "N0B0DY-1", "type": "Central"}},
    "SmartChargingService.SetChargingProfile": {
        "target": {"station_id": "S-1"},
        "request": {"evse_id": 0, "charging_profile": MOST_POWER},
    },
    "StationsService.AcceptStation": {"station_id": "held"},
    "StationsService.LowerSecurityProfile": {"station_id": "S-3", "security_profile": 2},
    "StationsService.RevokeStationCertificate": {"station_id": "S-3", "certificate_sha256": "0" * 64},
    "TariffsService.CreateTariff": {"tariff": MessageToDict(PRICED) | {"tariffId": "new"}},
    "TariffsService.UnassignTariff": {"assignment_id": "ends"},
    "TariffsService.UpdateTariff": {"tariff": {"tariff_id": "dearer", "description": "x"}},
    "TenantsService.DeleteTenant": {"tenant_id": "gone"},
    "TenantsService.UpdateTenant": {"tenant": {"tenant_id": "a", "display_name": "A"}},
    "TransactionsService.ConfirmReading": {"transaction_id": "T-steep", "register_wh": 102000},
    "TransactionsService.CreditTransactionCost": {"transaction_id": "T-credited", "amount": "0.10"},
    "TransactionsService.RepriceTransaction": {"transaction_id": "T-repriced", "tariff_id": "dearer"},
    "TransactionsService.SettleTransaction": {"transaction_id": "T-waits"},
    "TransactionsService.WaiveTransactionCost": {"transaction_id": "T-waived"},
}
"""Requests about what `prepare` makes, and no row of `fill`."""

OF_OPERATOR = {
    *("EdgesService.CreateEdge", "EdgesService.RevokeEdge"),
    *("TenantsService.CreateTenant", "TenantsService.DeleteTenant", "TenantsService.UpdateTenant"),
}

COMPARED = {"commands", "locations", "remote_starts", "reservations", "stations", "tariffs", "tokens", "transactions"}
"""Tables whose rows no job of the core itself changes. Of others rows are counted."""

WRITTEN_LATER = {"audit_records", "counted_transactions", "evse_downtimes", "evse_services", "rollups"}
"""What jobs make of what was done or denied, some seconds later."""

AT_WORK = {"commands": COMMAND_STATE_ANSWERED, "erasures": ERASURE_STATE_FINISHED, "operations": 0}
"""Tables of what goes on after the call, until it has a `finish_time`, and a state of what ended (0: of `fill`)."""

EXEMPT = frozenset(
    {
        # Only a vehicle that speaks ISO 15118 has it succeed.
        "SmartChargingService.RenegotiateChargingSchedule",
    }
)
"""Rpcs whose request is refused here before anything is stored."""

FAILING = {
    # The message of `fill` is none.
    "PoisonedMessagesService.RunPoisonedMessage",
    # A station that accepts all says nothing of its network profiles.
    "SecurityProfileUpgradesService.CreateSecurityProfileUpgrade",
}
"""Rpcs that store that they failed."""


def changes(method: MethodDescriptor) -> bool:
    scope = method.GetOptions().Extensions[access_pb2.access].scope
    return bool(scope) and not scope.endswith(":read") and not method.client_streaming


def name_of(method: MethodDescriptor) -> str:
    return f"{method.containing_service.name}.{method.name}"


def sent_by(method: MethodDescriptor) -> Any:
    """Return the request of an rpc."""
    name = name_of(method)
    if name in WHOLE:
        of_transaction = {"station_id": "S-1", "reason": "x"} if "TransactionsService" in name else {}
        return ParseDict(of_transaction | WHOLE[name], GetMessageClass(method.input_type)())
    sent: Any = ParseDict(NEW.get(name, {}), request_of(method))
    if method.name == "RequestStartTransaction":
        sent.request.ClearField("charging_profile")
    return sent


async def call(core: RunningCore, method: MethodDescriptor, key: str) -> tuple[str, Message | str]:
    """Return the code, and the answer or what is wrong."""
    request, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    make: Any = core.channel.unary_unary(
        path, request_serializer=request.SerializeToString, response_deserializer=answer.FromString
    )
    who = core.metadata("a") if name_of(method) in OF_OPERATOR else auth(key)
    metadata = [*who, ("citrine-idempotency-key", name_of(method)[:64])]
    try:
        return "OK", await make(sent_by(method), metadata=metadata, timeout=WAIT)
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


def accepted(command: link.Command) -> Message:
    """Return an answer of a station that accepts all."""
    response = action_of(unwrap(command.request)).response
    assert response is not None
    return response(status=1) if "status" in response.DESCRIPTOR.fields_by_name else response()


async def prepare(core: RunningCore, edge: FakeEdge, key: str) -> None:
    """Make what the requests in WHOLE are about."""
    tables, now = metadata().tables, datetime.now(UTC)
    async with core.core.unit_of_work() as work:
        for name, state in AT_WORK.items():
            ended_row = {"finish_time": now, **({"state": int(state)} if state else {})}
            await work.session.execute(update(tables[name]).values(ended_row))
        await work.session.execute(update(tables["erasures"]).values(ids="[]", lookups="[]"))
        await work.session.execute(update(tables["authorization_settings"]).values(ocsp_hosts="[]"))
        await work.session.execute(update(tables["configuration_selectors"]).values(station_labels="{}"))
        waiting = {"command_id": "waits", "station_id": "S-3", "state": int(COMMAND_STATE_QUEUED), "core_id": None}
        waiting["payload"] = "{}"
        until = dict.fromkeys(("expire_time", "deadline_time"), now + timedelta(days=1))
        await work.session.execute(tables["commands"].insert().values(row_of(tables["commands"]) | waiting | until))
        of_a = tables["stations"].c.tenant_id == "a"
        await work.session.execute(
            update(tables["stations"]).where(of_a).values(enabled=True, password_hash=hash_once(PASSWORD))
        )
        certificates = tables["client_certificates"]
        used = row_of(certificates) | {"sha256": "0" * 64, "station_id": "S-3"}
        await work.session.execute(certificates.insert().values(used))
        await work.commit()
    await core.add_tenant("gone")
    who = {"metadata": auth(key)}
    configurations: Any = core.stub(ConfigurationsServiceStub)
    for name in ("applied", "unused"):
        one = configurations_pb2.Configuration(configuration_id=name)
        await configurations.CreateConfiguration(
            configurations_pb2.CreateConfigurationRequest(configuration=one), **who
        )
    location = ParseDict(PLACE | {"location_id": "unused"}, locations_pb2.Location())
    locations: Any = core.stub(LocationsServiceStub)
    await locations.CreateLocation(locations_pb2.CreateLocationRequest(location=location), **who)
    stations: dict[str, dict[str, Any]] = {
        **{"S-1": {"configuration_id": "applied"}, "S-2": {}, "S-3": {"security_profile": 3}},
        "held": {"registration": 2, "held_time": now},
    }
    for name, columns in stations.items():
        await core.add_station(name, tenant_id="a", **{"registration": 1, **columns})
    await charge(core, edge, who)
    operations: Any = core.stub(OperationsServiceStub)
    new = WHOLE["OperationsService.CreateOperation"]["operation"]
    offline = {
        "operation_id": "waits",
        "offline": "OFFLINE_STATIONS_WAIT",
        "selection": {"stations": {"station_ids": ["S-3"]}},
    }
    operation = ParseDict(new | offline, operations_pb2.Operation())
    await operations.CreateOperation(operations_pb2.CreateOperationRequest(operation=operation), **who)


async def charge(core: RunningCore, edge: FakeEdge, who: dict[str, Any]) -> None:
    """Have stations connected, and one charge by a tariff."""
    tariffs: Any = core.stub(TariffsServiceStub)
    for one in (PRICED, DEARER):
        await tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=one), **who)
    assignment = tariffs_pb2.TariffAssignment(tariff_id="priced", station_id="S-1")
    await tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment), **who)
    assignment.station_id = "S-3"
    made = await tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment), **who)
    assignments = metadata().tables["tariff_assignments"]
    async with core.core.unit_of_work() as work:
        is_it = assignments.c.assignment_id == made.assignment_id
        await work.session.execute(update(assignments).where(is_it).values(assignment_id="ends"))
        await work.commit()
    edge.on_command = accepted
    for name in (marked("station_id"), "S-2"):
        await edge.connect(name, PASSWORD, tenant_id="a")
    station = await edge.connect("S-1", PASSWORD, tenant_id="a")
    for name in ("T-credited", "T-repriced", "T-waived"):
        await station.call_all([started(0, 1000, transaction_id=name), ended(1, 2000, transaction_id=name)])
    steep = [started(0, 1000), updated(1, 2000), ended(2, 102000)]
    waits = [started(0, 1000), ended(2, 2000)]
    for name, requests in (("T-steep", steep), ("T-waits", waits)):
        for request in requests:
            request.transaction_info.transaction_id = name
        await station.call_all(requests)


async def is_at_work(core: RunningCore) -> bool:
    """Return whether something goes on that a call began."""
    tables = [metadata().tables[name] for name in AT_WORK]
    async with core.core.unit_of_work(read_only=True) as work:
        for table in tables:
            goes_on = exists().where(table.c.tenant_id == "a", table.c.finish_time.is_(None))
            if await work.session.scalar(select(goes_on)):
                return True
        return False


async def settled_rows(core: RunningCore) -> dict[str, Any]:
    """Return the rows of A, or their number, once the core's jobs have done what the calls gave them to do.

    Tables are read one after the other, and a job may commit in between: two looks must agree.
    """
    before = None
    async with asyncio.timeout(WAIT):
        while True:
            rows = await rows_of_a(core)
            found = {
                name: some if name in COMPARED else len(some)
                for name, some in rows.items()
                if name not in WRITTEN_LATER
            }
            is_done = not any(rows[table] for table in DONE_BY_JOBS) and not await is_at_work(core)
            if is_done and found == before:
                return found
            before = found if is_done else None
            await asyncio.sleep(0.05)


async def test_no_call_that_comes_again_changes_anything(database_url: str, tmp_path: Path) -> None:
    async with (
        running_core(database_url, tmp_path, make_blocks=without_jobs) as core,
        core.edge() as edge,
    ):
        await core.add_tenant("a")
        key = await key_of(core, "a")
        await fill(core)
        await number_from_100(core)
        await prepare(core, edge, key)
        called = [method for method in in_order() if changes(method)]
        first = {name_of(method): await call(core, method, key) for method in called}
        stored = await stored_keys(core)
        before = await settled_rows(core)
        asked = len(edge.commands)

        known = [method for method in called if name_of(method)[:64] in stored]
        again = {name_of(method): await call(core, method, key) for method in known}

        assert {name: first[name] for name in again} == again
        assert await settled_rows(core) == before
        assert len(edge.commands) == asked
        # What is exempt, or fails, is no more than what must.
        assert first.keys() - again.keys() == EXEMPT
        assert {name for name, (code, _) in first.items() if code != "OK"} == EXEMPT | FAILING
