"""Each table that grows has a setting that bounds it, and what is older goes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer, LargeBinary, String, Table, insert, select

from citrine_core import housekeeping
from citrine_core.config import CoreSettings, read_settings
from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.base import UtcDateTime
from citrine_core.db.tables import metadata, own_tables
from citrine_core.housekeeping import MAX_ROWS, Housekeeping
from citrine_core.retention import BOUNDED, ELSEWHERE, OF_TRANSACTIONS, SWEPT

NOW = datetime(2045, 6, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = ("tenant_id", "station_id", "transaction_id")


def test_each_table_is_bounded_by_a_setting_or_by_what_it_is() -> None:
    """A new table belongs into one of the lists of citrine_core.retention."""
    listed = list(chain(BOUNDED, ELSEWHERE, SWEPT, OF_TRANSACTIONS))

    assert set(listed) == own_tables()
    assert len(listed) == len(set(listed))
    named = {*ELSEWHERE.values(), *(rule.setting for rule in SWEPT.values()), "billing_retention"}
    settings = {name for name in CoreSettings.model_fields if name.endswith("_retention")}
    assert named == settings


def _value(column: Column[Any]) -> Any:
    """Return something that fits a column."""
    if isinstance(column.type, UtcDateTime):
        return NOW
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, String):
        return "default" if column.name == "tenant_id" else "x"
    if isinstance(column.type, LargeBinary):
        return b""
    return 5 if isinstance(column.type, Integer) else 0


def _row(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table: a value wherever one is needed."""
    needed = (one for one in table.columns if not one.nullable and one.autoincrement is not True and one.name != "id")
    return {one.name: _value(one) for one in needed} | {k: v for k, v in values.items() if k in table.c}


async def _tidy(unit_of_work: UnitOfWorkFactory, *flags: str) -> None:
    await Housekeeping(unit_of_work, lambda: NOW, read_settings(flags, {})).tidy()


async def test_what_is_older_than_its_retention_goes(unit_of_work: UnitOfWorkFactory) -> None:
    """Of two rows of each table; what has not ended stays."""
    tables = {name: metadata().tables[name] for name, rule in SWEPT.items() if rule.time}
    async with unit_of_work() as work:
        for name, table in tables.items():
            age = 401 if SWEPT[name].setting == "activity_retention" else 3654
            keys = [one.name for one in table.columns if one.name != "tenant_id" and isinstance(one.type, String)]
            ends = [NOW - age * DAY, NOW - (age - 2) * DAY, None]
            for number, time in enumerate(ends if table.c[SWEPT[name].time].nullable else ends[:2], 7):
                row = _row(table, {**dict.fromkeys(keys, f"{number}"), SWEPT[name].time: time})
                await work.session.execute(insert(table).values(row))
        await work.session.execute(insert(logs := metadata().tables["log_uploads"]).values(_row(logs, {})))
        await work.commit()

    await _tidy(unit_of_work)

    async with unit_of_work(read_only=True) as work:
        for name, table in tables.items():
            times = list(await work.session.scalars(select(table.c[SWEPT[name].time])))
            assert [time for time in times if time is not None and time < NOW - 3653 * DAY] == [], name
            assert len(times) == (2 if table.c[SWEPT[name].time].nullable else 1), name
        assert (await work.session.execute(select(logs))).all() == []


@pytest.mark.parametrize(
    ("setting", "time", "names"),
    [
        ("history_retention", "decide_time", ("authorization_records",)),
        ("command_retention", "finish_time", ("operations", "operation_stations")),
    ],
    ids=["decisions on tokens", "operations with their stations"],
)
async def test_what_others_remove_goes_by_its_setting_in_small_steps(
    unit_of_work: UnitOfWorkFactory,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    time: str,
    names: tuple[str, ...],
) -> None:
    """By no other one; what has not ended stays, and so does all where it is retained for ever."""
    monkeypatch.setattr(housekeeping, "MAX_ROWS", 1)
    tables = [metadata().tables[name] for name in names]
    ages: dict[str, int | None] = {"older": 60, "old": 51, "new": 49}
    if tables[0].c[time].nullable:
        ages["open"] = None
    async with unit_of_work() as work:
        for name, days in ages.items():
            values = {time: None if days is None else NOW - days * DAY, "operation_id": name, "transaction_id": name}
            for table in tables:
                for station_id in ("CS-1", "CS-2") if table.name != "operations" else ("",):
                    await work.session.execute(
                        insert(table).values(_row(table, {**values, "station_id": station_id, "id_token": name}))
                    )
        await work.commit()

    async def left() -> dict[str, set[str]]:
        async with unit_of_work(read_only=True) as work:
            key = {one.name: one.c["operation_id" if "operation_id" in one.c else "transaction_id"] for one in tables}
            return {name: set(await work.session.scalars(select(column))) for name, column in key.items()}

    other = {"history_retention": "command", "command_retention": "history"}[setting]
    flag = f"--{setting.replace('_', '-')}"
    await _tidy(unit_of_work, f"{flag}=none", f"--{other}-retention=P1D")
    assert await left() == {one: set(ages) for one in names}

    await _tidy(unit_of_work, f"{flag}=P50D")
    assert await left() == {one: set(ages) - {"older", "old"} for one in names}


async def test_what_is_not_over_hides_nothing_that_is(unit_of_work: UnitOfWorkFactory) -> None:
    """However many rows are not over that are older than one that is."""
    limits = metadata().tables["charging_limits"]
    in_force = [_row(limits, {"station_id": f"CS-{number}"}) for number in range(MAX_ROWS)]
    async with unit_of_work() as work:
        await work.session.execute(insert(limits), in_force)
        old = _row(limits, {"station_id": "CS-old", "clear_time": NOW - 401 * DAY})
        await work.session.execute(insert(limits).values(old))
        await work.commit()

    await _tidy(unit_of_work)

    async with unit_of_work(read_only=True) as work:
        left = list(await work.session.scalars(select(limits.c.station_id)))
    assert len(left) == MAX_ROWS
    assert "CS-old" not in left


async def test_transactions_go_ten_years_after_their_settlement_with_all_that_belongs_to_them(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    settled = {"T-old": NOW - 3654 * DAY, "T-new": NOW - 3652 * DAY, "T-open": None}
    tables = [metadata().tables[name] for name in OF_TRANSACTIONS]
    async with unit_of_work() as work:
        for number, (transaction_id, time) in enumerate(settled.items()):
            for table in tables:
                names = {"transaction_id": transaction_id, "change": number, "record_id": transaction_id}
                await work.session.execute(insert(table).values(_row(table, {**names, "settle_time": time})))
        await work.commit()

    await _tidy(unit_of_work)

    async with unit_of_work(read_only=True) as work:
        for table in tables:
            left = set(await work.session.scalars(select(table.c.transaction_id)))
            assert left == {"T-new", "T-open"}, table.name
