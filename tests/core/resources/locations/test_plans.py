"""Lists by what users look for read a page and no more of 500,000 stations, 100,000 EVSEs or 50,000 locations."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import Page, UnitOfWorkFactory, database_of
from citrine_core.events import write_events
from citrine_core.resources.locations.repository import EvseRepository, LocationRepository
from citrine_core.resources.stations.lists import LookedStations, list_stations
from citrine_core.resources.stations.tags import StationTags
from tests.support.many_rows import indexed_later
from tests.support.renewed_database import run_statements
from tests.support.statements import statements

PAGES = 3_000
"""Blocks of 8 kB that a page of 100 may need: each of 100 rows by itself from several indexes, and not a table of
500,000 rows."""

T0 = datetime(2026, 1, 1, tzinfo=UTC)

FILL = (
    (
        500_000,
        "stations (tenant_id, station_id, description, enabled, credential_version, allow_no_password, boot_policy, "
        "location_id, create_time, version)",
        "'default', 'CS-' || n, '', true, 1, false, 1, 'L-' || (n % 5000), TIMESTAMPTZ '2026-01-01Z', 1",
    ),
    (
        500_000,
        "station_labels (tenant_id, station_id, label_key, label_value)",
        "'default', 'CS-' || n, 'kind', CASE n % 2 WHEN 0 THEN 'even' ELSE 'odd' END",
    ),
    (
        10,
        "station_labels (tenant_id, station_id, label_key, label_value)",
        "'default', 'CS-' || (n * 49999), 'rare', 'yes'",
    ),
    (
        100_000,
        "station_groups (tenant_id, station_id, group_name)",
        "'default', 'CS-' || n, CASE n % 25000 WHEN 0 THEN 'few' ELSE 'most' END",
    ),
    (
        50_000,
        "locations (tenant_id, location_id, publish, country, time_zone, content, create_time, update_time, version)",
        "'default', 'L-' || n, true, CASE n % 9999 WHEN 0 THEN 'NLD' ELSE 'BEL' END, 'Europe/Brussels', '', "
        "TIMESTAMPTZ '2026-01-01Z', TIMESTAMPTZ '2026-01-01Z' + n * INTERVAL '1 second', 1",
    ),
    (
        100_000,
        "location_evses (tenant_id, uid, location_id, station_id, evse_id, public_key, content, remove_time, "
        "create_time, update_time, version)",
        "'default', 'E-' || n, 'L-' || (n % 5000), 'CS-' || n, 1, 'NLTNME' || n, '', "
        "CASE n % 10 WHEN 0 THEN TIMESTAMPTZ '2026-01-01Z' END, TIMESTAMPTZ '2026-01-01Z', "
        "TIMESTAMPTZ '2026-01-01Z' + n * INTERVAL '1 second', 1",
    ),
)
"""Rows of PostgreSQL; each changed a second after the one before."""


async def fill(engine: AsyncEngine) -> None:
    """Fill the tables, without the limits of time of a core's connections."""
    # Foreign keys that are checked row by row take as long as all the rest.
    settings = ["SET session_replication_role = replica", "SET maintenance_work_mem = '256MB'"]
    inserts = [
        f"INSERT INTO {table} SELECT {values} FROM generate_series(1, {rows}) AS n" for rows, table, values in FILL
    ]
    names = sorted({table.partition(" ")[0] for _, table, _ in FILL})
    fills = [*settings, *indexed_later(engine, names, inserts), *(f"ANALYZE {name}" for name in names)]
    await run_statements(engine.url.render_as_string(hide_password=False), fills)


def is_large_walk(plan: str) -> bool:
    """Return whether SQLite goes through a table, other than a list of keys that it was given."""
    lines = plan.splitlines()
    return any("SCAN" in line and "json_each" not in line and "VIRTUAL TABLE" not in line for line in lines)


async def costs(engine: AsyncEngine, statement: str, parameters: Any, pages: int = PAGES) -> str:
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
        return f"{blocks} blocks\n{outline(explained['Plan'])}" if blocks > pages else ""


def outline(plan: dict[str, Any], depth: int = 0) -> str:
    """Return what each node of a plan does, and how much it reads, a line each."""
    names = ("Node Type", "Relation Name", "Index Name", "Actual Rows", "Actual Loops", "Shared Hit Blocks")
    said = " ".join(str(plan[name]) for name in names if name in plan)
    return "\n".join(["  " * depth + said, *(outline(one, depth + 1) for one in plan.get("Plans", ()))])


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

TAGS: list[tuple[dict[str, Any], int]] = [
    ({"prefix": "f"}, 50),
    ({"key": "rare", "prefix": ""}, 50),
    ({"key": "", "prefix": "ra"}, 50),
]
"""Filters of the lists of groups and labels, and how many blocks these few rows may need."""

LOCATIONS: list[dict[str, Any]] = [
    {"changed": None, "published_only": False, "country": "NLD"},
    {"changed": (T0 + timedelta(minutes=5), None), "published_only": True, "country": ""},
    {"changed": None, "published_only": True, "country": ""},
]

EVSES: list[dict[str, Any]] = [
    {"changed": None, "with_removed": False, "location_id": "L-7"},
    {"changed": None, "with_removed": True, "station_id": "CS-7"},
    {"changed": None, "with_removed": False, "public_key": "NLTNME7"},
    {"changed": (T0 + timedelta(minutes=5), None), "with_removed": True},
]


async def test_a_page_of_a_list_is_read_from_an_index(engine: AsyncEngine) -> None:
    """The first page, and one behind a key. SQLite plans without statistics, so that it needs no rows."""
    is_filled = not database_of(engine).has_one_writer
    if is_filled:
        await fill(engine)
    unit_of_work, wrong = UnitOfWorkFactory(engine, write_events), []
    rows: Sequence[Any]
    for number, parts in enumerate(STATIONS):
        for after in (None, ("CS-2",)):
            with statements(engine) as seen:
                async with unit_of_work(read_only=True) as work:
                    looked = LookedStations(stations=StationSelector(**parts))
                    rows, _ = await list_stations(work.session, "default", Page(100, after), looked)
            wrong += [(number, parts, await costs(engine, *one)) for one in seen if "FROM stations" in one[0]]
            assert rows or after or not is_filled, parts
    for filters, within in TAGS:
        with statements(engine) as seen:
            async with unit_of_work(read_only=True) as work:
                tags = StationTags(work.session)
                listing: Any = tags.list_groups if "key" not in filters else tags.list_labels
                rows, _ = await listing("default", Page(100), **filters)
        wrong += [(0, filters, await costs(engine, *one, pages=within)) for one in seen if "FROM station_" in one[0]]
        assert rows or not is_filled, filters
    for filters in LOCATIONS:
        with statements(engine) as seen:
            async with unit_of_work(read_only=True) as work:
                rows, _ = await LocationRepository(work.session).list("default", Page(100), **filters)
        wrong += [(0, filters, await costs(engine, *one)) for one in seen if "FROM locations" in one[0]]
        assert rows or not is_filled, filters
    for filters in EVSES:
        with statements(engine) as seen:
            async with unit_of_work(read_only=True) as work:
                rows, _ = await EvseRepository(work.session).list("default", Page(100), **filters)
        wrong += [(0, filters, await costs(engine, *one)) for one in seen if "FROM location_evses" in one[0]]
        assert rows or not is_filled, filters

    assert not [one for one in wrong if one[2]], "\n".join(f"{one[1]} {one[2]}" for one in wrong if one[2])
