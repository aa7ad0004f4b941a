"""What becomes of stored commands: when the core is asked, how often, and what their partners are told."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from citrine.api.v1 import remote_control_pb2 as pb
from citrine.api.v1.remote_control_pb2_grpc import (
    RemoteControlServiceServicer,
    add_RemoteControlServiceServicer_to_server,
)
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine_ocpi.modules.charging_profiles import ChargingProfilesModule
from citrine_ocpi.modules.commands import CommandsModule
from citrine_ocpi.modules.commands.repository import CommandRepository
from citrine_ocpi.transport.routing import Party, Routing
from tests.support.emsp import Emsp, emsp
from tests.support.ocpi import RunningAdapter, running_adapter

START = {"station_id": "CS-1", "evse_id": 1, "reference": "", "id_token": "04A1B2C3", "id_token_type": "ISO14443"}


class Core(RemoteControlServiceServicer):
    """Starts transactions, and has calls wait for others with their key as often as a test wants."""

    def __init__(self) -> None:
        self.address = ""
        self.keys: list[str] = []
        """Of all calls."""
        self.waits = 0

    async def RequestStartTransaction(
        self, request: pb.RequestStartTransactionRequest, context: Any
    ) -> pb.RequestStartTransactionResponse:
        self.keys.append(dict(context.invocation_metadata())["citrine-idempotency-key"])
        if len(self.keys) <= self.waits:
            await context.abort(grpc.StatusCode.ABORTED, "the call with this idempotency key is under way")
        accepted = ocpp.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
        return pb.RequestStartTransactionResponse(response=ocpp.RequestStartTransactionResponse(status=accepted))


class Office:
    """An adapter with one partner, in whose database a test stores commands."""

    def __init__(self, core: Core, adapter: RunningAdapter, partner: Emsp) -> None:
        self.core, self.adapter, self.partner = core, adapter, partner

    async def store(self, name: str, request_id: str, **values: Any) -> bool:
        """Store a command that is due. Return False if it is a repetition."""
        now = datetime.now(UTC)
        module = "chargingprofiles" if name.endswith("PROFILE") else "commands"
        row = {
            "partner_id": "tnm",
            "digest": "the same",
            "request_id": request_id,
            "idempotency_key": request_id,
            "command": name,
            "response_url": f"{self.partner.url}/2.2.1/receiver/{module}/{request_id}",
            "target": START,
            "routing": Routing(Party("DE", "CIT"), Party("NL", "TNM")).headers(),
            "correlation_id": "c-1",
            "create_time": now,
            "due_time": now,
            **values,
        }
        async with self.adapter.office.database.writing() as session:
            return await CommandRepository(session).add(row, now)

    async def result(self, request_id: str, module: str = "commands") -> str:
        """Return what the partner is told."""
        found = await self.partner.wait_for(lambda one: one.objects.get((module, request_id)))
        return str(found["result"])


@pytest.fixture
async def office(adapter_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """An adapter on a database of each kind in turn, with a registered partner and a core."""
    core, server = Core(), grpc.aio.server()  # type: ignore[abstract]  # The other rpcs are not called.
    add_RemoteControlServiceServicer_to_server(core, server)
    core.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    async with AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.stop, None)
        modules = (CommandsModule, ChargingProfilesModule)
        adapter = await stack.enter_async_context(
            running_adapter(tmp_path, database=adapter_url, core=core.address, modules=modules)
        )
        partner = await stack.enter_async_context(emsp())
        await partner.register(adapter.versions_url, await adapter.invite("tnm"), "2.2.1")
        yield Office(core, adapter, partner)


async def test_a_command_is_sent_to_no_station_after_its_partner_waits_no_more(office: Office) -> None:
    hours_ago = datetime.now(UTC) - timedelta(hours=3)

    await office.store("START_SESSION", "r-1", create_time=hours_ago, due_time=hours_ago)

    assert await office.result("r-1") == "TIMEOUT"
    assert office.core.keys == []
    # OCPI has no other word for it there.
    await office.store("SET_CHARGING_PROFILE", "r-2", create_time=hours_ago, due_time=hours_ago, digest="another")
    assert await office.result("r-2", "chargingprofiles") == "REJECTED"


async def test_the_core_is_asked_again_while_a_call_with_the_key_is_under_way(office: Office) -> None:
    office.core.waits = 1

    await office.store("START_SESSION", "r-1")

    assert await office.result("r-1") == "ACCEPTED"
    assert office.core.keys == ["r-1", "r-1"]


async def test_a_request_that_can_not_be_said_in_ocpp_is_rejected(office: Office) -> None:
    profile = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 2**31, "limit": 6}]}
    target = {"station_id": "CS-1", "transaction_id": "T-1", "evse_id": 1, "profile": profile}

    await office.store("SET_CHARGING_PROFILE", "r-1", target=target)

    assert await office.result("r-1", "chargingprofiles") == "REJECTED"


async def test_the_same_command_by_another_request_is_another_one_once_its_result_is_known(office: Office) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await office.store("START_SESSION", "r-1", due_time=later)
    # It may have come by another request as well as by the same: the driver wants one thing.
    assert not await office.store("START_SESSION", "r-1")
    assert not await office.store("START_SESSION", "r-2")
    async with office.adapter.office.database.writing() as session:
        (waiting,) = await CommandRepository(session).waiting("tnm", ["START_SESSION"])
        await CommandRepository(session).put_off(waiting.command_id, datetime.now(UTC))
    assert await office.result("r-1") == "ACCEPTED"

    assert not await office.store("START_SESSION", "r-1")
    assert await office.store("START_SESSION", "r-2")

    assert await office.result("r-2") == "ACCEPTED"
    assert office.core.keys == ["r-1", "r-2"]
