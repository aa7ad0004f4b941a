"""One object of which nothing can be made or stored is left out: it ends neither the feed nor what is of others."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import grpc
from sqlalchemy.exc import DataError, DBAPIError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.metrics import Metrics

__all__ = ["Effect", "Isolation", "is_passing"]

Effect = Callable[[AsyncSession], Awaitable[None]]
"""Stores what follows from events, within the transaction that stores how far they were followed."""

_LATER = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)
"""What the core answers where it, or the adapter's key, is what is wrong, and not the event."""

_DATA_EXCEPTION = "22"
"""The class of SQLSTATE of values that a column does not take."""

_logger = logging.getLogger(__name__)


def is_passing(error: Exception) -> bool:
    """Return whether the core or the database is what failed, so that the same may succeed later."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code() in _LATER
    if isinstance(error, DBAPIError):
        is_of_data = isinstance(error, DataError) or _state_of(error).startswith(_DATA_EXCEPTION)
        return not is_of_data
    return isinstance(error, TimeoutError | OSError)


def _state_of(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


@dataclass(frozen=True)
class _Named:
    """An effect that says what it is of."""

    subject: str
    effect: Effect

    async def __call__(self, session: AsyncSession) -> None:
        await self.effect(session)


class Isolation:
    """Leaves out what can't be made or stored, says so in the log, and counts it.

    Args:
        metrics: What is counted.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def effects(self, subject: str, made: Awaitable[Sequence[Effect]]) -> list[Effect]:
        """Return the effects of one object. None where it can't be made.

        Args:
            subject: What the log calls the object.
            made: Makes its effects.
        """
        try:
            return [_Named(subject, effect) for effect in await made]
        except Exception as error:
            self.leave_out(subject, error)
            return []

    async def store(self, session: AsyncSession, effects: Sequence[Effect]) -> None:
        """Store effects, each by itself in a transaction: those that can't be stored are left out."""
        for effect in effects:
            try:
                async with session.begin_nested():
                    await effect(session)
            except Exception as error:
                self.leave_out(effect.subject if isinstance(effect, _Named) else "", error)

    def leave_out(self, subject: str, error: Exception) -> None:
        """Say that something is left out; raise what may pass."""
        if is_passing(error):
            raise error
        self._metrics.feed_left_out.inc()
        _logger.error("what follows from an event is left out", exc_info=error, extra={"subject": subject})
