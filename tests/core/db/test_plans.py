"""Rows are found by their keys in an index by PostgreSQL, in tables that are filled and analysed."""

import pytest
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.blocks.provisioning.boots import POLICIES
from citrine_core.blocks.transactions.repository import FIND_AND_LOCK
from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.one_of import one_of
from citrine_core.db.tables import metadata
from citrine_core.events import write_events
from citrine_core.resources.connections import newest_sessions_beside
from citrine_core.resources.stations.registrations import RegistrationRepository
from tests.support.statements import statements

ROWS = 10_000

FILLS = {
    "DATETIME": "now()",
    "VARCHAR": "'CS-' || n",
    "TIMESTAMP": "now()",
    "BOOLEAN": "true",
    "BYTEA": "''::bytea",
    "BLOB": "''::bytea",
    "TEXT": "'x'",
}
"""Values of columns that must have one, by the type's name; numbers are 1."""


def _value(table: Table, name: str) -> str:
    if name == "tenant_id":
        return "'default'"
    kind = str(table.c[name].type.compile()).split("(")[0].split(" ")[0]
    return "n" if name in ("id", "sequence", "last_digest") else FILLS.get(kind, "1")


async def _fill(engine: AsyncEngine, table: Table) -> None:
    names = [column.name for column in table.c if not column.nullable and column.server_default is None]
    values = ", ".join(_value(table, name) for name in names)
    async with engine.begin() as connection:
        rows = f"SELECT {values} FROM generate_series(1, {ROWS}) AS n"
        await connection.execute(text(f"INSERT INTO {table.name} ({', '.join(names)}) {rows}".replace("::", "\\:\\:")))
    async with engine.begin() as connection:
        await connection.execute(text(f"ANALYZE {table.name}"))


@pytest.mark.parametrize("number", [1, 40, 200])
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("connections", ("tenant_id", "station_id")),
        ("answered_calls", ("tenant_id", "station_id")),
        ("transactions", ("station_id", "transaction_id")),
    ],
)
async def test_keys_are_looked_up_in_an_index(
    postgres_engine: AsyncEngine, name: str, key: tuple[str, ...], number: int
) -> None:
    table = metadata().tables[name]
    await _fill(postgres_engine, table)
    keys = [tuple("default" if part == "tenant_id" else f"CS-{n}" for part in key) for n in range(number)]
    query = table.select().where(table.c.tenant_id == "default", one_of([table.c[part] for part in key], keys))
    async with postgres_engine.connect() as connection:
        compiled = query.compile(dialect=postgres_engine.dialect, compile_kwargs={"literal_binds": True})
        plan = "\n".join(row[0] for row in await connection.exec_driver_sql(f"EXPLAIN {compiled}"))

    assert f"Seq Scan on {name}" not in plan, plan
    assert "Index" in plan


@pytest.mark.parametrize("number", [1, 40, 200])
async def test_sessions_and_transactions_are_looked_up_by_one_statement(
    postgres_engine: AsyncEngine, number: int
) -> None:
    names = ("connections", "transactions")
    for name in names:
        await _fill(postgres_engine, metadata().tables[name])
    stations = {f"CS-{n}" for n in range(1, number + 1)}
    with statements(postgres_engine) as seen:
        async with UnitOfWorkFactory(postgres_engine, write_events)() as work:
            sessions, rows = await newest_sessions_beside(
                work, "default", stations, FIND_AND_LOCK.on, {(one, one) for one in stations}
            )
    assert sessions.keys() == {row[1] for row in rows} == stations
    ((statement, parameters),) = seen
    async with postgres_engine.connect() as connection:
        found = await connection.exec_driver_sql(f"EXPLAIN {statement}", tuple(parameters))
        plan = "\n".join(row[0] for row in found)
        await connection.rollback()

    for name in names:
        assert f"Seq Scan on {name}" not in plan, plan
    assert "LockRows" in plan


@pytest.mark.parametrize("number", [1, 40, 200])
async def test_what_waits_for_a_boot_is_looked_up_by_one_statement(postgres_engine: AsyncEngine, number: int) -> None:
    names = ("stations", "resets", "firmware_updates", "transactions", "provisionings")
    for name in names:
        await _fill(postgres_engine, metadata().tables[name])
    stations = {f"CS-{n}" for n in range(1, number + 1)}
    with statements(postgres_engine) as seen:
        async with UnitOfWorkFactory(postgres_engine, write_events)(read_only=True) as work:
            found = await RegistrationRepository(work.session).find_policies(POLICIES, "default", stations)
    assert found.keys() == stations
    ((statement, parameters),) = seen
    async with postgres_engine.connect() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        plan = "\n".join(row[0] for row in rows)

    for name in names:
        assert f"Seq Scan on {name}" not in plan, plan
    # All rows of a table, and not those of the stations.
    assert "hashed" not in plan, plan
