"""What is done now and then."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.event import listens_for
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWERED, COMMAND_STATE_QUEUED
from citrine.events.v1.events_pb2 import Event
from citrine_core import housekeeping
from citrine_core.blocks.meter_values import Sample
from citrine_core.config import read_settings
from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.partitions import add_partitions
from citrine_core.dispatch.models import HandledMessage
from citrine_core.dispatch.repository import HandledMessages
from citrine_core.events import OutboxRepository
from citrine_core.housekeeping import Housekeeping
from citrine_core.resources.commands import CommandRepository, CommandRow
from citrine_core.resources.keys import ApiKey, KeyRepository
from citrine_process.settings import InvalidSetting

NOW = datetime(2031, 6, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def housekeeping_of(unit_of_work: UnitOfWorkFactory, retention: timedelta | None) -> Housekeeping:
    return Housekeeping(unit_of_work, lambda: NOW, timedelta(days=7), 30 * DAY, retention)


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

    await housekeeping_of(unit_of_work, None).tidy()

    async with unit_of_work(read_only=True) as work:
        kept = await work.session.scalars(select(CommandRow.command_id).order_by(CommandRow.command_id))
        assert list(kept) == ["new", "open"]


async def test_old_meter_values_are_removed_in_small_steps(
    unit_of_work: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the default partition too: of clocks that went wrong there is no month."""
    monkeypatch.setattr(housekeeping, "MAX_ROWS", 3)
    kept = [NOW - 30 * DAY, NOW, datetime(9999, 12, 31, tzinfo=UTC)]
    await add_samples(unit_of_work, [datetime(1, 1, 1, tzinfo=UTC), *(NOW - n * DAY for n in range(31, 40)), *kept])

    await housekeeping_of(unit_of_work, 30 * DAY).tidy()

    assert await sample_times(unit_of_work) == kept


async def test_months_go_whole_where_there_are_partitions(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        partitioned = bool(await add_partitions(work.session, NOW - 90 * DAY))
        await work.commit()
    april, may_1, may_31 = (datetime(2031, month, day, tzinfo=UTC) for month, day in ((4, 30), (5, 1), (5, 31)))
    await add_samples(unit_of_work, [april, may_1, may_31])

    await housekeeping_of(unit_of_work, 30 * DAY).tidy()

    assert await sample_times(unit_of_work) == ([may_1, may_31] if partitioned else [may_31])


async def test_meter_values_stay_for_ever_by_default(unit_of_work: UnitOfWorkFactory) -> None:
    times = [datetime(1, 1, 1, tzinfo=UTC), NOW - 20_000 * DAY, NOW]
    await add_samples(unit_of_work, times)

    await housekeeping_of(unit_of_work, read_settings([], {}).meter_value_retention).tidy()

    assert await sample_times(unit_of_work) == times


def test_retention_is_a_duration() -> None:
    assert read_settings(["--meter-value-retention", "P400D"], {}).meter_value_retention == 400 * DAY
    for wrong in ("0", "-P1D", "P999999D"):
        with pytest.raises(InvalidSetting, match="meter_value_retention"):
            read_settings([f"--meter-value-retention={wrong}"], {})


async def test_events_and_replies_are_forgotten_in_small_steps(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A week of them in one transaction would keep SQLite from stations for seconds."""
    monkeypatch.setattr(housekeeping, "MAX_ROWS", 3)
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

    await housekeeping_of(unit_of_work, None).tidy()

    async with unit_of_work(read_only=True) as work:
        outbox = OutboxRepository(work.session)
        assert await outbox.pruned_through() == 7
        assert [row.id for row in await outbox.list("default", after=0, through=99, limit=99)] == [8, 9]
        kept = await work.session.scalars(select(HandledMessage.digest).order_by(HandledMessage.digest))
        assert list(kept) == ["28", "29", "30"]
    assert sum(removed) == 7 + 5
    assert max(removed) <= 3


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

    await housekeeping_of(unit_of_work, None).tidy()

    async with unit_of_work(read_only=True) as work:
        left = await work.session.scalars(select(ApiKey.key_id).order_by(ApiKey.key_id))
        assert list(left) == ["lately", "of people", "valid"]
