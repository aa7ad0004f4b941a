"""What is done now and then."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.event import listens_for
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWERED, COMMAND_STATE_QUEUED
from citrine.events.v1.events_pb2 import Event
from citrine_core import housekeeping
from citrine_core.blocks.availability import ConnectorStatusChange
from citrine_core.blocks.availability.repository import ConnectorRepository
from citrine_core.blocks.meter_values import Sample
from citrine_core.config import read_settings
from citrine_core.db import UnitOfWorkFactory, partitions
from citrine_core.db.databases import database_of
from citrine_core.db.partitions import add_partitions
from citrine_core.dispatch.models import HandledMessage
from citrine_core.dispatch.repository import HandledMessages
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events import OutboxRepository, write_events
from citrine_core.housekeeping import Housekeeping
from citrine_core.ids import first_id_of
from citrine_core.resources.commands import CommandRepository, CommandRow
from citrine_core.resources.keys import ApiKey, KeyRepository
from citrine_process.settings import InvalidSetting
from tests.support.databases import somebody_waits

NOW = datetime(2031, 6, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def housekeeping_of(unit_of_work: UnitOfWorkFactory, *flags: str) -> Housekeeping:
    return Housekeeping(unit_of_work, lambda: NOW, read_settings(["--command-retention=P30D", *flags], {}))


async def add_samples(unit_of_work: UnitOfWorkFactory, times: Sequence[datetime]) -> None:
    async with unit_of_work() as work:
        rows = [
            {
                "tenant_id": "default",
                "station_id": "CS-1",
                "sample_time": time,
                "digest": number,
                "position": 0,
                "measurand": 1,
                "value": 1.0,
            }
            for number, time in enumerate(times)
        ]
        await work.session.execute(insert(Sample.__table__), rows)  # type: ignore[arg-type]
        await work.commit()


async def sample_times(unit_of_work: UnitOfWorkFactory) -> list[datetime]:
    async with unit_of_work(read_only=True) as work:
        return list(await work.session.scalars(select(Sample.sample_time).order_by(Sample.sample_time)))


async def add_command(unit_of_work: UnitOfWorkFactory, command_id: str, finish_time: datetime | None) -> None:
    row = {
        "tenant_id": "default", "command_id": command_id, "station_id": "CS-1", "action": "Reset", "is_native": False,
        "state": COMMAND_STATE_ANSWERED if finish_time else COMMAND_STATE_QUEUED, "payload": "{}", "error_code": "",
        "reason": "", "error_description": "", "requested_by": "somebody", "timeout": 1000, "when_online": False,
        "create_time": NOW - 90 * DAY, "finish_time": finish_time,
    }  # fmt: skip
    async with unit_of_work() as work:
        await CommandRepository(work.session).add(row)
        await work.commit()


async def test_commands_are_forgotten_some_time_after_their_end(
    unit_of_work: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has not ended stays, however old it is."""
    monkeypatch.setattr(housekeeping, "MAX_ROWS", 1)
    for command_id, finish_time in {"old": NOW - 40 * DAY, "older": NOW - 50 * DAY, "new": NOW, "open": None}.items():
        await add_command(unit_of_work, command_id, finish_time)

    await housekeeping_of(unit_of_work).tidy()

    assert await command_ids(unit_of_work) == ["new", "open"]


async def test_old_meter_values_are_removed_in_small_steps(
    unit_of_work: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the default partition too: of clocks that went wrong there is no month."""
    monkeypatch.setattr(housekeeping, "MAX_ROWS", 3)
    kept = [NOW - 30 * DAY, NOW, datetime(9999, 12, 31, tzinfo=UTC)]
    await add_samples(unit_of_work, [datetime(1, 1, 1, tzinfo=UTC), *(NOW - n * DAY for n in range(31, 40)), *kept])

    await housekeeping_of(unit_of_work, "--meter-value-retention=P30D").tidy()

    assert await sample_times(unit_of_work) == kept


async def test_months_go_whole_where_there_are_partitions(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        partitioned = bool(await add_partitions(work.session, NOW - 90 * DAY))
        await work.commit()
    april, may_1, may_31 = (datetime(2031, month, day, tzinfo=UTC) for month, day in ((4, 30), (5, 1), (5, 31)))
    await add_samples(unit_of_work, [april, may_1, may_31])

    await housekeeping_of(unit_of_work, "--meter-value-retention=P30D").tidy()

    assert await sample_times(unit_of_work) == ([may_1, may_31] if partitioned else [may_31])


async def test_meter_values_stay_for_ever_by_default(unit_of_work: UnitOfWorkFactory) -> None:
    times = [datetime(1, 1, 1, tzinfo=UTC), NOW - 20_000 * DAY, NOW]
    await add_samples(unit_of_work, times)

    await housekeeping_of(unit_of_work).tidy()

    assert await sample_times(unit_of_work) == times


@pytest.mark.parametrize("name", ["meter_value", "connector_status", "command", "event", "deduplication"])
def test_retention_is_a_duration(name: str) -> None:
    flag = f"--{name.replace('_', '-')}-retention"
    assert getattr(read_settings([flag, "P400D"], {}), f"{name}_retention") == 400 * DAY
    for wrong in ("0", "-P1D", "P999999D"):
        with pytest.raises(InvalidSetting, match=f"{name}_retention"):
            read_settings([f"{flag}={wrong}"], {})


def test_what_a_station_may_send_again_is_recognised_for_a_day_at_least() -> None:
    with pytest.raises(InvalidSetting, match="deduplication_retention"):
        read_settings(["--deduplication-retention=PT1H"], {})


async def test_events_and_replies_are_forgotten_in_small_steps(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A week of them in one transaction would keep SQLite from stations for seconds; PostgreSQL drops events by day."""
    monkeypatch.setattr(housekeeping, "MAX_ROWS", 3)
    in_one_file = database_of(engine).has_one_writer
    async with unit_of_work() as work:
        for age in (8, 8, 8, 8, 9, 8, 8, 1, 0):
            await OutboxRepository(work.session).add_all(
                [Event(tenant_id="default", station_id="CS-1")], NOW - age * DAY
            )
        for age in range(28, 36):
            await HandledMessages(work.session).add_all("default", {("CS-1", f"{age}"): b""}, NOW - age * DAY)
        await work.commit()
    removed: list[int] = []

    @listens_for(engine.sync_engine, "after_cursor_execute")
    def note(connection: object, cursor: Any, statement: str, *others: object) -> None:
        if statement.startswith("DELETE"):
            removed.append(cursor.rowcount)

    await housekeeping_of(unit_of_work).tidy()

    async with unit_of_work(read_only=True) as work:
        outbox = OutboxRepository(work.session)
        if in_one_file:
            assert await outbox.pruned_through() == 7
            assert [row.id for row in await outbox.list("default", after=0, through=99, limit=99)] == [8, 9]
        kept = await work.session.scalars(select(HandledMessage.digest).order_by(HandledMessage.digest))
        assert list(kept) == ["28", "29", "30"]
    assert sum(removed) == 5 + (7 if in_one_file else 0)
    assert max(removed) <= 3


async def test_events_are_dropped_by_the_day(unit_of_work: UnitOfWorkFactory, engine: AsyncEngine) -> None:
    """Their ids go on with each day, so that a day is a range of ids; who resumes before its end is told so."""
    ids = {}
    for age in (10, 9, 8, 1, 0):
        now = NOW - age * DAY
        await Housekeeping(unit_of_work, lambda now=now: now, read_settings([], {})).tidy()  # type: ignore[misc]
        async with unit_of_work() as work:
            outbox = OutboxRepository(work.session)
            await outbox.add_all([Event(tenant_id="default", station_id=f"CS-{age}")], now)
            await work.commit()
            ids[age] = await outbox.head()

    await housekeeping_of(unit_of_work).tidy()

    async with unit_of_work(read_only=True) as work:
        outbox = OutboxRepository(work.session)
        rows = await outbox.list("default", after=0, through=2**62, limit=99)
        assert [(row.id, Event.FromString(row.payload).station_id) for row in rows] == [
            (ids[1], "CS-1"),
            (ids[0], "CS-0"),
        ]
        assert await outbox.pruned_through() == ids[8]
        assert await outbox.is_given(ids[10])
        assert await outbox.head() == ids[0]
    assert sorted(ids.values()) == list(ids.values())
    if database_of(engine).has_partitions:
        assert ids[0] - ids[1] == 1 << 32


async def test_an_event_of_an_old_day_that_is_not_old_keeps_its_day(unit_of_work: UnitOfWorkFactory) -> None:
    """Where no core moved the ids on for days, for none ran, a day has events of later ones."""
    async with unit_of_work() as work:
        outbox = OutboxRepository(work.session)
        for age in (20, 1):
            await outbox.add_all([Event(tenant_id="default", station_id=f"CS-{age}")], NOW - age * DAY)
        await work.commit()
        kept = await outbox.head()

    await housekeeping_of(unit_of_work).tidy()

    async with unit_of_work(read_only=True) as work:
        rows = await OutboxRepository(work.session).list("default", after=0, through=2**62, limit=99)
        assert kept in [row.id for row in rows]


async def test_one_core_at_a_time_sweeps(postgres_engine: AsyncEngine) -> None:
    """What one core is at, the others leave to it; they don't wait."""
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    await add_command(unit_of_work, "old", NOW - 40 * DAY)
    async with unit_of_work() as other:
        assert await database_of(postgres_engine).try_lock(await other.session.connection(), housekeeping._LOCK)
        await housekeeping_of(unit_of_work).tidy()
    assert await command_ids(unit_of_work) == ["old"]

    await housekeeping_of(unit_of_work).tidy()

    assert await command_ids(unit_of_work) == []


async def test_a_table_that_is_in_use_is_asked_for_again(
    postgres_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for a whole table makes everybody else wait: so not for long, and another time."""
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(housekeeping, "LOCK_PAUSE", 0.01)
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    await add_command(unit_of_work, "old", NOW - 40 * DAY)
    async with unit_of_work() as reader:
        await reader.session.execute(text("LOCK TABLE samples_default IN ACCESS SHARE MODE"))
        monkeypatch.setattr(housekeeping, "LOCK_TRIES", 1)
        with pytest.raises(DatabaseUnavailable):
            await housekeeping_of(unit_of_work).tidy()
        # What does not need that table is done.
        assert await command_ids(unit_of_work) == []
        monkeypatch.setattr(housekeeping, "LOCK_TRIES", 1000)
        tidying = asyncio.create_task(housekeeping_of(unit_of_work).tidy())
        await somebody_waits(postgres_engine)
    await tidying

    async with unit_of_work(read_only=True) as work:
        assert await work.session.scalar(text("SELECT to_regclass('samples_2031_06') IS NOT NULL"))


async def test_commands_are_dropped_by_the_month_once_all_of_them_ended(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine
) -> None:
    made = {month: first_id_of(datetime(2031, month, 3, tzinfo=UTC)) + "-7000-8000-000000000000" for month in (2, 3, 5)}
    async with unit_of_work() as work:
        await add_partitions(work.session, datetime(2031, 2, 1, tzinfo=UTC))
        await work.commit()
    await add_command(unit_of_work, made[2], NOW - 90 * DAY)
    await add_command(unit_of_work, made[3], NOW - 80 * DAY)
    await add_command(unit_of_work, made[3][:-1] + "1", None)
    await add_command(unit_of_work, made[5], NOW - 10 * DAY)

    await housekeeping_of(unit_of_work).tidy()

    # Row by row goes the one that ended, where there is one table; the month of one that waits stays.
    kept = [made[3]] if database_of(engine).has_partitions else []
    assert await command_ids(unit_of_work) == [*kept, made[3][:-1] + "1", made[5]]


async def test_the_history_of_connectors_is_forgotten_when_it_is_to_be(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine
) -> None:
    times = [
        datetime(1, 1, 1, tzinfo=UTC),
        NOW - 100 * DAY,
        NOW - 41 * DAY,
        NOW - DAY,
        datetime(9999, 12, 31, tzinfo=UTC),
    ]
    async with unit_of_work() as work:
        await add_partitions(work.session, NOW - 100 * DAY)
        rows = [
            {
                "tenant_id": "default",
                "station_id": "CS-1",
                "status_time": time,
                "evse_id": 1,
                "connector_id": 1,
                "status": 1,
                "create_time": NOW,
            }
            for time in times
        ]
        await ConnectorRepository(work.session).add_changes(rows)
        await work.commit()

    await housekeeping_of(unit_of_work).tidy()
    assert await status_times(unit_of_work) == times

    await housekeeping_of(unit_of_work, "--connector-status-retention=P40D").tidy()
    # May has a day that is not old.
    may = [times[2]] if database_of(engine).has_partitions else []
    assert await status_times(unit_of_work) == [*may, *times[3:]]


async def command_ids(unit_of_work: UnitOfWorkFactory) -> list[str]:
    async with unit_of_work(read_only=True) as work:
        return list(await work.session.scalars(select(CommandRow.command_id).order_by(CommandRow.command_id)))


async def status_times(unit_of_work: UnitOfWorkFactory) -> list[datetime]:
    change = ConnectorStatusChange
    async with unit_of_work(read_only=True) as work:
        return list(await work.session.scalars(select(change.status_time).order_by(change.status_time)))


async def test_keys_of_key_files_are_forgotten_some_time_after_their_end(unit_of_work: UnitOfWorkFactory) -> None:
    """A core that starts without its file leaves one each time; keys that people made stay, for they may ask."""
    long_ago, lately = NOW - 40 * DAY, NOW - 20 * DAY
    keys: dict[str, dict[str, Any]] = {
        "replaced": {"key_file": "a:/key", "revoke_time": long_ago},
        "expired": {"key_file": "b:/key", "expire_time": long_ago},
        "valid": {"key_file": "a:/key", "expire_time": NOW + DAY},
        "lately": {"key_file": "a:/key", "revoke_time": lately, "expire_time": lately},
        "of people": {"revoke_time": long_ago, "expire_time": long_ago},
    }
    async with unit_of_work() as work:
        for key_id, fields in keys.items():
            row = ApiKey(
                key_id=key_id, display_name="x", scopes="*", secret_hash=b"x" * 32, create_time=long_ago, **fields
            )
            await KeyRepository(work.session).add(row)
        await work.commit()

    await housekeeping_of(unit_of_work).tidy()

    async with unit_of_work(read_only=True) as work:
        left = await work.session.scalars(select(ApiKey.key_id).order_by(ApiKey.key_id))
        assert list(left) == ["lately", "of people", "valid"]
