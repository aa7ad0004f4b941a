"""One object of which nothing can be made or stored is left out: it ends neither the feed nor what is of others."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import grpc
from pydantic import ValidationError
from sqlalchemy.exc import DataError, DBAPIError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.feed.left_out import LeftOutRepository, Subject
from citrine_ocpi.metrics import Metrics

__all__ = ["Effect", "Isolation", "NotShown", "Together", "is_passing"]

Effect = Callable[[AsyncSession], Awaitable[None]]
"""Stores what follows from events, within the transaction that stores how far they were followed."""

ItemT = TypeVar("ItemT")

AT_A_TIME = 20
"""Objects that are made at the same time."""

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

MOST_FAULTS = 5
"""Faults of an object that are listed at most."""

_logger = logging.getLogger(__name__)


class NotShown(Exception):
    """An object is not shown to those who would see it; its text says why.

    Args:
        reason: For the operator.
        partner_ids: Who would see it. None: it is not known.
    """

    def __init__(self, reason: str, partner_ids: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.partner_ids = partner_ids


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


def reason_of(error: Exception) -> str:
    """Return why an object is left out, without a value of it: that may name a driver."""
    match error:
        case NotShown():
            return str(error)
        case ValidationError():
            faults = [f"{'.'.join(map(str, one['loc'])) or 'object'}: {one['msg']}" for one in error.errors()]
            return "; ".join(faults[:MOST_FAULTS])
        case DBAPIError():
            return "the database of the adapter does not take it"
        case grpc.aio.AioRpcError():
            return f"the core refused what it is made of: {error.code().name}"
    return f"it can't be made: {type(error).__name__}, see the log"


@dataclass(frozen=True)
class _Named:
    """An effect that says what it is of."""

    isolation: "Isolation"
    subject: Subject
    effect: Effect

    async def __call__(self, session: AsyncSession) -> None:
        await self.effect(session)
        await self.isolation.shown(session, self.subject)


@dataclass(frozen=True)
class Together(Generic[ItemT]):
    """The effect of several objects, which are stored by the same statements, or each by itself where one can't be."""

    isolation: "Isolation"
    items: Sequence[tuple[Subject, ItemT]]
    """What they are made of."""
    store: Callable[[AsyncSession, Sequence[ItemT]], Awaitable[None]]

    async def __call__(self, session: AsyncSession) -> None:
        await self.store(session, [item for _, item in self.items])
        for subject, _ in self.items:
            await self.isolation.shown(session, subject)

    def apart(self) -> Sequence[Effect]:
        """Return the effect of each object."""
        return [_Named(self.isolation, subject, partial(self._store_one, item)) for subject, item in self.items]

    async def _store_one(self, item: ItemT, session: AsyncSession) -> None:
        await self.store(session, [item])


class Isolation:
    """Leaves out what can't be made or stored, says so in the log and on a list, and counts it.

    Args:
        metrics: What is counted.
        clock: Returns the time now.
    """

    def __init__(self, metrics: Metrics, clock: Clock = utc_now) -> None:
        self._metrics = metrics
        self._clock = clock
        self._known: set[Subject] | None = None
        """What is on the list, so that most effects need not look there. None: it has to be read."""

    def forget(self) -> None:
        """Read the list anew: another process may have followed meanwhile, or a transaction was taken back."""
        self._known = None

    async def effects(self, subject: Subject, made: Awaitable[Sequence[Effect]]) -> list[Effect]:
        """Return the effects of one object. Where it can't be made, that is the only one.

        Args:
            subject: What it is.
            made: Makes its effects.
        """
        try:
            return [_Named(self, subject, effect) for effect in await made]
        except Exception as error:
            return [self.left_out(subject, error)]

    async def together(
        self,
        objects: Sequence[tuple[Subject, Callable[[], Awaitable[ItemT | None]]]],
        store: Callable[[AsyncSession, Sequence[ItemT]], Awaitable[None]],
    ) -> list[Effect]:
        """Return the effects of objects that are stored by the same statements.

        Args:
            objects: What each is, and what returns what it is made of. None: there is nothing to store.
            store: Stores those that can be made.
        """
        limit = asyncio.Semaphore(AT_A_TIME)
        effects: list[Effect] = []

        async def make(subject: Subject, making: Callable[[], Awaitable[ItemT | None]]) -> ItemT | None:
            async with limit:
                try:
                    return await making()
                except Exception as error:
                    effects.append(self.left_out(subject, error))
                    return None

        made = await asyncio.gather(*(make(*each) for each in objects))
        items = [(subject, item) for (subject, _), item in zip(objects, made, strict=True) if item is not None]
        return [Together(self, items, store), *effects] if items else effects

    async def store(self, session: AsyncSession, effects: Sequence[Effect]) -> None:
        """Store effects, each by itself in a transaction: those that can't be stored are left out."""
        for effect in (one for each in effects for one in (each.apart() if isinstance(each, Together) else [each])):
            try:
                async with session.begin_nested():
                    await effect(session)
            except Exception as error:
                # What it noted is taken back with it.
                self.forget()
                subject = effect.subject if isinstance(effect, _Named) else Subject("", "")
                await self.left_out(subject, error)(session)

    def left_out(self, subject: Subject, error: Exception) -> Effect:
        """Say that something is left out, and return what stores it; raise what may pass."""
        if is_passing(error):
            raise error
        self._metrics.feed_left_out.inc()
        said = {"subject": subject.name, "objects": subject.module}
        if isinstance(error, NotShown):
            partners = ", ".join(error.partner_ids)
            _logger.error("an object is left out", extra={**said, "problem": str(error), "partner": partners})
        else:
            _logger.error("what follows from an event is left out", exc_info=error, extra=said)
        partner_ids = (error.partner_ids if isinstance(error, NotShown) else ()) or ("",)

        async def store(session: AsyncSession) -> None:
            for partner_id in partner_ids:
                await LeftOutRepository(session).add(subject, partner_id, reason_of(error), self._clock())
            if self._known is not None:
                self._known.add(subject)

        return store

    async def note(self, session: AsyncSession, module: str, whole: str, reasons: Mapping[str, str]) -> None:
        """Store which parts of an object no partner is shown.

        Args:
            session: The transaction.
            module: Of the object.
            whole: What the object is made of.
            reasons: Why, by the name of each part that is left out.
        """
        wanted = {Subject(module, f"{whole}/{name}"): reason for name, reason in reasons.items()}
        for known in [*await self._list(session)]:
            if known.module == module and known.name.startswith(f"{whole}/") and known not in wanted:
                await self.shown(session, known)
        for subject, reason in wanted.items():
            if subject not in await self._list(session):
                await LeftOutRepository(session).add(subject, "", reason, self._clock())
                (await self._list(session)).add(subject)

    async def _list(self, session: AsyncSession) -> set[Subject]:
        if self._known is None:
            self._known = await LeftOutRepository(session).subjects()
        return self._known

    async def shown(self, session: AsyncSession, subject: Subject) -> None:
        """Store that an object is left out no longer, if it was."""
        known = await self._list(session)
        if subject in known:
            await LeftOutRepository(session).remove(subject)
            known.discard(subject)
