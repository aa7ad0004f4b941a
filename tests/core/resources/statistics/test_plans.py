"""Series of a year of 50,000 stations read the rollups that they show, of 500,000."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import statistics_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import Page
from citrine_core.resources.statistics.queries import SeriesQueries
from citrine_core.resources.statistics.series import Wanted, list_series
from tests.support.databases import administrate, copy_template
from tests.support.engines import new_engine
from tests.support.many_rows import BEGIN, Sql, fill, work_of
from tests.support.postgres import PostgresServer

STATIONS = 50_000
QUARTERS = 35_040
"""Of a year."""

START = datetime.fromtimestamp(BEGIN, UTC)

MOST_PAGES = 2500
"""Most pages of PostgreSQL that are read for a series: the EVSEs in service are counted besides."""

MOST_STEPS = 1500
"""Most thousands of steps that SQLite makes for a series."""


def _rows(sql: Sql) -> dict[str, tuple[dict[str, str], int]]:
    """Return quarters and days of the tenant, and ten days of each station; each station has an EVSE."""
    day = f"(n - {QUARTERS}) * 86400"
    some_day = f"(n / {STATIONS}) * 86400 * 30"
    of_station = f"n > {QUARTERS} + 365"
    rollups = {
        "scope": f"CASE WHEN {of_station} THEN 4 ELSE 1 END",
        "grain": f"CASE WHEN n <= {QUARTERS} THEN 1 ELSE 2 END",
        "bucket_time": sql.time(
            f"(CASE WHEN n <= {QUARTERS} THEN n * 900 WHEN {of_station} THEN {some_day} ELSE {day} END)"
        ),
        "station_id": f"CASE WHEN {of_station} THEN 'CS-' || (n % {STATIONS}) ELSE '' END",
        "location_id": f"CASE WHEN {of_station} THEN 'L-' || (n % 1000) ELSE '' END",
        "tariff_id": "''",
        "currency": "''",
    }
    services = {"station_id": "'CS-' || n", "evse_id": "1", "location_id": "'L-' || (n % 1000)"}
    return {"rollups": (rollups, 500_000), "evse_services": (services, STATIONS)}


async def _fill(url: str) -> None:
    engine = new_engine(url)
    try:
        await fill(engine, _rows(Sql(engine)))
    finally:
        await engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database of each kind in turn with half a million rollups."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        with tempfile.TemporaryDirectory(dir=request.getfixturevalue("sqlite_folder")) as folder:
            url = f"sqlite+aiosqlite:///{shutil.copy(template, Path(folder) / 'citrine.db')}"
            asyncio.run(_fill(url))
            yield url
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        asyncio.run(copy_template(server, "many_rollups"))
        asyncio.run(_fill(server.url("many_rollups")))
        yield server.url("many_rollups")
        asyncio.run(administrate(server, "DROP DATABASE many_rollups WITH (FORCE)"))


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[AsyncEngine]:
    engine = new_engine(filled_url)
    yield engine
    await engine.dispose()


@pytest.mark.parametrize(
    ("grouping", "stations", "interval", "points"),
    [
        pytest.param(pb.STATISTICS_GROUPING_UNSPECIFIED, None, pb.SERIES_INTERVAL_MONTH, 12, id="months"),
        pytest.param(pb.STATISTICS_GROUPING_UNSPECIFIED, None, pb.SERIES_INTERVAL_DAY, 365, id="days"),
        pytest.param(
            pb.STATISTICS_GROUPING_STATION,
            StationSelector(station_ids=[f"CS-{n}" for n in range(20)]),
            pb.SERIES_INTERVAL_MONTH,
            20 * 12,
            id="months of 20 stations",
        ),
        pytest.param(pb.STATISTICS_GROUPING_STATION, None, pb.SERIES_INTERVAL_MONTH, 500, id="a page of stations"),
    ],
)
async def test_a_series_of_a_year_reads_the_rollups_that_it_shows(
    filled: AsyncEngine, grouping: Any, stations: StationSelector | None, interval: Any, points: int
) -> None:
    wanted = Wanted(START, START + timedelta(days=365), interval, "UTC", by_location=False)

    async def ask(session: Any) -> Any:
        queries = SeriesQueries(session, "default", grouping, stations, "")
        return await list_series(queries, Page(500), wanted, START + timedelta(days=365))

    (found, _), effort, plan = await work_of(filled, ask)

    assert len(found) == points
    assert effort <= (MOST_STEPS if filled.dialect.name == "sqlite" else MOST_PAGES), f"{effort}: {plan}"
