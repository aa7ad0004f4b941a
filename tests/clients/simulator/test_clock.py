import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from citrine_simulator.clock import SystemClock, format_time, parse_time, sleep_or, within
from tests.clients.simulator.manual_clock import ManualClock


def test_times_are_written_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 1, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))

    assert format_time(moment) == "2026-01-01T12:00:00.123Z"


def test_times_with_any_offset_are_read() -> None:
    assert parse_time("2026-01-01T14:00:00+02:00") == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="has no offset"):
        parse_time("2026-01-01T14:00:00")


async def test_waiting_for_a_future_ends_with_its_time(clock: ManualClock) -> None:
    future: asyncio.Future[int] = asyncio.Future()
    waiting = asyncio.ensure_future(within(clock, 30, future))

    await clock.pass_by(30)

    with pytest.raises(TimeoutError):
        await waiting
    assert not future.cancelled()


async def test_an_event_ends_a_sleep(clock: ManualClock) -> None:
    event = asyncio.Event()
    waiting = asyncio.ensure_future(sleep_or(clock, 30, event))
    await clock.until_sleeping(30)

    event.set()

    assert await waiting is True


async def test_a_sleep_ends_without_its_event(clock: ManualClock) -> None:
    waiting = asyncio.ensure_future(sleep_or(clock, 30, asyncio.Event()))

    await clock.pass_by(30)

    assert await waiting is False


async def test_the_system_clock_runs() -> None:
    clock = SystemClock()
    before = clock.monotonic()

    await clock.sleep(0)

    assert clock.monotonic() >= before
    assert clock.now().tzinfo is UTC
