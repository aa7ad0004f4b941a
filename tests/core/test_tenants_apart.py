"""Nothing of a tenant is seen, counted, changed or commanded by another: every rpc, by descriptor.

Each table has a row of tenant A, whose texts all bear a mark; tenant B asks for them by every rpc of the contract. A
new table and a new rpc take part by themselves. That a request would have found the row is shown by A, who sends the
same one afterwards.
"""

import asyncio
import contextlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import Boolean, Column, DateTime, LargeBinary, String, Table, TypeDecorator, select

from citrine.api.v1 import keys_pb2
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine.api.v1.operations_pb2 import OPERATION_STATE_COMPLETED
from citrine_core.blocks import blocks_of
from citrine_core.db.tables import metadata, own_tables
from citrine_core.dispatch import Block
from citrine_core.services import Services
from tests.support.api import auth
from tests.support.contract import rpcs
from tests.support.core import RunningCore, running_core
from tests.support.waiting import WAIT

MARK = "of-a"
MARKED = re.compile(rf"{MARK}[\w-]*")

NAMES = {"id": "command_id", "id_token": "lookup", "rule": "rule_id", "name": "display_name"}
"""Columns that fields of requests name otherwise."""

DONE_BY_JOBS = {"due_charge_records", "charge_record_backfills"}
"""Tables of what a job of the core itself does and removes, whatever the blocks are."""

ENDED = {"NOT_FOUND", "INVALID_ARGUMENT"}
"""How a request ends that finds nothing, or is no request."""


def marked(name: str) -> str:
    """Return the value that columns and fields of a name have."""
    return f"{MARK}-{NAMES.get(name, name)}"[:20]


def value_of(column: Column[Any]) -> Any:
    if column.name == "tenant_id":
        return "a"
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(kind, LargeBinary):
        return b""
    if (column.table.name, column.name) == ("tokens", "type"):
        return "Central"
    # What is at work goes on.
    if (column.table.name, column.name) == ("operations", "state"):
        return int(OPERATION_STATE_COMPLETED)
    # A core encrypts what is not, sooner or later: it would look like a change.
    if column.name in ("authorizer_credential", "secret_location", "secret_payload"):
        return ""
    if isinstance(kind, String):
        return marked(column.name)[: kind.length]
    if isinstance(kind, DateTime):
        return datetime.now(UTC)
    return kind.python_type(not isinstance(kind, Boolean))


def row_of(table: Table) -> dict[str, Any]:
    given = [
        column for column in table.columns if column.primary_key or column.name.endswith("_id") or not column.nullable
    ]
    return {column.name: value_of(column) for column in given}


async def fill(core: RunningCore) -> None:
    """Give tenant A a row in each table."""
    async with core.core.unit_of_work() as work:
        for table in metadata().sorted_tables:
            if "tenant_id" in table.c and table.name in own_tables() - {"tenants"} - DONE_BY_JOBS:
                await work.session.execute(table.insert().values(row_of(table)))
        await work.commit()


def without_jobs(services: Services) -> list[Block]:
    """Return the blocks as they are, save that they change nothing by themselves."""
    return [replace(block, jobs=[]) for block in blocks_of(services)]


async def rows_of_a(core: RunningCore) -> dict[str, list[Any]]:
    found = {}
    async with core.core.unit_of_work(read_only=True) as work:
        for table in metadata().sorted_tables:
            if "tenant_id" in table.c and table.name in own_tables():
                rows = await work.session.execute(select(table).where(table.c.tenant_id == "a"))
                found[table.name] = sorted(map(repr, rows))
    return found


def fill_ids(message: Message, depth: int = 0) -> Message:
    """Have a request name what is A's."""
    for field in message.DESCRIPTOR.fields:
        if field.name == "tenant_id":
            setattr(message, field.name, "a")
        elif field.message_type is not None:
            if depth < 2 and not field.is_repeated and not field.message_type.full_name.startswith("google."):
                inner = getattr(message, field.name)
                fill_ids(inner, depth + 1)
        elif field.type == FieldDescriptor.TYPE_STRING and is_id(field.name):
            value = marked(field.name.removesuffix("s") if field.is_repeated else field.name)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            elif field.containing_oneof is None or message.WhichOneof(field.containing_oneof.name) is None:
                setattr(message, field.name, value)
        elif not field.is_repeated and is_id(field.name) and field.containing_oneof is None:
            setattr(message, field.name, 1)
    return message


def is_id(name: str) -> bool:
    return name in NAMES or name.endswith(("_id", "_ids")) or name in ("id_token", "fingerprint", "slot", "action")


async def call(core: RunningCore, method: MethodDescriptor, key: str) -> tuple[str, list[Message]]:
    """Return the code and the answers of a call, of a stream those of a moment."""
    request, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    sent = request_of(method)
    kind = core.channel.unary_stream if method.server_streaming else core.channel.unary_unary
    make: Any = kind(path, request_serializer=request.SerializeToString, response_deserializer=answer.FromString)
    answers: list[Message] = []
    try:
        if not method.server_streaming:
            answers.append(await make(sent, metadata=auth(key), timeout=WAIT))
        else:
            with contextlib.suppress(TimeoutError):
                stream = make(sent, metadata=auth(key))
                async with asyncio.timeout(1):
                    async for one in stream:
                        answers.append(one)
    except grpc.aio.AioRpcError as error:
        return error.code().name, answers
    return "OK", answers


def shows_more(method: MethodDescriptor, answers: list[Message]) -> bool:
    """Return whether answers have marks: of what reads any, of what writes others than B itself has sent."""
    sent = str(request_of(method))
    reads = method.name.startswith(("Get", "List", "Watch", "Subscribe")) and method.name != "GetStationAddress"
    echoed = set() if reads else set(MARKED.findall(sent))
    return bool(set(MARKED.findall("".join(map(str, answers)))) - echoed)


async def key_of(core: RunningCore, tenant_id: str) -> str:
    request = keys_pb2.CreateKeyRequest(display_name=tenant_id, scopes=["*"])
    made = await core.stub(KeysServiceStub).CreateKey(request, metadata=core.metadata(tenant_id))
    return made.secret


PLACE = {
    **{"address": "x", "city": "x", "country": "NLD", "time_zone": "UTC", "party_id": ""},
    "coordinates": {"latitude": "51.04759", "longitude": "3.72994"},
}
"""What a location needs besides ids."""

MORE: dict[str, dict[str, Any]] = {
    "AuthorizationService.GetAuthorizationRecord": {"record_id": "1"},
    "AvailabilityService.ChangeAvailability": {"request": {"operational_status": 1}},
    "CertificateStoreService.CreateStoredCertificate": {"certificate": {"uses": [1], "pem": "x"}},
    "CertificatesService.InstallCertificate": {"request": {"certificate_type": 1, "certificate": "x"}},
    "CertificatesService.ListInstalledCertificates": {"fingerprint": ""},
    "ChargeRecordsService.GetChargeRecord": {"station_id": "", "transaction_id": ""},
    "CommandsService.CallStation": {"action": "ClearCache"},
    "ConnectionsService.GetConnectionRecord": {"epoch": 1},
    "DataTransferService.GetCustomMessage": {"custom_message_id": "1"},
    "DataTransferService.GetDataTransfer": {"data_transfer_id": "1"},
    "DiagnosticsService.AcknowledgeAlert": {"component": "x", "variable": "y"},
    "DiagnosticsService.CustomerInformation": {"request": {"report": True, "customer_identifier": "x"}},
    "DiagnosticsService.GetAlert": {"component": {"name": "x"}, "variable": {"name": "y"}},
    "DiagnosticsService.GetLog": {"request": {"log": {"remote_location": "ftp://x.example/y"}, "log_type": 1}},
    "DiagnosticsService.GetStationEvent": {"station_event_id": "1"},
    "DiagnosticsService.SetMonitoringBase": {"request": {"monitoring_base": 1}},
    "DisplayMessageService.SetDisplayMessage": {
        "request": {"message": {"priority": 1, "message": {"content": "x", "format": 4}}}
    },
    "FirmwareCampaignsService.CreateFirmwareCampaign": {"campaign": {"firmware": {"location": "https://x.example/y"}}},
    "FirmwareManagementService.PublishFirmware": {"request": {"location": "https://x.example/y", "checksum": "0" * 32}},
    "FirmwareManagementService.UnpublishFirmware": {"request": {"checksum": "0" * 32}},
    "FirmwareManagementService.UpdateFirmware": {
        "request": {"firmware": {"location": "https://x.example/y", "retrieve_date_time": "2030-01-01T00:00:00Z"}}
    },
    "KeysService.CreateKey": {"display_name": "x", "scopes": ["stations:read"]},
    "LocalAuthListService.SendLocalList": {"request": {"update_type": 2, "version_number": 9}},
    "LocationsService.CreateLocation": {"location": PLACE},
    "LocationsService.CreateLocationEvse": {"evse": {"public_id": ""}},
    "LocationsService.DeleteLocationEvse": {"uid": marked("uid")},
    "LocationsService.GetLocationEvse": {"uid": marked("uid")},
    "LocationsService.UpdateLocation": {"location": PLACE},
    "LocationsService.UpdateLocationEvse": {"evse": {"uid": marked("uid"), "public_id": ""}},
    "PoisonedMessagesService.DeletePoisonedMessage": {"poisoned_message_id": "1"},
    "PoisonedMessagesService.GetPoisonedMessage": {"poisoned_message_id": "1"},
    "PoisonedMessagesService.RunPoisonedMessage": {"poisoned_message_id": "1"},
    "ProvisioningService.GetBaseReport": {"request": {"report_base": 2}},
    "ProvisioningService.GetReset": {"reset_id": "1"},
    "ProvisioningService.Reset": {"request": {"type": 1}},
    "RefusalsService.SetToleranceRule": {"rule": {"kinds": [1], "rule_id": "x"}},
    "RemoteControlService.TriggerMessage": {"request": {"requested_message": 1}},
    "RemoteControlService.UnlockConnector": {"transaction_id": ""},
    "ReportsService.GetReportRun": {"kind": 1},
    "ReportsService.ListReportParts": {"kind": 1},
    "ReportsService.WatchReportRun": {"kind": 1},
    "ReservationService.ReserveNow": {"request": {"expiry_date_time": "2030-01-01T00:00:00Z"}},
    "SecurityService.GetSecurityEvent": {"security_event_id": "1"},
    "SecurityProfileUpgradesService.CreateSecurityProfileUpgrade": {
        "connection_data": {"security_profile": 2},
        "configuration_slot": 1,
    },
    "SmartChargingService.GetChargingProfiles": {
        "request": {"charging_profile": {"charging_profile_purpose": 2, "charging_profile_id": []}}
    },
    "SmartChargingService.ClearChargingProfile": {"request": {"charging_profile_id": 1}, "transaction_id": ""},
    "SmartChargingService.GetCompositeSchedule": {"request": {"duration": 60}},
    "SmartChargingService.SetChargingCapacity": {"capacity": {"max_power_w": "1000"}},
    "StationsService.LowerSecurityProfile": {"security_profile": 1},
    "StationsService.RevokeStationCertificate": {"certificate_sha256": "0" * 64},
    "StatisticsService.ListSeries": {
        "time": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
        "tariff_id": "",
    },
    "TariffsService.AssignTariff": {"assignment": {"location_id": ""}},
    "TokensService.AddCredit": {"type": "Central", "amount": "5.00"},
    "TokensService.ExportTokens": {"party_id": ""},
    "TokensService.ListTokens": {"party_id": ""},
    "TokensService.ResumeTokenOwner": {"country_code": "NL", "party_id": "TNM"},
    "TokensService.SuspendTokenOwner": {"country_code": "NL", "party_id": "TNM"},
    "TokensService.UpdateToken": {"token": {"type": "Central", "party_id": "", "contract_id": ""}},
    "TransactionsService.CreditTransactionCost": {"reason": "x", "amount": "1"},
    "TransactionsService.ConfirmReading": {"reason": "x"},
    "TransactionsService.ReopenTransaction": {"reason": "x"},
    "TransactionsService.RepriceTransaction": {"reason": "x"},
    "TransactionsService.SettleTransaction": {"reason": "x"},
    "TransactionsService.WaiveTransactionCost": {"reason": "x"},
}
"""What requests need besides ids."""

UNPROVEN = frozenset(
    {
        # They make something, and name nothing that is there.
        "CertificateStoreService.CreateStoredCertificate",
        "CertificatesService.InstallCertificate",
        "TariffsService.CreateTariff",
        "TariffsService.PreviewCost",
        "TokensService.CreateToken",
        "TokensService.ImportTokens",
        # A connection that is open takes a station that is.
        "ConnectionsService.CloseConnection",
        "ConnectionsService.GetConnection",
        # They need more than an id to be valid, and look for their station behind that.
        "OperationsService.CreateOperation",
        "DiagnosticsService.AcknowledgeAlert",
        "DiagnosticsService.GetAlert",
        "DiagnosticsService.CustomerInformation",
        "RemoteControlService.RequestStartTransaction",
        "SmartChargingService.SetChargingProfile",
        "StationsService.RevokeStationCertificate",
        "TariffsService.UpdateTariff",
        # Its report is of another kind.
        "DiagnosticsService.GetLogUpload",
        # Of a tariff that A has removed by then.
        "TariffsService.UnassignTariff",
    }
)
"""Rpcs of which A does not show that the request of B would have found something. A new one belongs into MORE."""


def request_of(method: MethodDescriptor) -> Message:
    request = fill_ids(GetMessageClass(method.input_type)())
    if f"{method.containing_service.name}.{method.name}" == "ConfigurationsService.ApplyConfiguration":
        # One station is selected by its id, and not by anything else, too.
        request.ClearField("stations")
    return ParseDict(MORE.get(f"{method.containing_service.name}.{method.name}", {}), request)


async def test_no_rpc_reaches_what_is_of_another_tenant(database_url: str, tmp_path: Path) -> None:
    async with running_core(database_url, tmp_path, make_blocks=without_jobs) as core:
        for tenant_id in ("a", "b"):
            await core.add_tenant(tenant_id)
        key_of_a, key_of_b = await key_of(core, "a"), await key_of(core, "b")
        await fill(core)
        before = await rows_of_a(core)

        wrong = []
        for method in rpcs():
            code, answers = await call(core, method, key_of_b)
            if shows_more(method, answers) or code in ("INTERNAL", "UNKNOWN"):
                wrong.append((method.full_name, code, answers))

        assert wrong == []
        assert await rows_of_a(core) == before
        reached = {method.full_name: (await call(core, method, key_of_a))[0] for method in in_order()}
        assert {name.removeprefix("citrine.api.v1.") for name, code in reached.items() if code in ENDED} == UNPROVEN


def in_order() -> list[MethodDescriptor]:
    """Return the rpcs, those last that remove what others find."""
    removing = ("Delete", "Unassign", "Cancel", "Revoke")
    return sorted(rpcs(), key=lambda one: (one.name.startswith("Erase"), one.name.startswith(removing)))
