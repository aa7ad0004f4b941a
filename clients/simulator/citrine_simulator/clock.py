"""The clock of a station: time of day, monotonic time and sleep. It is always injected."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

__all__ = ["Clock", "SystemClock", "format_time", "parse_time", "sleep_or", "within"]

T = TypeVar("T")


class Clock(Protocol):
    """The interface of clocks. Tests pass one that they advance by hand."""

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
    """Return the dateTime of OCPP: in UTC, with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Parse a dateTime of OCPP.

    Raises:
        ValueError: When it is malformed or has no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return moment.astimezone(UTC)


async def within(clock: Clock, seconds: float, future: asyncio.Future[T]) -> T:
    """Wait for a future, for a limited number of seconds. The future is never cancelled.

    Raises:
        TimeoutError: When the seconds pass first.
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
    """Sleep until the seconds pass or the event is set; return whether it was set."""
    waiter = asyncio.ensure_future(event.wait())
    try:
        await within(clock, seconds, waiter)
    except TimeoutError:
        return False
    finally:
        waiter.cancel()
    return True
