"""The id of a driver is given out wherever it stands, and is nowhere once it was erased."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import LargeBinary, String, delete, insert, select, update

from citrine.api.v1 import (
    audit_pb2,
    charge_records_pb2,
    commands_pb2,
    data_transfer_pb2,
    local_auth_list_pb2,
    operations_pb2,
    remote_control_pb2,
    reservation_pb2,
    stations_pb2,
    tenants_pb2,
    tokens_pb2,
    transactions_pb2,
)
from citrine.api.v1 import (
    persons_pb2 as pb,
)
from citrine.api.v1.audit_pb2_grpc import AuditServiceStub
from citrine.api.v1.charge_records_pb2_grpc import ChargeRecordsServiceStub
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.data_transfer_pb2_grpc import DataTransferServiceStub
from citrine.api.v1.local_auth_list_pb2_grpc import LocalAuthListServiceStub
from citrine.api.v1.operations_pb2_grpc import OperationsServiceStub
from citrine.api.v1.persons_pb2_grpc import PersonsServiceStub
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.reservation_pb2_grpc import ReservationServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.v2 import local_auth_list_pb2 as lists
from citrine.ocpp.v2 import remote_control_pb2 as remote
from citrine.ocpp.v2 import reservation_pb2 as reservation
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.db import database_of
from citrine_core.db.tables import metadata, own_tables
from citrine_core.encryption import Cipher
from citrine_core.resources.persons.erasing import Erasing
from citrine_core.resources.persons.places import places
from tests.support.charging import ended, started
from tests.support.core import PASSWORD, RunningCore
from tests.support.databases import somebody_waits
from tests.support.persons import ACCEPTED, CARD, SPELLED, TARGET, finish, look
from tests.support.recording import record_all
from tests.support.waiting import WAIT

IDS = ("04a2b3c8d1e2f3", SPELLED, "visual-4711")
PERSON = IdToken(id_token=CARD, type="ISO14443")


async def standing(core: RunningCore, ids: Sequence[str] = IDS) -> set[str]:
    """Return the columns of all tables in which the card stands, in any spelling, or one of some ids in lower case."""
    found = set()
    async with core.core.unit_of_work(read_only=True) as work:
        for name in own_tables():
            for column in metadata().tables[name].columns:
                if isinstance(column.type, String | LargeBinary):
                    for value in await work.session.scalars(select(column).where(column.is_not(None))):
                        content = value if isinstance(value, bytes) else value.encode()
                        if any(one.encode() in content.lower() for one in ids):
                            found.add(f"{name}.{column.name}")
    return found


async def waits_for(core: RunningCore, erasure_id: str) -> str:
    """Return what an erasure waits for, looked at now."""
    return (await look(core, erasure_id)).waits_for


async def test_what_is_stored_of_a_person_is_exported(core: RunningCore, station: Any) -> None:
    persons: Any = core.stub(PersonsServiceStub)

    rows = [row async for row in persons.ExportPerson(pb.ExportPersonRequest(id_token=PERSON))]

    kinds = {row.kind for row in rows}
    assert kinds >= {"tokens", "transactions", "transaction_events", "charge_records", "authorization_records"}
    assert kinds >= {"remote_starts", "commands", "local_list_entries", "data_transfers"}
    [transaction] = [row.content for row in rows if row.kind == "transactions"]
    assert transaction["transaction_id"] == "T-1"
    [record] = [row.content["content"] for row in rows if row.kind == "charge_records"]
    assert record["energy_kwh"] == "1.5"


async def test_what_is_stored_of_a_group_is_exported_with_all_of_its_tokens_and_of_nobody_else(
    core: RunningCore, station: Any
) -> None:
    _, session = station
    persons: Any = core.stub(PersonsServiceStub)
    alone = {"transaction_id": "T-3", "id_token": "0C0C0C0C"}
    await session.call_all([started(0, 0, **alone), ended(1, 7, **alone)])
    await record_all(core)

    exported = persons.ExportPerson(pb.ExportPersonRequest(group_id="family-4711"))
    rows = [(row.kind, MessageToDict(row.content)) async for row in exported]

    found = {kind: [row for one, row in rows if one == kind] for kind, _ in rows}
    assert {row["id_token"].upper() for row in found["tokens"]} == {CARD, "0B0B0B0B"}
    shown = {row["transaction_id"]: row["id_token"] for row in found["transactions"]}
    assert shown == {"T-1": SPELLED, "T-2": "0B0B0B0B"}
    assert {row["content"]["energy_kwh"] for row in found["charge_records"]} == {"1.5", "0.009"}
    assert {row["group_id"] for row in found["authorization_records"]} == {"family-4711"}
    assert "0c0c0c0c" not in str(rows).lower()
    empty = [row async for row in persons.ExportPerson(pb.ExportPersonRequest(group_id="family-4712"))]
    assert empty == []
    with pytest.raises(grpc.aio.AioRpcError, match="must be a token or a group"):
        [row async for row in persons.ExportPerson(pb.ExportPersonRequest(group_id=""))]


async def test_an_erased_person_is_nowhere_and_what_was_charged_stays(core: RunningCore, station: Any) -> None:
    """In no column of any table; the transaction has the same pseudonym in all places, and the audit is intact."""
    charger, _ = station
    records: Any = core.stub(ChargeRecordsServiceStub)
    transactions: Any = core.stub(TransactionsServiceStub)
    audit: Any = core.stub(AuditServiceStub)
    before = (await records.ListChargeRecords(charge_records_pb2.ListChargeRecordsRequest())).records
    assert {"transactions.id_token", "transaction_events.request", "audit_records.request"} <= await standing(core)

    persons: Any = core.stub(PersonsServiceStub)
    begun = await persons.ErasePerson(pb.ErasePersonRequest(id_token=PERSON))
    erasure = await finish(core, begun.erasure_id)

    assert await standing(core) == set()
    assert charger.tokens == set()
    pseudonym = erasure.pseudonyms[0]
    assert (len(pseudonym), erasure.tables_done) == (len(CARD), erasure.tables_total)
    listed = (await transactions.ListTransactions(transactions_pb2.ListTransactionsRequest())).transactions
    assert {one.transaction_id: one.id_token.id_token.replace(":", "") for one in listed} == {
        "T-1": pseudonym,
        "T-2": "0B0B0B0B",
    }
    after = (await records.ListChargeRecords(charge_records_pb2.ListChargeRecordsRequest())).records
    assert [(one.transaction_id, one.energy_kwh) for one in after] == [
        (one.transaction_id, one.energy_kwh) for one in before
    ]
    verified = await audit.VerifyAuditRecords(audit_pb2.VerifyAuditRecordsRequest())
    assert (list(verified.problems), verified.erased > 0) == ([], True)


async def test_a_group_is_erased_with_its_tokens_and_an_open_transaction_is_waited_for(
    core: RunningCore, station: Any
) -> None:
    _, session = station
    persons: Any = core.stub(PersonsServiceStub)
    await session.call_all([started(0, 0, id_token=CARD, transaction_id="T-3")])
    begun = await persons.ErasePerson(pb.ErasePersonRequest(group_id="family-4711"))
    await Erasing(core.core.services).run()
    waiting = await persons.GetErasure(pb.GetErasureRequest(erasure_id=begun.erasure_id))
    assert (waiting.state, waiting.waits_for) == (pb.ERASURE_STATE_WAITING, "an open transaction")
    async with core.core.unit_of_work(read_only=True) as work:
        ids = await work.session.scalar(select(metadata().tables["erasures"].c.ids))
    assert ids is not None
    # Cores of releases before would leave what they don't know of, and read JSON.
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(ids)
    with pytest.raises(grpc.aio.AioRpcError, match="is under way"):
        await persons.ErasePerson(pb.ErasePersonRequest(id_token=PERSON))

    await session.call_all([ended(1, 500, transaction_id="T-3")])
    await finish(core, begun.erasure_id)

    assert await standing(core) == set()


async def test_a_short_id_is_erased_where_ids_stand_and_nowhere_else(core: RunningCore, station: Any) -> None:
    """A PIN of 1250 is no price of 12.50, and a group of drivers is no group of stations of its name."""
    _, session = station
    persons: Any = core.stub(PersonsServiceStub)
    tokens: Any = core.stub(TokensServiceStub)
    stations: Any = core.stub(StationsServiceStub)
    transactions: Any = core.stub(TransactionsServiceStub)
    named = tokens_pb2.Token(id_token="1250", type="Central", group_id="fleet")
    await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=named))
    beside = stations_pb2.Station(station_id="CS-2", groups=["fleet"])
    await stations.CreateStation(stations_pb2.CreateStationRequest(station=beside))
    data = Struct()
    data.update({"idTag": "1250", "amount": "12.50", "text": "pay 1250"})
    await session.call(DataTransferRequest(vendor_id="Billing", data=Value(struct_value=data)))
    begin, end = started(0, 0, transaction_id="1250"), ended(1, 1250, transaction_id="1250")
    for event in (begin, end):
        event.id_token.CopyFrom(IdToken(id_token="1250", type="Central"))
    await session.call_all([begin, end])
    await record_all(core)

    begun = await persons.ErasePerson(pb.ErasePersonRequest(group_id="fleet"))
    erasure = await finish(core, begun.erasure_id)

    group, pin, *_ = erasure.pseudonyms
    left = persons.ExportPerson(pb.ExportPersonRequest(id_token=IdToken(id_token="1250", type="Central")))
    assert [row.kind async for row in left] == []
    wanted = transactions_pb2.GetTransactionRequest(station_id="CS-1", transaction_id="1250")
    found = await transactions.GetTransaction(wanted)
    assert (found.id_token.id_token, found.energy_wh) == (pin, 1250)
    assert len(pin) == len(group) == 16
    transfers: Any = core.stub(DataTransferServiceStub)
    asked = data_transfer_pb2.ListDataTransfersRequest(vendor_id="Billing")
    [transfer] = (await transfers.ListDataTransfers(asked)).data_transfers
    assert dict(transfer.request.data.struct_value) == {"idTag": pin, "amount": "12.50", "text": "pay 1250"}
    shown = await stations.GetStation(stations_pb2.GetStationRequest(station_id="CS-2"))
    assert list(shown.groups) == ["fleet"]


async def test_others_are_not_in_what_is_exported(core: RunningCore, station: Any) -> None:
    _, session = station
    persons: Any = core.stub(PersonsServiceStub)
    local_lists: Any = core.stub(LocalAuthListServiceStub)
    entries = [
        lists.AuthorizationData(id_token=IdToken(id_token=one, type="ISO14443"), id_token_info=ACCEPTED)
        for one in (CARD, "0B0B0B0B")
    ]
    request = lists.SendLocalListRequest(update_type=lists.UPDATE_ENUM_FULL, local_authorization_list=entries)
    sent = local_auth_list_pb2.SendLocalListRequest(target=TARGET, request=request)
    await local_lists.SendLocalList(sent, metadata=[*core.metadata(), ("citrine-idempotency-key", "list-1")])
    stopped = ended(1, 9, transaction_id="T-4", id_token=CARD, trigger="STOP_AUTHORIZED")
    await session.call_all([started(0, 0, id_token="0B0B0B0B", transaction_id="T-4"), stopped])

    exported = persons.ExportPerson(pb.ExportPersonRequest(id_token=PERSON))
    rows = [(row.kind, MessageToDict(row.content)) async for row in exported]

    assert [kind for kind, row in rows if "0b0b0b0b" in str(row).lower()] == []
    lists_sent = [row["payload"] for kind, row in rows if row.get("action") == "SendLocalList"]
    assert [len(one["localAuthorizationList"]) for one in lists_sent] == [1, 1]
    [stopped_one] = [row for kind, row in rows if kind == "transactions" and row["transaction_id"] == "T-4"]
    assert (stopped_one["id_token"], stopped_one["stop_id_token"]) == ("********", CARD)


async def test_an_operation_and_a_command_that_name_the_person_are_waited_for(core: RunningCore) -> None:
    """Also where the id is what a driver types, which is shown nowhere and stored encrypted."""
    persons: Any = core.stub(PersonsServiceStub)
    operations: Any = core.stub(OperationsServiceStub)
    commands: Any = core.stub(CommandsServiceStub)
    local_lists: Any = core.stub(LocalAuthListServiceStub)
    await core.add_station("CS-1", registration=1)
    entry = lists.AuthorizationData(id_token=IdToken(id_token="1250", type="KeyCode"))
    request = lists.SendLocalListRequest(update_type=lists.UPDATE_ENUM_DIFFERENTIAL, local_authorization_list=[entry])
    sent = local_auth_list_pb2.SendLocalListRequest(request=request)
    action = operations_pb2.OperationAction(send_local_list=sent)
    selection = operations_pb2.OperationSelection(all_stations=True)
    waiting = operations_pb2.Operation(action=action, selection=selection, offline=operations_pb2.OFFLINE_STATIONS_WAIT)
    operation = await operations.CreateOperation(operations_pb2.CreateOperationRequest(operation=waiting))
    target = CommandTarget(station_id="CS-1", when_online=True)
    queued = await local_lists.SendLocalList(local_auth_list_pb2.SendLocalListRequest(target=target, request=request))
    person = IdToken(id_token="1250", type="KeyCode")
    erasure_id = (await persons.ErasePerson(pb.ErasePersonRequest(id_token=person))).erasure_id

    first = await waits_for(core, erasure_id)
    await operations.CancelOperation(operations_pb2.CancelOperationRequest(operation_id=operation.operation_id))
    async with asyncio.timeout(WAIT):
        while (second := await waits_for(core, erasure_id)) == first:
            await asyncio.sleep(0.02)
    await commands.CancelCommand(commands_pb2.CancelCommandRequest(command_id=queued.command.command_id))
    await finish(core, erasure_id)

    assert (first, second) == (f"operation {operation.operation_id}", f"command {queued.command.command_id} to CS-1")


@pytest.mark.parametrize(
    "ids",
    [f'["{CARD}","visual-4711"]', f'[["{CARD}","token","ISO14443"],["visual-4711","visual_number",""]]'],
    ids=["texts", "kinds and types"],
)
async def test_an_erasure_that_an_older_core_began_is_begun_anew(core: RunningCore, station: Any, ids: str) -> None:
    """That one had as many tables, but others, and looked for ids in another way, or in fewer columns."""
    total, now = len(places()) + 1, core.core.services.clock()
    row = {
        **{"tenant_id": "default", "erasure_id": "E-1", "state": pb.ERASURE_STATE_RUNNING, "lookups": f'["{IDS[0]}"]'},
        **{"ids": ids, "pseudonyms": '["ghjkmnpqrstvwx","ghjkmnpqrs"]'},
        **{"waits_for": "", "table_name": "variables", "after_key": "", "tables_done": total, "tables_total": total},
        **{"changed_rows": 0, "requested_by": "", "create_time": now, "next_time": now},
    }
    async with core.core.unit_of_work() as work:
        await work.session.execute(insert(metadata().tables["erasures"]).values(row))
        await work.commit()

    await finish(core, "E-1")

    assert await standing(core) == set()


async def test_a_person_whose_token_was_deleted_before_is_erased_with_its_contract_and_number(
    core: RunningCore, station: Any
) -> None:
    """As the transaction has them, or only the charge record; a contract with another token is of others, too."""
    _, session = station
    tokens: Any = core.stub(TokensServiceStub)
    persons: Any = core.stub(PersonsServiceStub)
    transactions, records = metadata().tables["transactions"], metadata().tables["charge_records"]
    names = {"0C0C0C0C": "1", "0D0D0D0D": "2", "0E0E0E0E": "3"}
    for card, number in {**names, "0F0F0F0F": "3"}.items():
        named: dict[str, Any] = {
            "contract_id": f"DE-ABC-C0000000{number}-X",
            "visual_number": f"visual-{number}-{card[:2]}",
        }
        token = tokens_pb2.Token(id_token=card, type="ISO14443", **named)
        await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token))
    for card in names:
        await session.call_all(
            [
                started(0, 0, id_token=card, transaction_id=f"T-{card}"),
                ended(1, 9, id_token=card, transaction_id=f"T-{card}"),
            ]
        )
    await record_all(core)
    for card in names:
        await tokens.DeleteToken(tokens_pb2.DeleteTokenRequest(id_token=card))
    async with core.core.unit_of_work() as work:
        await work.session.execute(delete(records).where(records.c.transaction_id == "T-0C0C0C0C"))
        of_before = update(transactions).where(transactions.c.transaction_id == "T-0D0D0D0D")
        await work.session.execute(of_before.values(token_owner=None))
        await work.commit()

    for card in names:
        begun = await persons.ErasePerson(pb.ErasePersonRequest(id_token=IdToken(id_token=card, type="ISO14443")))
        await finish(core, begun.erasure_id)

    assert await standing(core, ["c00000001", "visual-1", "c00000002", "visual-2", "visual-3-0e"]) == set()
    assert await standing(core, ["c00000003"]) >= {"transactions.token_owner", "tokens.contract_id"}


class CountingCipher:
    """Decrypts by the cipher of the core, as a key service that is asked each time."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cipher, name)

    async def decrypt(self, stored: str, context: str) -> str:
        self.asked.append(stored)
        return await self._cipher.decrypt(stored, context)


async def test_secrets_of_commands_are_decrypted_once_and_not_where_what_is_shown_names_the_person(
    core: RunningCore,
) -> None:
    persons: Any = core.stub(PersonsServiceStub)
    commands: Any = core.stub(CommandsServiceStub)
    transfers: Any = core.stub(DataTransferServiceStub)
    queued = []
    for number, said in enumerate(({"pin": "9999"}, {"pin": CARD}, {"idTag": CARD}), 1):
        await core.add_station(f"CS-{number}", registration=1)
        data = Struct()
        data.update(said)
        request = DataTransferRequest(vendor_id="Example", data=Value(struct_value=data))
        target = CommandTarget(station_id=f"CS-{number}", when_online=True)
        sent = data_transfer_pb2.DataTransferRequest(target=target, request=request)
        queued.append((await transfers.DataTransfer(sent)).command.command_id)
    begun = await persons.ErasePerson(pb.ErasePersonRequest(id_token=PERSON))
    cipher = CountingCipher(core.core.services.cipher)
    erasing = Erasing(replace(core.core.services, cipher=cipher))

    async with asyncio.timeout(WAIT):
        while (found := await look(core, begun.erasure_id, erasing=erasing)).waits_for == "":
            await asyncio.sleep(0.02)
    assert (found.waits_for, cipher.asked) == (f"command {queued[2]} to CS-3", [])
    await commands.CancelCommand(commands_pb2.CancelCommandRequest(command_id=queued[2]))
    async with asyncio.timeout(WAIT):
        while len(cipher.asked) < 3:
            await look(core, begun.erasure_id, erasing=erasing)

    first, second, *again = cipher.asked
    assert (first == second, again) == (False, [second])


async def test_a_row_that_changes_meanwhile_and_a_broken_erasure_leave_nothing(core: RunningCore, station: Any) -> None:
    """What was changed while it was erased is read again, and an erasure that fails stops no other one."""
    persons: Any = core.stub(PersonsServiceStub)
    erasures, records = metadata().tables["erasures"], metadata().tables["authorization_records"]
    broken = (await persons.ErasePerson(pb.ErasePersonRequest(id_token=IdToken(id_token="0D0D0D0D")))).erasure_id
    async with core.core.unit_of_work() as work:
        await work.session.execute(update(erasures).where(erasures.c.erasure_id == broken).values(ids="broken"))
        await work.commit()
    begun = await persons.ErasePerson(pb.ErasePersonRequest(id_token=PERSON))
    async with core.core.unit_of_work() as work:
        respelled = update(records).where(records.c.id_token == SPELLED).values(id_token=SPELLED.upper())
        await work.session.execute(respelled)
        finishing = asyncio.create_task(finish(core, begun.erasure_id))
        if not database_of(core.core.engine).has_one_writer:
            waiting = asyncio.create_task(somebody_waits(core.core.engine))
            while not waiting.done():
                # PostgreSQL ends a session that does nothing within its transaction for 5 seconds.
                await work.session.execute(select(1))
                await asyncio.wait([waiting], timeout=0.5)
            await waiting
        await work.commit()
    await finishing

    assert await standing(core) == set()


async def test_a_reservation_and_a_remote_start_are_waited_for(core: RunningCore, station: Any) -> None:
    persons: Any = core.stub(PersonsServiceStub)
    reservations, starts = metadata().tables["reservations"], metadata().tables["remote_starts"]
    api: Any = core.stub(ReservationServiceStub)
    start: Any = core.stub(RemoteControlServiceStub)
    card = IdToken(id_token=CARD, type="ISO14443")
    begun = remote.RequestStartTransactionRequest(id_token=card, evse_id=1)
    await start.RequestStartTransaction(remote_control_pb2.RequestStartTransactionRequest(target=TARGET, request=begun))
    expiry = Timestamp()
    expiry.FromDatetime(core.core.services.clock() + timedelta(hours=2))
    reserve = reservation.ReserveNowRequest(id=7, expiry_date_time=expiry, id_token=card)
    await api.ReserveNow(reservation_pb2.ReserveNowRequest(target=TARGET, request=reserve))
    erasure_id = (await persons.ErasePerson(pb.ErasePersonRequest(id_token=PERSON))).erasure_id

    waits = []
    for table in (reservations, starts):
        waits.append(await waits_for(core, erasure_id))
        async with core.core.unit_of_work() as work:
            await work.session.execute(update(table).values(state=4))
            await work.commit()
    await finish(core, erasure_id)

    assert waits == ["a reservation", "a remote start"]


async def test_a_person_is_erased_from_what_is_left_of_a_removed_tenant(core: RunningCore) -> None:
    who = core.metadata("other")
    persons: Any = core.stub(PersonsServiceStub)
    await core.add_tenant("other")
    await core.add_station("CS-1", tenant_id="other", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD, tenant_id="other")
        await session.call_all([started(0, 0, id_token=CARD, evse=(1, 1)), ended(1, 1500, id_token=CARD)])
    await record_all(core)
    stations: Any = core.stub(StationsServiceStub)
    await stations.DeleteStation(stations_pb2.DeleteStationRequest(station_id="CS-1"), metadata=who)
    tenants: Any = core.stub(TenantsServiceStub)
    await tenants.DeleteTenant(tenants_pb2.DeleteTenantRequest(tenant_id="other"))
    assert "charge_records.id_token_lookup" in await standing(core)

    erasure = await persons.ErasePerson(pb.ErasePersonRequest(id_token=PERSON), metadata=who)
    await finish(core, erasure.erasure_id, "other")

    assert await standing(core) == set()
