"""Lists of charge records and of unsettled transactions read the rows of their page, whatever the tenant's history."""

import asyncio
import contextlib
import shutil
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.transactions.queries import list_unsettled
from citrine_core.db import Page, UnitOfWorkFactory, create_engine
from citrine_core.db.tables import metadata
from citrine_core.events import write_events
from citrine_core.resources.charge_records.repository import ChargeRecordRepository, Filter
from tests.support.databases import administrate, copy_template
from tests.support.postgres import PostgresServer
from tests.support.renewed_database import run_statements
from tests.support.statements import statements

ROWS = {"charge_records": 100_000, "transactions": 50_000}
DAY = datetime(2026, 3, 1, tzinfo=UTC)
INDEXES = {
    ("sqlite", "changes"): "sqlite_autoindex_charge_records_1 (tenant_id=?",
    ("sqlite", "transactions"): "sqlite_autoindex_charge_records_2 (tenant_id=? AND transaction_id=?",
    ("sqlite", "revisions"): "sqlite_autoindex_charge_records_3 (tenant_id=? AND record_id=?",
    ("postgresql", "changes"): "pk_charge_records",
    ("postgresql", "transactions"): "uq_charge_records_transaction",
    ("postgresql", "revisions"): "uq_charge_records_revision",
}
"""Indexes of keys, which SQLite gives names of its own."""
Query = Callable[[AsyncSession], Awaitable[Any]]

_NUMBERS = {
    "sqlite": "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {0}) SELECT {1} FROM g",
    "postgresql": "SELECT {1} FROM generate_series(1, {0}) AS g(n)",
}
_TIMES = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', 1767225600 + n * 150, 'unixepoch')",
    "postgresql": "to_timestamp(1767225600 + n * 150)",
}
_EMPTY = {"sqlite": "x''", "postgresql": "''::bytea"}


def _values(table: Table, kind: str) -> dict[str, str]:
    """Return the values of the columns that must have one, and of those that the lists look at."""
    given = {
        "tenant_id": "'default'",
        "change": "n",
        "sequence": "n",
        "station_id": "'CS-' || (n % 1000)",
        "transaction_id": "'T-' || n",
        "record_id": "'R-' || n",
        "id_token_lookup": "'TOKEN' || (n % 5000)",
        "reference": "CASE WHEN n % 100 = 0 THEN 'ORDER' || n END",
        "update_time": _TIMES[kind],
        "end_time": _TIMES[kind],
        "create_time": _TIMES[kind],
        "last_event_time": _TIMES[kind],
        "settle_time": f"CASE WHEN n % 2500 = 0 THEN NULL ELSE {_TIMES[kind]} END",
        "content": _EMPTY[kind],
    }
    numbers = {column.name: "0" for column in table.c if not column.nullable and column.server_default is None}
    booleans = {name: "false" for name in numbers if str(table.c[name].type) == "BOOLEAN"}
    return numbers | booleans | {name: value for name, value in given.items() if name in table.c}


def _fills(kind: str) -> Iterator[str]:
    for name, rows in ROWS.items():
        values = _values(metadata().tables[name], kind)
        yield f"INSERT INTO {name} ({', '.join(values)}) {_NUMBERS[kind].format(rows, ', '.join(values.values()))}"
        yield f"ANALYZE {name}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a database of each kind with many records, and half as many transactions."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        path = shutil.copy(template, tmp_path_factory.mktemp("plans") / "citrine.db")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            for statement in _fills("sqlite"):
                connection.execute(statement)
            connection.commit()
        yield f"sqlite+aiosqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"test_{uuid.uuid4().hex}"
    asyncio.run(copy_template(server, name))
    asyncio.run(run_statements(server.url(name), list(_fills("postgresql"))))
    yield server.url(name)
    asyncio.run(administrate(server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def engine(filled_url: str) -> AsyncIterator[AsyncEngine]:
    found = create_engine(filled_url)
    yield found
    await found.dispose()


async def plan_of(engine: AsyncEngine, query: Query, table: str) -> str:
    """Return how the database reads the list that a query makes."""
    with statements(engine) as seen:
        async with UnitOfWorkFactory(engine, write_events)(read_only=True) as work:
            await query(work.session)
    statement, parameters = next(one for one in seen if f"FROM {table}" in one[0])
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    async with engine.connect() as connection:
        rows = await connection.exec_driver_sql(f"{explain} {statement}", parameters)
        return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        pytest.param(Filter(), "changes", id="all"),
        pytest.param(Filter(after_change=50_000), "changes", id="after a change"),
        pytest.param(Filter(created_from=DAY), "ix_charge_records_created", id="created since"),
        pytest.param(
            Filter(ended_from=DAY, ended_to=DAY + timedelta(days=1), by_end=True), "ix_charge_records_ended", id="ended"
        ),
        pytest.param(Filter(station_id="CS-7"), "ix_charge_records_station", id="station"),
        pytest.param(Filter(id_token="TOKEN7"), "ix_charge_records_token", id="token"),
        pytest.param(Filter(reference="ORDER500"), "ix_charge_records_reference", id="reference"),
        pytest.param(Filter(transaction_id="T-7"), "transactions", id="transaction"),
        pytest.param(Filter(record_id="R-7"), "revisions", id="record"),
        pytest.param(Filter(latest_only=True), "changes", id="latest only"),
    ],
)
async def test_a_list_of_records_reads_its_page(engine: AsyncEngine, wanted: Filter, index: str) -> None:
    plan = await plan_of(
        engine, lambda session: ChargeRecordRepository(session).list("default", Page(100), wanted), "charge_records"
    )

    assert index in plan or INDEXES.get((engine.dialect.name, index), index) in plan, plan
    assert "TEMP B-TREE" not in plan or wanted.transaction_id or wanted.record_id, plan


@pytest.mark.parametrize(
    "fields", [pytest.param({}, id="all"), pytest.param({"station_id": "CS-0"}, id="of a station")]
)
async def test_a_list_of_unsettled_transactions_reads_no_settled_one(
    engine: AsyncEngine, fields: dict[str, Any]
) -> None:
    plan = await plan_of(
        engine,
        lambda session: list_unsettled(session, "default", Page(100), stations=StationSelector(), **fields),
        "transactions",
    )

    assert "ix_transactions_unsettled" in plan, plan
