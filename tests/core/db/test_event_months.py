"""Upgrade 72: the events of transactions that were stored before there were months are there, and stay unique."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.db import UnitOfWorkFactory, create_engine
from citrine_core.db.databases import database_of
from citrine_core.db.migrations.event_months import prepare_events
from citrine_core.db.partitions import month_of
from citrine_core.db.upgrade import upgrade
from citrine_core.events import write_events
from citrine_core.resources.persons.places import places
from tests.core.db.test_growth import stored, to

NOW = datetime.now(UTC)
KEY = ("CS-1", "T-1")


async def add_event(connection: AsyncConnection, seq_no: int, **columns: Any) -> None:
    """Store one as cores of before do, unless columns are given."""
    more = "".join(f", {name}" for name in columns)
    values = "".join(f", {value}" for value in columns.values())
    await connection.execute(
        text(
            "INSERT INTO transaction_events (tenant_id, station_id, transaction_id, seq_no, digest, event_type,"
            f" event_time, request, response, receive_time{more})"
            f" VALUES ('default', 'CS-1', 'T-1', {seq_no}, 1, 2, :time, :none, :none, :time{values})"
        ),
        {"time": stored(connection, NOW), "none": b""},
    )


async def fill(connection: AsyncConnection) -> None:
    await connection.execute(
        text(
            "INSERT INTO transactions (tenant_id, station_id, transaction_id, sequence, offline, meter_before_wh,"
            " meter_began, events, seq_nos, first_seq_no, last_seq_no, last_event_time, last_event_type, last_digest,"
            " orphaned, update_time) VALUES ('default', 'CS-1', 'T-1', 1, false, 0, false, 2, 2, 0, 1, :time, 2, 1,"
            " false, :time)"
        ),
        {"time": stored(connection, NOW)},
    )
    for seq_no in range(2):
        await add_event(connection, seq_no)


async def numbers(engine: AsyncEngine) -> tuple[int, list[int]]:
    """Return the month of the transaction, and the numbers of its events."""
    async with UnitOfWorkFactory(engine, write_events)(read_only=True) as work:
        repository = TransactionRepository(work.session)
        state = (await repository.find_states("default", [KEY]))[KEY]
        events = (await repository.load_events("default", [state]))[KEY]
    return state.events_month, sorted(one.seq_no for one in events)


async def behind(engine: AsyncEngine, after: list[Any]) -> list[int]:
    """Return the numbers of the events behind a key at which the erasure of a person stopped."""
    [place] = [one for one in places() if one.name == "transaction_events"]
    async with UnitOfWorkFactory(engine, write_events)(read_only=True) as work:
        rows = await place.read(work.session, "default", orjson.dumps(after).decode(), 10)
    return [row.key_seq_no for row in rows]


async def test_events_of_before_are_found_and_unique_and_a_downgrade_loses_none(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(to, "0071")
        await fill(connection)
    # An upgrade that was interrupted behind its first step, while a core of before stores one more.
    await prepare_events(engine)
    async with engine.begin() as connection:
        await add_event(connection, 2)

    await upgrade(empty_database_url)

    assert await numbers(engine) == (0, [0, 1, 2])
    async with engine.connect() as connection:
        with pytest.raises(IntegrityError):
            await add_event(connection, 1)
        await connection.rollback()
    async with engine.begin() as connection:
        has_partitions = database_of(connection).has_partitions
        month = month_of(NOW) if has_partitions else 0
        # A core of before beside one of now.
        await add_event(connection, 3)
        await add_event(connection, 4, events_month=month)
        await connection.execute(text(f"UPDATE transactions SET events_month = {month}"))
        await connection.execute(text(f"UPDATE transaction_events SET events_month = {month} WHERE seq_no < 3"))
    assert await numbers(engine) == (month, [0, 1, 2, 3, 4])
    key = ["default", *KEY, 1, 1]
    assert await behind(engine, key) == await behind(engine, [*key, month]) == [2, 3, 4]
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: to(sync, "0071", down=True))
        rows = await connection.execute(text("SELECT seq_no FROM transaction_events ORDER BY seq_no"))
        assert [row[0] for row in rows] == [0, 1, 2, 3, 4]
    async with engine.connect() as connection:
        with pytest.raises(IntegrityError):
            await add_event(connection, 4)
    await upgrade(empty_database_url)
    assert await numbers(engine) == (0, [0, 1, 2, 3, 4])
    await engine.dispose()


async def test_upgrades_at_the_same_time_take_turns_with_the_events_of_before(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(to, "0071")
        await fill(connection)

    await asyncio.gather(*(upgrade(empty_database_url) for _ in range(3)))

    async with engine.begin() as connection:
        month = month_of(NOW) if database_of(connection).has_partitions else 0
        # Of a core of now: no constraint of the upgrade is left, nor one of the partitions' parent.
        await add_event(connection, 2, events_month=month)
        await connection.execute(text(f"UPDATE transactions SET events_month = {month}"))
    assert await numbers(engine) == (month, [0, 1, 2])
    await engine.dispose()
