"""The order in which blocks are registered says nothing: a core does the same, and stores the same, in any."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from sqlalchemy import select

from citrine.api.v1 import commands_pb2, stations_pb2, tariffs_pb2, tokens_pb2
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.edge.v1.link_pb2 import Command
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.actions import action_of, unwrap
from citrine.ocpp.v2 import data_transfer_pb2, provisioning_pb2
from citrine.ocpp.v2.types_pb2 import CustomData
from citrine_core.blocks import blocks_of
from citrine_core.db.tables import metadata, own_tables
from citrine_core.dispatch import Block
from citrine_core.resources.connections import Connection
from citrine_core.services import Services
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge
from tests.support.settling import settle_all
from tests.support.waiting import PAUSE, WAIT

TOKEN = "AA00BB11"

PROFILE = {
    "id": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [
        {
            "id": 1,
            "startSchedule": "2025-01-01T00:00:00Z",
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
        }
    ],
}

VARIABLE = {"attributeValue": "1", "component": {"name": "C"}, "variable": {"name": "V"}}

COMMANDS: Sequence[tuple[str, dict[str, Any]]] = (
    ("SetChargingProfile", {"evseId": 1, "chargingProfile": PROFILE}),
    ("ClearChargingProfile", {"chargingProfileId": 1}),
    ("RequestStartTransaction", {"idToken": {"idToken": TOKEN, "type": "ISO14443"}, "remoteStartId": 7, "evseId": 1}),
    ("CustomerInformation", {"requestId": 1, "report": False, "clear": True, "customerIdentifier": "me"}),
    ("SetVariables", {"setVariableData": [VARIABLE]}),
    ("Reset", {"type": "Immediate"}),
)
"""What is sent to the station: all of which several blocks are told, among others."""

NOT_COMPARED = frozenset({"id", "tenant_id", "core_id", "call_id", "caller_id", "previous_hash"})
"""Columns with numbers that go on from one walk to the next, and names that differ on purpose."""

COUNTED_LATER = frozenset({"counted_transactions", "evse_downtimes", "evse_services", "rollups"})
"""Tables that a job fills with what events say, some time after them."""

Order = Callable[[list[Block]], list[Block]]


def as_registered(blocks: list[Block]) -> list[Block]:
    return blocks


def backwards(blocks: list[Block]) -> list[Block]:
    return blocks[::-1]


def shuffled(seed: int) -> Order:
    return lambda blocks: random.Random(seed).sample(blocks, len(blocks))


ORDERS: Sequence[Order] = (as_registered, backwards, shuffled(1), shuffled(2))


def accept(command: Command) -> Any:
    """Answer any command with Accepted."""
    response = action_of(unwrap(command.request)).response
    assert response is not None
    # Any: each has fields of its own.
    answer: Any = response()
    status = answer.DESCRIPTOR.fields_by_name.get("status")
    if status is not None and status.enum_type is not None:
        accepted = next(value.number for value in status.enum_type.values if value.name.endswith("_ACCEPTED"))
        answer.status = accepted
    return answer


class Walk:
    """A station of a tenant of its own, from its boot to its removal."""

    def __init__(self, core: RunningCore, edge: FakeEdge, tenant_id: str) -> None:
        self.core, self.edge, self.tenant_id = core, edge, tenant_id
        self.who = core.metadata(tenant_id)

    async def run(self) -> None:
        """Do everything but the removal."""
        await self.core.add_tenant(self.tenant_id)
        await self.core.add_station("CS-1", tenant_id=self.tenant_id)
        tariffs: Any = self.core.stub(TariffsServiceStub)
        tokens: Any = self.core.stub(TokensServiceStub)
        price = tariff(element(component("ENERGY", "1.00")), tariff_id="KWH")
        await tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=price), metadata=self.who)
        assignment = tariffs_pb2.TariffAssignment(tariff_id="KWH")
        await tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment), metadata=self.who)
        token = tokens_pb2.Token(id_token=TOKEN, type="ISO14443")
        await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token), metadata=self.who)
        await tokens.AddCredit(tokens_pb2.AddCreditRequest(id_token=TOKEN, amount="9.00"), metadata=self.who)
        self.edge.on_command = accept
        session = await self.edge.connect("CS-1", PASSWORD, tenant_id=self.tenant_id)
        await session.call(
            provisioning_pb2.BootNotificationRequest(
                reason=provisioning_pb2.BOOT_REASON_ENUM_POWER_UP,
                charging_station=provisioning_pb2.ChargingStation(model="M", vendor_name="V"),
            )
        )
        for action, payload in COMMANDS:
            await self.command(action, payload)
        custom = CustomData(vendor_id="com.example")
        await session.call(started(0, 0, id_token=TOKEN, info={"remote_start_id": 7}, custom_data=custom))
        await session.call(updated(1, 1000))
        await session.call(data_transfer_pb2.DataTransferRequest(vendor_id="com.example"))
        await session.call(ended(2, 2000))
        await settle_all(self.core)
        await session.close()
        await self.closed()
        for action, payload in COMMANDS:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await self.command(action, payload)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE

    async def closed(self) -> None:
        """Wait until it is stored that the websocket is closed."""
        closed = select(Connection.close_time).where(Connection.tenant_id == self.tenant_id)
        async with asyncio.timeout(WAIT):
            while True:
                async with self.core.core.unit_of_work(read_only=True) as work:
                    if await work.session.scalar(closed) is not None:
                        return
                await asyncio.sleep(PAUSE)

    async def command(self, action: str, payload: dict[str, Any]) -> None:
        stub: Any = self.core.stub(CommandsServiceStub)
        target = CommandTarget(station_id="CS-1")
        request = commands_pb2.CallStationRequest(target=target, action=action, payload=ParseDict(payload, Struct()))
        await stub.CallStation(request, metadata=self.who)

    async def remove(self) -> None:
        """Remove the station."""
        stub: Any = self.core.stub(StationsServiceStub)
        await stub.DeleteStation(stations_pb2.DeleteStationRequest(station_id="CS-1"), metadata=self.who)


async def rows(core: RunningCore, tenant_id: str) -> dict[str, Counter[str]]:
    """Return what is stored of a tenant, without times and ids that nobody chose, by table."""
    found = {}
    await _recorded(core)
    async with core.core.unit_of_work(read_only=True) as work:
        for name, table in sorted((name, metadata().tables[name]) for name in own_tables()):
            if "tenant_id" in table.c and name != "tenants":
                stored = await work.session.execute(select(table).where(table.c.tenant_id == tenant_id))
                found[name] = Counter(repr(_row(name, row._mapping)) for row in stored)
    return found


async def _recorded(core: RunningCore) -> None:
    """Wait until the charge records of what is settled are made, which no block does."""
    due = select(metadata().tables["due_charge_records"])
    async with asyncio.timeout(WAIT):
        while True:
            async with core.core.unit_of_work(read_only=True) as work:
                if not (await work.session.execute(due)).all():
                    return
            await asyncio.sleep(0.05)


def _row(name: str, row: Any) -> dict[str, Any]:
    values = {str(key): _value(value) for key, value in row.items() if key not in NOT_COMPARED}
    if name == "outbox":
        event = Event.FromString(row["payload"])
        values["payload"] = f"{event.WhichOneof('body')} {event.station_id}"
    return values


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return "a time"
    if isinstance(value, int) and abs(value) > 10**12:
        return "a time"
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, str) and re.fullmatch(r"[0-9A-Za-z-]{20,36}|[0-9a-f]{32,}", value):
        return "an id"
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "an id", value) if isinstance(value, str) else value


async def test_a_core_does_the_same_in_whatever_order_its_blocks_are_registered(
    database_url: str, tmp_path: Path
) -> None:
    before, after = [], []
    for number, order in enumerate(ORDERS):

        def make(services: Services, order: Order = order) -> list[Block]:
            # What jobs do depends on when they look; what is due is done by the walk.
            return [replace(block, jobs=()) for block in order(blocks_of(services))]

        async with running_core(database_url, tmp_path, make_blocks=make) as core, core.edge() as edge:
            walk = Walk(core, edge, f"tenant-{number}")
            await walk.run()
            before.append(await rows(core, walk.tenant_id))
            await walk.remove()
            after.append(await rows(core, walk.tenant_id))

    assert before[0]["transactions"].total() == 1
    assert before[0]["commands"].total() == 2 * len(COMMANDS)
    assert after[0] != before[0]
    for expected, *others in (before, after):
        for other in others:
            compared = expected.keys() - COUNTED_LATER
            assert {name: (expected[name], other[name]) for name in compared if expected[name] != other[name]} == {}
