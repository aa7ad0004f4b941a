"""Upgrade 26: what was stored before there were partitions is there, is found and is dropped like the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any

from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.blocks.availability.repository import ConnectorRepository
from citrine_core.config import read_settings
from citrine_core.db import Page, UnitOfWorkFactory, create_engine
from citrine_core.db.databases import database_of
from citrine_core.db.upgrade import alembic_config, upgrade
from citrine_core.events import OutboxRepository, write_events
from citrine_core.housekeeping import Housekeeping
from citrine_core.ids import new_id
from citrine_core.resources.commands import CommandRepository
from citrine_core.resources.stations.sightings import Sightings

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
AHEAD = datetime(2099, 1, 1, tzinfo=UTC)
"""Of a station whose clock is wrong."""


def to(connection: Connection, revision: str, *, down: bool = False) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    (command.downgrade if down else command.upgrade)(config, revision)


def stored(connection: AsyncConnection, time: datetime) -> Any:
    to_time = database_of(connection).to_time
    return time if to_time is None else to_time(time)


async def fill(connection: AsyncConnection, command_id: str) -> None:
    """Store what an earlier version did."""
    for number, age in enumerate((400, 8, 0)):
        values = {"time": stored(connection, NOW - age * DAY), "kind": f"{number}", "none": b""}
        await connection.execute(
            text(
                "INSERT INTO outbox (tenant_id, station_id, kind, payload, create_time)"
                " VALUES ('default', 'CS-1', :kind, :none, :time)"
            ),
            values,
        )
    for identity, finish_time in ((command_id, NOW - 400 * DAY), ("~ not of ours", NOW - DAY)):
        await connection.execute(
            text(
                "INSERT INTO commands (tenant_id, command_id, station_id, action, state, is_native, payload,"
                " error_code, error_description, requested_by, reason, timeout, when_online, create_time, finish_time)"
                " VALUES ('default', :id, 'CS-1', 'Reset', 3, false, '{}', '', '', 'x', '', 1, false, :time, :end)"
            ),
            {"id": identity, "time": stored(connection, NOW), "end": stored(connection, finish_time)},
        )
    for number, time in enumerate((NOW - 400 * DAY, NOW, NOW, AHEAD)):
        await connection.execute(
            text(
                "INSERT INTO connector_statuses (tenant_id, station_id, evse_id, connector_id, status, status_time,"
                " create_time) VALUES ('default', 'CS-1', 1, 1, :status, :time, :received)"
            ),
            {
                "status": number + 1,
                "time": stored(connection, time),
                "received": stored(connection, NOW + timedelta(seconds=number)),
            },
        )

    seen = {"time": stored(connection, NOW - 400 * DAY), "seen": stored(connection, NOW - DAY)}
    for station_id, name in (("CS-1", ":seen"), ("CS-2", "NULL")):
        await connection.execute(
            text(
                "INSERT INTO stations (tenant_id, station_id, description, enabled, credential_version,"
                " allow_no_password, boot_policy, create_time, version, last_seen_time)"
                f" VALUES ('default', '{station_id}', '', true, 1, true, 1, :time, 1, {name})"
            ),
            seen if name == ":seen" else {"time": seen["time"]},
        )


async def upgraded(url: str, command_id: str) -> AsyncEngine:
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(to, "0025")
        await fill(connection, command_id)
    await upgrade(url)
    return engine


async def test_what_was_stored_is_found(empty_database_url: str) -> None:
    command_id = new_id()
    engine = await upgraded(empty_database_url, command_id)

    async with UnitOfWorkFactory(engine, write_events)() as work:
        outbox, commands = OutboxRepository(work.session), CommandRepository(work.session)
        assert [row.id for row in await outbox.list("default", after=0, through=9, limit=9)] == [1, 2, 3]
        listed, _ = await commands.list("default", Page(9), station_id="CS-1", state=None)
        assert [row.command_id for row in listed] == ["~ not of ours", command_id]
        assert await commands.find("default", command_id) is not None
        statuses, token = await ConnectorRepository(work.session).list_changes("default", Page(9), "CS-1")
        # Of the two of one moment the one that came later is the first.
        assert [one.status for one in statuses] == [4, 3, 2, 1]
        assert token == ""
    await engine.dispose()


async def test_when_stations_were_seen_is_in_a_table_of_its_own(empty_database_url: str) -> None:
    engine = await upgraded(empty_database_url, new_id())

    async with UnitOfWorkFactory(engine, write_events)() as work:
        sightings = Sightings(work.session)
        assert await sightings.find_all("default", ["CS-1", "CS-2"]) == {"CS-1": NOW - DAY}
        # What is older changes nothing.
        await sightings.see_all({("default", "CS-1"): NOW - 2 * DAY, ("default", "CS-2"): NOW})
        assert await sightings.find_all("default", ["CS-1", "CS-2"]) == {"CS-1": NOW - DAY, "CS-2": NOW}
        await work.session.rollback()
    async with engine.begin() as connection:
        await connection.run_sync(lambda synchronous: to(synchronous, "0025", down=True))
        assert await connection.scalar(text("SELECT count(*) FROM stations WHERE last_seen_time IS NOT NULL")) == 1
    await engine.dispose()


async def test_pages_of_rows_that_change_often_have_room_for_their_new_versions(postgres_engine: AsyncEngine) -> None:
    query = text("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL AND relkind = 'r'")
    async with postgres_engine.connect() as connection:
        found = {row[0]: row[1] for row in await connection.execute(query)}
    assert found["transactions"] == ["fillfactor=80"]
    assert found["connections"] == ["fillfactor=70"]
    assert found["station_sightings"] == ["fillfactor=50"]


async def test_ids_of_events_go_on_behind_those_of_before(empty_database_url: str) -> None:
    engine = await upgraded(empty_database_url, new_id())
    unit_of_work = UnitOfWorkFactory(engine, write_events)

    await Housekeeping(unit_of_work, lambda: NOW, read_settings(["--event-retention=P10000D"], {})).tidy()

    async with unit_of_work() as work:
        outbox = OutboxRepository(work.session)
        before = await outbox.head()
        await work.session.execute(
            text(
                "INSERT INTO outbox (tenant_id, station_id, kind, payload, create_time)"
                " SELECT tenant_id, station_id, kind, payload, create_time FROM outbox"
            )
        )
        rows = await outbox.list("default", after=0, through=2**62, limit=9)
    assert [row.id for row in rows[:3]] == [1, 2, 3]
    assert before == 3
    assert [row.id > 3 for row in rows[3:]] == [True] * 3
    await engine.dispose()


async def test_what_is_old_goes_as_it_would_have(empty_database_url: str) -> None:
    """On PostgreSQL with all of its period: the first partition ends with the day or the month of the upgrade."""
    engine = await upgraded(empty_database_url, new_id())
    unit_of_work = UnitOfWorkFactory(engine, write_events)
    late = NOW + 40 * DAY

    await Housekeeping(
        unit_of_work,
        lambda: late,
        read_settings(["--command-retention=P5D", "--connector-status-retention=P5D"], {}),
    ).tidy()

    async with unit_of_work() as work:
        for table, left in (("outbox", 0), ("commands", 0), ("connector_statuses", 1)):
            assert await work.session.scalar(text(f"SELECT count(*) FROM {table}")) == left
        assert await OutboxRepository(work.session).pruned_through() == 3
    await engine.dispose()


async def test_a_downgrade_loses_nothing(empty_database_url: str) -> None:
    engine = await upgraded(empty_database_url, new_id())

    async with engine.begin() as connection:
        await connection.run_sync(lambda synchronous: to(synchronous, "0025", down=True))
        counts = [
            await connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("outbox", "commands", "connector_statuses")
        ]

    assert counts == [3, 2, 4]
    await upgrade(empty_database_url)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT max(id) FROM outbox")) == 3
    await engine.dispose()
