"""Lists of a station that does not exist, of every service of a running core."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.stations_pb2 import DeleteStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine_core.core import CALLERS_OF_TENANT
from tests.support.charging import ended, started
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.waiting import PAUSE, WAIT

ALSO = {"transaction_id": "T-1", "request_id": 7, "kind": 1}
"""What some lists need beside the station."""


def lists(core: RunningCore) -> list[MethodDescriptor]:
    """Return every List rpc that may be asked of one station."""
    pool = descriptor_pool.Default()
    names = {name for block in core.core.registry.blocks for name in block.service_names}
    names |= {"citrine.api.v1.RefusalsService", "citrine.api.v1.ReportsService", "citrine.api.v1.CommandsService"}
    return [
        method
        for name in sorted(names)
        for method in pool.FindServiceByName(name).methods
        if method.name.startswith("List") and "station_id" in method.input_type.fields_by_name
    ]


async def code_of(core: RunningCore, method: MethodDescriptor, station_id: str) -> tuple[grpc.StatusCode, str]:
    known = method.input_type.fields_by_name
    fields: dict[str, Any] = {"station_id": station_id}
    request_class = GetMessageClass(method.input_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    call: Any = core.channel.unary_unary(
        path,
        request_serializer=request_class.SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    try:
        await call(request_class(**fields, **{name: value for name, value in ALSO.items() if name in known}))
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    async with running_core(database_url, tmp_path) as core:
        yield core


async def test_a_list_of_a_station_that_does_not_exist_is_not_found(core: RunningCore) -> None:
    methods = lists(core)

    answers = {method.full_name: await code_of(core, method, "NOPE") for method in methods}

    assert len(methods) > 30
    # These are of one thing, which does not exist either.
    del answers["citrine.api.v1.TransactionsService.ListTransactionEvents"]
    del answers["citrine.api.v1.ReportsService.ListReportParts"]
    assert set(answers.values()) == {(grpc.StatusCode.NOT_FOUND, "station NOPE does not exist")}, answers


async def test_a_list_of_a_station_without_anything_is_empty(core: RunningCore) -> None:
    await core.add_station("CS-1")

    answers = {method.full_name: (await code_of(core, method, "CS-1"))[0] for method in lists(core)}

    refused = {name for name, code in answers.items() if code is not grpc.StatusCode.OK}
    # These are of one thing of the station, which it does not have.
    assert {name.rpartition(".")[2] for name in refused} == {"ListReportParts", "ListTransactionEvents"}, answers


async def test_what_a_removed_station_reported_is_listed_as_before(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        await station.call_all([started(0, 0), ended(1, 1000)])
    await core.stub(StationsServiceStub).DeleteStation(DeleteStationRequest(station_id="CS-1"))

    found = await core.stub(TransactionsServiceStub).ListTransactions(pb.ListTransactionsRequest(station_id="CS-1"))

    assert [one.transaction_id for one in found.transactions] == ["T-1"]


async def test_to_look_whether_a_station_exists_takes_no_more_connections_than_all_else_of_callers(
    postgres_url: str, postgres_engine: AsyncEngine, tmp_path: Path
) -> None:
    """Else callers who ask for nothing but unknown stations would take those of what stations send."""
    asked = 40
    async with running_core(postgres_url, tmp_path) as core:
        method = next(one for one in lists(core) if one.name == "ListTransactions")
        async with postgres_engine.connect() as gate:
            await gate.execute(text("LOCK TABLE stations IN ACCESS EXCLUSIVE MODE"))
            calls = [asyncio.ensure_future(code_of(core, method, "NOPE")) for _ in range(asked)]
            most = 0
            async with asyncio.timeout(WAIT):
                while most < CALLERS_OF_TENANT:
                    await asyncio.sleep(PAUSE)
                    most = await looking(postgres_engine)
            # As many as come on: they are told apart from those that wait for a place by nothing but time.
            for _ in range(50):
                await asyncio.sleep(0.01)
                most = max(most, await looking(postgres_engine))
            await gate.rollback()
        codes = {code for code, _ in await asyncio.gather(*calls)}
    assert most == CALLERS_OF_TENANT
    assert codes == {grpc.StatusCode.NOT_FOUND}


async def looking(engine: AsyncEngine) -> int:
    """Return how many sessions look whether a station exists, and wait for a lock."""
    looks = "datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'SELECT EXISTS%'"
    async with engine.connect() as connection:
        found = await connection.scalars(text(f"SELECT pid FROM pg_stat_activity WHERE {looks}"))
        return len(found.all())
