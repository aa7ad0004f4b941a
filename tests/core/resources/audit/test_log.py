"""What the audit says of calls, at a whole core."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from citrine.api.v1 import audit_pb2 as pb
from citrine.api.v1 import authorization_pb2, commands_pb2, common_pb2, keys_pb2, stations_pb2, tenants_pb2, tokens_pb2
from citrine.api.v1.audit_pb2_grpc import AuditServiceStub
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine_core.resources.audit import AuditLog
from tests.support.api import auth
from tests.support.core import PASSWORD, RunningCore, running_core

SECRET = "a-password-nobody-may-read"


async def records(core: RunningCore, **filters: object) -> list[pb.AuditRecord]:
    request = pb.ListAuditRecordsRequest(**filters)  # type: ignore[arg-type]
    answer = await core.stub(AuditServiceStub).ListAuditRecords(request)
    return list(answer.records)


async def store_denials(core: RunningCore) -> None:
    await AuditLog.of(core.core.services).store()


async def make_key(core: RunningCore, *scopes: str, tenant_id: str = "default") -> keys_pb2.CreateKeyResponse:
    request = keys_pb2.CreateKeyRequest(display_name="dispatcher", scopes=scopes)
    return await core.stub(KeysServiceStub).CreateKey(request, metadata=core.metadata(tenant_id))


async def test_change_is_recorded_with_who_did_what_to_what_from_where(core: RunningCore) -> None:
    made = await make_key(core, "stations:write")
    station = stations_pb2.Station(station_id="CS-1")
    create = stations_pb2.CreateStationRequest(station=station, password=SECRET)

    await core.stub(StationsServiceStub).CreateStation(create, metadata=auth(made.secret))

    newest, of_key = await records(core)
    assert (newest.method, newest.object, newest.outcome, newest.count) == (
        "StationsService/CreateStation",
        "station_id=CS-1",
        "OK",
        1,
    )
    assert (newest.caller_id, newest.caller_name) == (made.key.key_id, "dispatcher")
    assert newest.address == "127.0.0.1"
    assert newest.tenant_id == "default"
    assert json.loads(newest.request)["station"] == {"stationId": "CS-1"}
    assert of_key.method == "KeysService/CreateKey"
    assert abs(newest.time.ToDatetime(UTC) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_record_is_stored_in_the_transaction_of_the_change(core: RunningCore) -> None:
    """The change does not happen if its record can't be stored."""
    async with core.core.unit_of_work() as work:
        await work.session.execute(text("ALTER TABLE audit_records RENAME TO audit_records_away"))
        await work.commit()

    with pytest.raises(grpc.aio.AioRpcError):
        await core.stub(StationsServiceStub).CreateStation(
            stations_pb2.CreateStationRequest(station=stations_pb2.Station(station_id="CS-1"), password=SECRET)
        )

    assert not (await core.stub(StationsServiceStub).ListStations(stations_pb2.ListStationsRequest())).stations
    async with core.core.unit_of_work() as work:
        await work.session.execute(text("ALTER TABLE audit_records_away RENAME TO audit_records"))
        await work.commit()


async def test_no_secret_is_recorded(core: RunningCore) -> None:
    await core.add_station("CS-1")
    stations, tokens = core.stub(StationsServiceStub), core.stub(TokensServiceStub)
    await stations.SetStationPassword(stations_pb2.SetStationPasswordRequest(station_id="CS-1", password=SECRET))
    typed = tokens_pb2.Token(id_token="98765432", type="KeyCode")
    await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=typed))
    settings = authorization_pb2.AuthorizationSettings()
    settings.authorizer.address, settings.authorizer.credential = "authorizer.example:443", SECRET
    await core.stub(AuthorizationServiceStub).UpdateAuthorizationSettings(
        authorization_pb2.UpdateAuthorizationSettingsRequest(settings=settings)
    )
    command = commands_pb2.CallStationRequest(
        target=common_pb2.CommandTarget(station_id="CS-1", when_online=True), action="SetVariables"
    )
    command.payload.update(
        {
            "setVariableData": [
                {
                    "attributeValue": SECRET,
                    "component": {"name": "SecurityCtrlr"},
                    "variable": {"name": "BasicAuthPassword"},
                },
                {
                    "attributeValue": "write-only-of-a-vendor",
                    "component": {"name": "VendorCtrlr"},
                    "variable": {"name": "ApiKey"},
                },
            ]
        }
    )
    await core.stub(CommandsServiceStub).CallStation(command)

    found = await records(core)

    assert [record.method.partition("/")[2] for record in found] == [
        "CallStation",
        "UpdateAuthorizationSettings",
        "CreateToken",
        "SetStationPassword",
    ]
    assert "station_id=CS-1" in found[0].object
    said = "".join(str(record) for record in found)
    assert SECRET not in said
    assert "98765432" not in said
    assert "write-only-of-a-vendor" not in said
    assert PASSWORD not in said


async def test_denied_calls_are_recorded_and_counted(core: RunningCore) -> None:
    await core.add_tenant("acme")
    made = await make_key(core, "stations:read", tenant_id="acme")
    stub = core.stub(StationsServiceStub)
    delete = stations_pb2.DeleteStationRequest(station_id="CS-1")
    for metadata in (*[auth(made.secret)] * 3, *[auth("nonsense")] * 2):
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.DeleteStation(delete, metadata=metadata)
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.DeleteStation(delete)

    await store_denials(core)

    found = {(one.outcome, one.caller_name, one.tenant_id): one for one in await records(core, all_tenants=True)}
    denied = found["PERMISSION_DENIED", "dispatcher", "acme"]
    assert (denied.method, denied.count, denied.address) == ("StationsService/DeleteStation", 3, "127.0.0.1")
    assert found["UNAUTHENTICATED", "", ""].count == 2
    assert found["NOT_FOUND", "operator (key file)", "default"].count == 1
    of_acme = await core.stub(AuditServiceStub).ListAuditRecords(
        pb.ListAuditRecordsRequest(), metadata=core.metadata("acme")
    )
    assert {record.tenant_id for record in of_acme.records} == {"acme"}


async def test_many_strangers_make_few_records(core: RunningCore) -> None:
    log = AuditLog.of(core.core.services)
    for number in range(1000):
        log.denied("/citrine.api.v1.X/Y", None, f"ipv4:10.0.{number % 250}.1:1", grpc.StatusCode.UNAUTHENTICATED)

    await store_denials(core)

    found = await records(core, all_tenants=True)
    assert len(found) <= 21
    assert sum(record.count for record in found) == 1000


async def test_records_are_found_by_caller_method_object_and_time(core: RunningCore) -> None:
    await core.add_tenant("acme")
    for station_id in ("CS-1", "CS-2"):
        await core.stub(StationsServiceStub).CreateStation(
            stations_pb2.CreateStationRequest(station=stations_pb2.Station(station_id=station_id), password=SECRET)
        )
    await core.stub(TenantsServiceStub).UpdateTenant(
        tenants_pb2.UpdateTenantRequest(tenant=tenants_pb2.Tenant(tenant_id="acme", display_name="Acme"))
    )

    assert [one.object for one in await records(core, object="CS-2")] == ["station_id=CS-2"]
    assert [one.object for one in await records(core, about="station_id=CS-2")] == ["station_id=CS-2"]
    assert await records(core, about="station_id=CS") == []
    assert [one.object for one in await records(core, method="TenantsService/UpdateTenant")] == ["tenant_id=acme"]
    operator = (await records(core))[0].caller_id
    assert len(await records(core, caller_id=operator)) == 3
    later = common_pb2.TimeRange()
    later.start.FromDatetime(datetime.now(UTC) + timedelta(minutes=1))
    assert await records(core, time=later) == []
    made = await make_key(core, "audit:read", tenant_id="acme")
    with pytest.raises(grpc.aio.AioRpcError, match="only the operator"):
        await core.stub(AuditServiceStub).ListAuditRecords(
            pb.ListAuditRecordsRequest(all_tenants=True), metadata=auth(made.secret)
        )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_records SET caller_name = 'somebody else'",
        "DELETE FROM audit_records",
        "DELETE FROM audit_checkpoints",
    ],
)
async def test_database_refuses_to_change_the_audit(core: RunningCore, change: str) -> None:
    await make_key(core, "stations:read")
    async with core.core.unit_of_work() as work:
        await work.session.execute(text("INSERT INTO audit_checkpoints (chain_id, number, hash) VALUES ('c', 1, 'h')"))
        await work.commit()

    with pytest.raises(DBAPIError, match="audit"):
        async with core.core.unit_of_work() as work:
            await work.session.execute(text(change))


async def _verify(core: RunningCore) -> pb.VerifyAuditRecordsResponse:
    answer = await core.stub(AuditServiceStub).VerifyAuditRecords(pb.VerifyAuditRecordsRequest())
    assert isinstance(answer, Message)
    return answer


async def _without_triggers(core: RunningCore, change: str) -> None:
    """Do as somebody who may do everything with the database."""
    async with core.core.unit_of_work() as work:
        if work.session.get_bind().dialect.name == "sqlite":
            await work.session.execute(text("DROP TRIGGER audit_records_unchanged"))
            await work.session.execute(text("DROP TRIGGER audit_records_retained"))
        else:
            await work.session.execute(text("ALTER TABLE audit_records DISABLE TRIGGER USER"))
        await work.session.execute(text(change))
        await work.commit()


async def _make_keys(core: RunningCore, number: int) -> None:
    for _ in range(number):
        await make_key(core, "stations:read")


async def test_untouched_audit_is_verified(core: RunningCore) -> None:
    await _make_keys(core, 3)
    await asyncio.gather(*(make_key(core, "stations:read") for _ in range(20)))

    verified = await _verify(core)

    assert (verified.records, list(verified.problems)) == (23, [])
    assert 1 <= verified.chains <= 9


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param("UPDATE audit_records SET object = 'x' WHERE number = 3", "it was changed", id="changed"),
        pytest.param("DELETE FROM audit_records WHERE number = 3", "the records 3 to 3 are missing", id="removed"),
        pytest.param("DELETE FROM audit_records WHERE number = 1", "the records 1 to 1 are missing", id="first"),
    ],
)
async def test_changed_or_removed_record_shows(core: RunningCore, change: str, reason: str) -> None:
    await _make_keys(core, 5)
    await _without_triggers(core, change)

    verified = await _verify(core)

    assert [problem.description for problem in verified.problems] == [reason]


async def test_end_of_a_chain_that_was_removed_shows_once_a_core_starts_anew(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path) as core:
        await _make_keys(core, 3)
    async with running_core(sqlite_url, tmp_path) as core:
        await _make_keys(core, 1)
        assert not (await _verify(core)).problems
        await _without_triggers(core, "DELETE FROM audit_records WHERE number = 3")

        verified = await _verify(core)

    expected = "the record that was the newest when its chain began is missing"
    assert [problem.description for problem in verified.problems] == [expected]


async def test_chain_goes_on_behind_what_was_removed_by_age(core: RunningCore) -> None:
    now = datetime.now(UTC)
    times = [now - timedelta(days=days) for days in (500, 450, 100, 10)]
    log = AuditLog(core.core.unit_of_work, lambda: times[0])
    while times:
        log.denied("/citrine.api.v1.X/Y", None, "ipv4:10.0.0.1:1", grpc.StatusCode.UNAUTHENTICATED)
        await log.store()
        times.pop(0)
    await _make_keys(core, 1)

    await core.core.housekeeping.tidy()

    assert [record.number for record in await records(core, all_tenants=True)] == [1, 4, 3]
    verified = await _verify(core)
    assert (verified.records, list(verified.problems)) == (3, [])
    await _without_triggers(core, "DELETE FROM audit_records WHERE number = 3")
    assert [problem.number for problem in (await _verify(core)).problems] == [4]


async def test_call_that_fails_leaves_no_record(core: RunningCore) -> None:
    await core.add_station("CS-1")
    with pytest.raises(grpc.aio.AioRpcError):
        await core.stub(StationsServiceStub).CreateStation(
            stations_pb2.CreateStationRequest(station=stations_pb2.Station(station_id="CS-1"), password=SECRET)
        )
    await make_key(core, "stations:read")

    assert [one.method for one in await records(core)] == ["KeysService/CreateKey"]
    assert not (await _verify(core)).problems
