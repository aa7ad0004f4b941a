"""Sessions of many stations in one statement, on both databases."""

from datetime import UTC, datetime

from sqlalchemy import insert

from citrine_core.db import Page, UnitOfWorkFactory
from citrine_core.resources.connections import ConnectionRepository
from citrine_core.resources.connections.models import Connection

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STATIONS = ["CS-1", "CS-2", "CS-3"]


async def test_many_sessions_open_at_once(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        await work.session.execute(
            insert(Connection),
            [
                {
                    "tenant_id": "default",
                    "station_id": station_id,
                    "epoch": 1,
                    "edge_id": "edge-1",
                    "is_open": False,
                    "ocpp_version": 3,
                    "remote_address": "",
                    "admit_time": NOW,
                }
                for station_id in STATIONS
            ],
        )
        await ConnectionRepository(work.session).open_all(
            [
                {
                    "tenant_id": "default",
                    "station_id": station_id,
                    "epoch": 1,
                    "edge_id": "edge-1",
                    "ocpp_version": 3,
                    "remote_address": "127.0.0.1:1",
                    "open_time": NOW,
                }
                for station_id in STATIONS
            ]
        )
        await work.commit()

    async with unit_of_work(read_only=True) as work:
        opened, _ = await ConnectionRepository(work.session).list_open("default", Page(10))
    assert [row.station_id for row in opened] == STATIONS
