"""Whatever the messages of a station ask the database is found in indexes, however much is stored of other stations."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from citrine.api.v1 import tariffs_pb2 as tariffs
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_ACCEPTED, CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.security_pb2 import SecurityEventNotificationRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.db.tables import metadata
from tests.core.test_statements import PER_KWH, TOKEN, boot, notify_event, status
from tests.support.charging import ended, meter_value, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.engines import new_engine
from tests.support.fake_edge import timestamp
from tests.support.filled_tables import fill

Asked = dict[str, Any]
"""Statements with parameters of one run."""

TASKS = ("lane ", "check a password", "hold a station", "store stations")
"""Who asks for stations."""

ALL = r"\(\(?(?:\w+\.)?tenant_id\)?(?:::text)? = [^()]*(?:::text)?\)"
"""A condition that all rows of a tenant meet."""

REMEMBERED = {"charging_plans"}
"""Tables of which a core reads all rows of a tenant once in two seconds, whatever the number of messages."""


def one_of_any(table: str) -> str:
    """Return a pattern of the question whether a tenant has any row, which reads one."""
    return rf"EXISTS \(SELECT \*\s+FROM {table}\s+WHERE {table}\.tenant_id = [^\s()]+\)"


def is_wrong(table: str, statement: str) -> bool:
    """Return whether a statement must not read all rows of a table, or all of a tenant."""
    return table not in REMEMBERED and re.search(one_of_any(table), statement) is None


def messages() -> Sequence[Message]:
    token = IdToken(id_token=TOKEN, type="ISO14443")
    return (
        boot(),
        status("AVAILABLE", connector_id=2),
        AuthorizeRequest(id_token=token),
        started(0, 0, evse=(1, 1), id_token=TOKEN),
        updated(1, 100),
        updated(2, 200, id_token=TOKEN),
        updated(2, 200, id_token=TOKEN),
        MeterValuesRequest(evse_id=1, meter_value=[meter_value(5, 1000)]),
        status("OCCUPIED"),
        notify_event(),
        DataTransferRequest(vendor_id="org.example"),
        SecurityEventNotificationRequest(type="StartupOfTheDevice", timestamp=timestamp()),
        ended(3, 300),
        status("AVAILABLE"),
        started(0, 0, transaction_id="T-2", evse=(2, 1)),
        updated(1, 100, transaction_id="T-2"),
        HeartbeatRequest(),
    )


@contextmanager
def listening(core: RunningCore) -> Iterator[Asked]:
    """Collect what is asked for stations meanwhile."""
    asked: Asked = {}

    def on_execute(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        task = asyncio.current_task()
        if task is not None and task.get_name().startswith(TASKS):
            asked.setdefault(statement, parameters[0] if many else parameters)

    event.listen(core.core.engine.sync_engine, "before_cursor_execute", on_execute)
    try:
        yield asked
    finally:
        event.remove(core.core.engine.sync_engine, "before_cursor_execute", on_execute)


async def ask(url: str, directory: Path) -> Asked:
    """Return the queries that a station costs which connects, charges for money, and sends what stations send."""
    async with running_core(url, directory) as core:
        tokens: Any = core.stub(TokensServiceStub)
        await tokens.CreateToken(
            CreateTokenRequest(token=Token(id_token=TOKEN, type="ISO14443", status=TOKEN_STATUS_ACCEPTED))
        )
        api: Any = core.stub(TariffsServiceStub)
        await api.CreateTariff(tariffs.CreateTariffRequest(tariff=PER_KWH))
        await api.AssignTariff(
            tariffs.AssignTariffRequest(assignment=tariffs.TariffAssignment(tariff_id=PER_KWH.tariff_id))
        )
        await core.add_station("CS-1", registration=1)
        with listening(core) as asked:
            async with core.edge() as edge:
                session = await edge.connect("CS-1", PASSWORD)
                for message in messages():
                    await session.call(message)
                await session.close()
    return {one: given for one, given in asked.items() if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", one)}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def reads_all(node: dict[str, Any]) -> bool:
    """Return whether a part of a plan reads all rows of a table, or all of a tenant."""
    if node["Node Type"] == "Seq Scan":
        return True
    return "Index Cond" in node and re.fullmatch(ALL, node["Index Cond"]) is not None and "Filter" in node


async def read_as_a_whole(connection: AsyncConnection, asked: Asked) -> list[str]:
    """Return what PostgreSQL reads all of, of the tables that are not small, with the statements."""
    counts = await connection.exec_driver_sql("SELECT relname FROM pg_class WHERE reltuples >= 1000")
    filled = {row[0] for row in counts}
    found = []
    for statement, parameters in asked.items():
        explained = (
            await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", tuple(parameters))
        ).scalar_one()
        plan = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]
        found += [
            f"{node['Node Type']} {node['Relation Name']} {node.get('Index Cond')} {node.get('Filter')}\n{statement}"
            for node in nodes(plan)
            if node.get("Relation Name") in filled and reads_all(node) and is_wrong(node["Relation Name"], statement)
        ]
    return found


async def test_postgresql_finds_what_messages_ask_for_in_indexes(postgres_url: str, tmp_path: Path) -> None:
    asked = await ask(postgres_url, tmp_path)
    named = {word for statement in asked for word in re.findall(r"\w+", statement)}
    tables = (metadata().tables.keys() & named) - {"tenants"}
    assert len(tables) > 25
    engine = new_engine(postgres_url)
    try:
        await fill(engine, tables)
        async with engine.connect() as connection:
            wrong = await read_as_a_whole(connection, asked)
    finally:
        await engine.dispose()

    assert not wrong, "\n\n".join(wrong)


async def test_sqlite_finds_what_messages_ask_for_in_indexes(sqlite_url: str, tmp_path: Path) -> None:
    """Its plans do not depend on what is stored: nobody counts the rows (ANALYZE)."""
    asked = await ask(sqlite_url, tmp_path)
    # A tenant has one row of some.
    tables = {name for name, table in metadata().tables.items() if [*table.primary_key.columns.keys()] != ["tenant_id"]}
    engine = new_engine(sqlite_url)
    wrong = []
    try:
        async with engine.connect() as connection:
            for statement, parameters in asked.items():
                explained = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(parameters))
                for detail in (row._mapping["detail"] for row in explained):
                    read = re.match(r"SCAN (\w+?)(?:_\d+)?\b|SEARCH (\w+?)(?:_\d+)? .*\(tenant_id=\?\)$", detail)
                    table = read and (read[1] or read[2])
                    if table in tables and is_wrong(table, statement):
                        wrong.append(f"{detail}\n{statement}")
    finally:
        await engine.dispose()

    assert not wrong, "\n\n".join(wrong)
