"""Time as a station sees it: the wall clock, a monotonic clock, and waiting, all of them passed in."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

__all__ = ["Clock", "SystemClock", "format_time", "parse_time", "sleep_or", "within"]

T = TypeVar("T")


class Clock(Protocol):
    """What a station needs to know and to do about time; tests pass one that they move by hand."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; may be cancelled at any time."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait; may be cancelled at any time."""
        await asyncio.sleep(seconds)


def format_time(moment: datetime) -> str:
    """Return a date-time as OCPP writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read a date-time of OCPP.

    Raises:
        ValueError: When it is not one, or has no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return moment.astimezone(UTC)


async def within(clock: Clock, seconds: float, future: asyncio.Future[T]) -> T:
    """Wait for a future, but not longer than so many seconds; the future is not cancelled.

    Raises:
        TimeoutError: When the time has passed first.
    """
    sleeper = asyncio.ensure_future(clock.sleep(seconds))
    try:
        waiting: set[asyncio.Future[Any]] = {future, sleeper}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeper.cancel()
    if not future.done():
        raise TimeoutError
    return future.result()


async def sleep_or(clock: Clock, seconds: float, event: asyncio.Event) -> bool:
    """Wait for so many seconds or until the event is set; return whether it was."""
    waiter = asyncio.ensure_future(event.wait())
    try:
        await within(clock, seconds, waiter)
    except TimeoutError:
        return False
    finally:
        waiter.cancel()
    return True
