"""A version of OCPP that says things in other portions, from the station to the database and back."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import commands_pb2, common_pb2, provisioning_pb2
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.db.upgrade import upgrade
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.core import CREDENTIAL, PASSWORD, RunningCore, running_core
from tests.support.plug_in import install_example_block
from tests.support.portions import Portions
from tests.support.proxy import Proxy, proxied
from tests.support.raw_station import RawStation

STATION = "CS-1"

AUTHORIZATION = {"Authorization": f"Basic {base64.b64encode(f'{STATION}:{PASSWORD}'.encode()).decode()}"}

VALUES = [21.5, 22.0, 22.5]

READINGS = {"vendorId": "com.example.thermometers", "values": VALUES}


@pytest.fixture
async def core(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningCore]:
    """A core with a vendor's plug-in."""
    install_example_block(tmp_path, monkeypatch)
    await upgrade(database_url)
    async with running_core(database_url, tmp_path) as core:
        await core.add_station(STATION, registration=1)
        yield core


@pytest.fixture
async def proxy(core: RunningCore) -> AsyncIterator[Proxy]:
    """What is between edge and core."""
    async with proxied(core.address) as proxy:
        yield proxy


@pytest.fixture
async def edge(proxy: Proxy) -> AsyncIterator[RunningEdge]:
    """A real edge that offers the version."""
    async with running_edge(
        core=proxy.address,
        edge_credential=SecretStr(CREDENTIAL),
        edge_hold_time=timedelta(seconds=20),
        versions={"ocpp2.0.1": Portions()},
    ) as edge:
        yield edge


@pytest.fixture
async def station(edge: RunningEdge) -> AsyncIterator[RawStation]:
    """A station that is connected and was heard."""
    async with edge.station(STATION, headers=AUTHORIZATION) as station:
        await station.result("Heartbeat", {})
        yield station


async def stored(engine: AsyncEngine) -> list[float]:
    """Return what the vendor's handler has stored, in the order in which it was."""
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT celsius FROM example_readings ORDER BY id"))
        return [float(row.celsius) for row in rows]


async def counts(engine: AsyncEngine) -> tuple[int, ...]:
    """Return how many rows and events of DataTransfer there are."""
    queries = (
        "SELECT count(*) FROM data_transfers",
        "SELECT count(*) FROM outbox WHERE kind = 'data_transfer_received'",
    )
    async with engine.connect() as connection:
        return tuple([await connection.scalar(text(query)) or 0 for query in queries])


async def test_each_part_of_a_call_is_handled_once_in_order_although_an_answer_is_lost(
    core: RunningCore, proxy: Proxy, edge: RunningEdge, station: RawStation, engine: AsyncEngine
) -> None:
    """The core has committed the first part, and nobody heard it."""
    proxy.silence_answers()
    await station.send([2, "m1", "Readings", READINGS])
    while not await stored(engine):
        await asyncio.sleep(0)
    proxy.cut()
    proxy.heal()

    assert await station.receive() == [3, "m1", {"accepted": 3, "of": VALUES}]
    await edge.until(lambda: not core.core.lanes.waiting)
    assert await stored(engine) == VALUES
    assert await counts(engine) == (3, 3)


async def test_a_call_that_its_station_repeats_is_another_one(
    core: RunningCore, edge: RunningEdge, station: RawStation, engine: AsyncEngine
) -> None:
    for _ in (1, 2):
        assert (await station.result("Readings", READINGS))["accepted"] == 3

    assert await stored(engine) == VALUES * 2
    assert await counts(engine) == (6, 6)


def variables(*names: str) -> provisioning_pb2.SetVariablesRequest:
    request = provisioning_pb2.SetVariablesRequest(target=common_pb2.CommandTarget(station_id=STATION))
    for name in names:
        data = request.request.set_variable_data.add(attribute_value="1")
        data.component.name, data.variable.name = "Example", name
    return request


async def values(engine: AsyncEngine) -> list[str]:
    """Return which variables have a value."""
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT variable FROM variables ORDER BY variable"))
        return [row.variable for row in rows]


async def test_a_command_of_three_calls_is_one_response(
    core: RunningCore, station: RawStation, engine: AsyncEngine
) -> None:
    asked = asyncio.ensure_future(core.stub(ProvisioningServiceStub).SetVariables(variables("a", "b", "c")))
    for status in ("Accepted", "Rejected", "Accepted"):
        await station.answer({"status": status})
    answer = await asked

    assert [each.attribute_status for each in answer.response.set_variable_result] == [
        ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED,
        ocpp.SET_VARIABLE_STATUS_ENUM_REJECTED,
        ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED,
    ]
    assert answer.command.state == common_pb2.COMMAND_STATE_ANSWERED
    assert await values(engine) == ["a", "c"]


async def test_of_a_command_that_fails_in_the_middle_what_was_done_counts_and_is_shown(
    core: RunningCore, station: RawStation, engine: AsyncEngine
) -> None:
    asked = asyncio.ensure_future(core.stub(ProvisioningServiceStub).SetVariables(variables("a", "b", "c")))
    await station.answer({"status": "Accepted"})
    await station.receive()
    await station.websocket.close()

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await asked

    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    listed = await core.stub(CommandsServiceStub).ListCommands(commands_pb2.ListCommandsRequest(station_id=STATION))
    [command] = listed.commands
    assert (command.state, command.error_code) == (common_pb2.COMMAND_STATE_FAILED, "ConnectionLost")
    assert "1 of them were answered before" in command.error_description
    answered = MessageToDict(command.response)["setVariableResult"]
    assert [each["variable"]["name"] for each in answered] == ["a"]
    assert await values(engine) == ["a"]
