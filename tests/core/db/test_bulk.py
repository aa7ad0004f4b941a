"""Statements for many rows, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from citrine_core.blocks.meter_values import SampleRepository, SampleRow, add_samples
from citrine_core.db import Page, UnitOfWorkFactory

TIME = datetime(2025, 3, 1, 12, tzinfo=UTC)
ROW = SampleRow("default", "CS-1", TIME, 1, 0, 1, None, None, None, 5, None, None, None, "Wh", None, 1.5, b"\0x")


async def stored(unit_of_work: UnitOfWorkFactory) -> list[Any]:
    async with unit_of_work(read_only=True) as work:
        rows, _ = await SampleRepository(work.session).list("default", Page(10), "CS-1")
    return list(rows)


async def test_rows_are_stored_as_they_are(unit_of_work: UnitOfWorkFactory) -> None:
    elsewhere = ROW._replace(sample_time=TIME.astimezone(timezone(timedelta(hours=5))), position=1, extra=None)
    async with unit_of_work() as work:
        await add_samples(work.session, [ROW, elsewhere])
        await add_samples(work.session, [])
        await work.commit()

    assert [tuple(row) for row in await stored(unit_of_work)] == [
        tuple(ROW),
        tuple(elsewhere._replace(sample_time=TIME)),
    ]


async def test_what_is_not_committed_is_not_stored(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        await add_samples(work.session, [ROW])

    assert await stored(unit_of_work) == []


async def test_a_time_without_a_zone_is_refused(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        with pytest.raises(ValueError, match="zone"):
            await add_samples(work.session, [ROW._replace(sample_time=TIME.replace(tzinfo=None))])
