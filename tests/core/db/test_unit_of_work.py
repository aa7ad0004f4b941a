"""A unit of work whose task is cancelled ends as cancelled, whatever the driver makes of it."""

import asyncio

import pytest

from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable


async def test_a_driver_that_fails_when_it_is_cancelled_hides_nothing(unit_of_work: UnitOfWorkFactory) -> None:
    began = asyncio.Event()

    async def work_on() -> None:
        async with unit_of_work(read_only=True):
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ConnectionError("the connection is lost") from None

    task = asyncio.create_task(work_on())
    await began.wait()
    task.cancel()

    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_driver_that_fails_by_itself_is_an_outage(unit_of_work: UnitOfWorkFactory) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with unit_of_work(read_only=True):
            raise ConnectionError("the connection is lost")
