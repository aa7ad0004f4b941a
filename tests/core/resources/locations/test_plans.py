"""Lists of stations, locations and EVSEs by what users look for read a page and no more of 500,000 rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import Page, UnitOfWorkFactory, database_of
from citrine_core.events import write_events
from citrine_core.resources.locations.repository import EvseRepository, LocationRepository
from citrine_core.resources.stations import StationRepository
from tests.support.statements import statements

ROWS = 500_000
PAGES = 3_000
"""Blocks of 8 kB that a page of 100 may need: each of 100 rows by itself from several indexes, and not a table of
500,000 rows."""

T0 = datetime(2026, 1, 1, tzinfo=UTC)

FILL = (
    "INSERT INTO stations (tenant_id, station_id, description, enabled, credential_version, allow_no_password, "
    "boot_policy, location_id, create_time, version) "
    "SELECT 'default', 'CS-' || n, '', true, 1, false, 1, 'L-' || (n % 5000), {now}, 1 FROM numbers",
    "INSERT INTO station_labels (tenant_id, station_id, label_key, label_value) "
    "SELECT 'default', 'CS-' || n, 'kind', CASE n % 2 WHEN 0 THEN 'even' ELSE 'odd' END FROM numbers",
    "INSERT INTO station_labels (tenant_id, station_id, label_key, label_value) "
    "SELECT 'default', 'CS-' || n, 'rare', 'yes' FROM numbers WHERE n % 50000 = 0",
    "INSERT INTO station_groups (tenant_id, station_id, group_name) "
    "SELECT 'default', 'CS-' || n, CASE n % 25000 WHEN 0 THEN 'few' ELSE 'most' END FROM numbers",
    "INSERT INTO locations (tenant_id, location_id, publish, country, time_zone, content, create_time, update_time, "
    "version) SELECT 'default', 'L-' || n, true, CASE n % 9999 WHEN 0 THEN 'NLD' ELSE 'BEL' END, 'Europe/Brussels', "
    "{empty}, {now}, {later}, 1 FROM numbers",
    "INSERT INTO location_evses (tenant_id, uid, location_id, station_id, evse_id, public_key, content, remove_time, "
    "create_time, update_time, version) SELECT 'default', 'E-' || n, 'L-' || (n % 5000), 'CS-' || n, 1, "
    "'NLTNME' || n, {empty}, CASE n % 10 WHEN 0 THEN {now} END, {now}, {later}, 1 FROM numbers",
)


async def fill(engine: AsyncEngine, *, is_postgresql: bool) -> None:
    """Fill the tables; each row changed a second after the one before."""
    if is_postgresql:
        numbers = f"WITH numbers AS (SELECT n FROM generate_series(1, {ROWS}) AS n)"
        words = {
            "now": "TIMESTAMPTZ '2026-01-01 00:00:00Z'",
            "later": "TIMESTAMPTZ '2026-01-01 00:00:00Z' + n * INTERVAL '1 second'",
            "empty": "''\\:\\:bytea",
        }
    else:
        numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})"
        later = "strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', n || ' seconds') || '.000000'"
        words = {"now": "'2026-01-01 00:00:00.000000'", "later": later, "empty": "x''"}
    async with engine.begin() as connection:
        if is_postgresql:
            # A row at a time would take as long as all the rest.
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in FILL:
            head, select = statement.format(**words).split("SELECT", 1)
            await connection.execute(text(f"{head}{numbers} SELECT{select}"))
    async with engine.begin() as connection:
        await connection.execute(text("ANALYZE"))


def is_large_walk(plan: str) -> bool:
    """Return whether SQLite goes through a table, other than a list of keys that it was given."""
    lines = plan.splitlines()
    return any("SCAN" in line and "json_each" not in line and "VIRTUAL TABLE" not in line for line in lines)


@pytest.fixture
async def filled(engine: AsyncEngine) -> AsyncEngine:
    await fill(engine, is_postgresql=engine.dialect.name == "postgresql")
    return engine


async def costs(engine: AsyncEngine, statement: str, parameters: Any) -> str:
    """Return what is wrong with how the database reads a statement; empty if nothing is."""
    async with engine.connect() as connection:
        if database_of(engine).has_one_writer:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plan = "\n".join(row._mapping["detail"] for row in rows)
            return plan if is_large_walk(plan) else ""
        rows = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
        found = rows.scalar_one()
        (explained,) = orjson.loads(found) if isinstance(found, str) else found
        blocks = explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"]
        await connection.rollback()
        return f"{blocks} blocks: {explained}" if blocks > PAGES else ""


STATIONS: list[dict[str, Any]] = [
    {"labels": {"kind": "even"}},
    {"labels": {"rare": "yes"}},
    {"labels": {"kind": "odd", "rare": "yes"}},
    {"groups": ["few"]},
    {"groups": ["most"], "labels": {"rare": "yes"}},
    {"location_ids": ["L-7"]},
    {"location_ids": ["L-7", "L-8"], "labels": {"kind": "even"}},
    {"station_ids": ["CS-1", "CS-2"], "groups": ["most"]},
]

LOCATIONS: list[dict[str, Any]] = [
    {"changed": None, "published_only": False, "country": "NLD"},
    {"changed": (T0 + timedelta(days=5), None), "published_only": True, "country": ""},
    {"changed": None, "published_only": True, "country": ""},
]

EVSES: list[dict[str, Any]] = [
    {"changed": None, "with_removed": False, "location_id": "L-7"},
    {"changed": None, "with_removed": True, "station_id": "CS-7"},
    {"changed": None, "with_removed": False, "public_key": "NLTNME7"},
    {"changed": (T0 + timedelta(days=5), None), "with_removed": True},
]


async def test_a_page_of_a_list_is_read_from_an_index(filled: AsyncEngine) -> None:
    """On both databases; two pages of each list are read, as the second begins behind a key."""
    unit_of_work, wrong = UnitOfWorkFactory(filled, write_events), []
    for number, parts in enumerate(STATIONS):
        for after in (None, ("CS-2",)):
            with statements(filled) as seen:
                async with unit_of_work(read_only=True) as work:
                    page = Page(100, after)
                    rows, _ = await StationRepository(work.session).list(
                        "default", page, stations=StationSelector(**parts)
                    )
            wrong += [(number, parts, await costs(filled, *one)) for one in seen if "FROM stations" in one[0]]
            assert rows, parts
    for filters in LOCATIONS:
        with statements(filled) as seen:
            async with unit_of_work(read_only=True) as work:
                assert (await LocationRepository(work.session).list("default", Page(100), **filters))[0], filters
        wrong += [(0, filters, await costs(filled, *one)) for one in seen if "FROM locations" in one[0]]
    for filters in EVSES:
        with statements(filled) as seen:
            async with unit_of_work(read_only=True) as work:
                assert (await EvseRepository(work.session).list("default", Page(100), **filters))[0], filters
        wrong += [(0, filters, await costs(filled, *one)) for one in seen if "FROM location_evses" in one[0]]

    assert [one for one in wrong if one[2]] == []
