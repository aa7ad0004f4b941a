"""The stage that passes messages of stations to the handlers of the functional blocks."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Select

from citrine.edge.v1.link_pb2 import (
    AnswerError,
    CallError,
    Disconnect,
    Downstream,
    StationCall,
    StationSend,
)
from citrine.ocpp.actions import action_of, set_response, unwrap, wrap_response
from citrine.ocpp.v2.messages_pb2 import Response
from citrine.ocpp.v2.provisioning_pb2 import (
    REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootNotificationRequest,
    BootNotificationResponse,
)
from citrine_core.clock import Clock, utc_now
from citrine_core.db import Database, UnitOfWork
from citrine_core.dispatch.blocks import Observer
from citrine_core.dispatch.calls import Call, CallRefused, Deduplication, FirstQuery, Mark
from citrine_core.dispatch.deduplication import Claims
from citrine_core.dispatch.lanes import Item, to_call
from citrine_core.dispatch.poisoned import PoisonedMessages
from citrine_core.dispatch.repository import HandledMessages, find_handled
from citrine_core.dispatch.routes import Route, Routes
from citrine_core.traces import trace_id_of

__all__ = ["HandlingStage", "NewestSessions", "NewestSessionsBeside", "OnAccepted", "OnUnopened"]

logger = logging.getLogger(__name__)

Newest = Mapping[str, tuple[int, bool, str]]
"""The newest session by station: its epoch, whether it is stored as open, and the edge that holds it."""

NewestSessions = Callable[[UnitOfWork, str, set[str]], Awaitable[Newest]]
"""Returns the newest session of each of a tenant's stations."""

Rows = Sequence[Sequence[Any]]

NewestSessionsBeside = Callable[
    [UnitOfWork, str, set[str], Callable[[Database], Select[Any]], set[tuple[str, ...]]],
    Awaitable[tuple[Newest, Rows]],
]
"""Returns the same and, by the same statement, the rows of a query for some keys."""

OnUnopened = Callable[[UnitOfWork, Sequence[Item]], Awaitable[None]]
"""Called with messages whose session is the newest of its station, and not stored as open."""


Groups = dict[tuple[str, type[Message]], list[tuple[Item, Call[Any]]]]
"""Items of a batch with the calls for handlers, by tenant and class of the message."""


Found = dict[tuple[str, type[Message]], Rows]
"""Rows of the first queries of handlers, by tenant and class of the message."""


OnForeign = Callable[[str, str, str, str], None]
"""Called with an edge, the kind of its report, tenant and station, where another edge holds the session."""

OnAccepted = Callable[[UnitOfWork, str, Sequence[str]], Awaitable[None]]
"""Called with stations of a tenant."""


class HandlingStage:
    """Calls the handlers of a batch, action by action, and answers after the commit.

    Args:
        routes: The handlers.
        newest_sessions: Finds the newest session of stations.
        clock: Returns the time now.
        on_accepted: Called with the stations of a tenant whose BootNotification is answered Accepted, in the same
            transaction.
        observers: Called once with each message that was handled and not refused.
        on_unopened: Called, before the message is handled, with a message that arrives before the report that its
            session opened. That report may go to another core.
        on_current: Called with each message whose session is open and the newest of its station.
        newest_sessions_beside: Finds the newest sessions together with what a handler's first query returns. None:
            handlers execute their first queries themselves.
        on_foreign: Called for each message of a session that another edge holds; it is dropped.
    """

    kinds = (StationCall, StationSend)

    def __init__(
        self,
        routes: Routes,
        newest_sessions: NewestSessions,
        clock: Clock = utc_now,
        on_accepted: OnAccepted | None = None,
        observers: Sequence[Observer] = (),
        on_unopened: OnUnopened | None = None,
        on_current: Callable[[Item], None] | None = None,
        newest_sessions_beside: NewestSessionsBeside | None = None,
        on_foreign: OnForeign | None = None,
    ) -> None:
        self._routes = routes
        self._newest_sessions = newest_sessions
        self._newest_sessions_beside = newest_sessions_beside
        self._on_unopened = on_unopened
        self._on_current = on_current
        self._on_foreign = on_foreign
        self._clock = clock
        self._on_accepted = on_accepted
        self._observers = observers
        self._first_queries = _first_queries(routes)
        self._writing = {action_of(message).field for message, route in routes.calls.items() if route.mark.writes}

    def writes(self, item: Item) -> bool:
        """Return whether the handler of the message writes, or an observer may."""
        if item.content.request.WhichOneof("message") in self._writing:
            return True
        # Observers write nothing for a message without any field.
        return bool(self._observers) and unwrap(item.content.request).ByteSize() > 0

    def forget_in_outage(self, item: Item) -> bool:
        """Forget calls, which the edge resends. Nobody resends a SEND."""
        return isinstance(item.content, StationCall)

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Handle all items, grouped by tenant and action."""
        groups, found = await self._current(work, items)
        claims = await self._claim(work, groups)
        for (tenant_id, message), pairs in groups.items():
            calls = [call for _, call in pairs]
            answers = await self._answers(work, tenant_id, message, calls, found.get((tenant_id, message)))
            for (item, call), answer in zip(pairs, answers, strict=True):
                _answer_after_commit(work, item, answer, claims, call.transaction_number)
        if claims is not None:
            await claims.store()

    async def handle_again(self, work: UnitOfWork, call: Call[Any]) -> Message | CallRefused:
        """Return the answer to a call that failed before, whatever became of its session; nobody is answered."""
        [answer] = await self._answers(work, call.tenant_id, type(call.message), [call])
        return answer

    async def _answers(
        self,
        work: UnitOfWork,
        tenant_id: str,
        message: type[Message],
        calls: Sequence[Call[Any]],
        rows: Rows | None = None,
    ) -> Sequence[Message | CallRefused]:
        """Return the answers to calls of one action, and notify the observers."""
        route = self._routes.calls.get(message)
        if route is None:
            return [CallRefused("NotSupported", f"{action_of(message).name} is not supported")] * len(calls)
        if route.mark.once is not None:
            answers = await self._once(work, tenant_id, route, calls, rows)
        else:
            answers = await _handle(work, route, calls, rows)
        if self._observers:
            await self._notify_observers(work, calls, answers)
        if message is BootNotificationRequest and self._on_accepted is not None:
            await self._on_accepted(work, tenant_id, _accepted(calls, answers))
        return answers

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Store the message for people to examine, and answer InternalError."""
        claims = None
        if work is not None:
            if isinstance(item.content, StationCall):
                claims = Claims(work, self._clock)
                if not await claims.claim([item]):
                    return
            await PoisonedMessages(work.session).add(
                item.tenant_id,
                item.station_id,
                action_of(unwrap(item.content.request)).name,
                item.content.SerializeToString(),
                f"{type(error).__name__}: {error}",
                self._clock(),
            )
        answer = CallRefused("InternalError", "the message could not be processed")
        if work is not None:
            _answer_after_commit(work, item, answer, claims)
            if claims is not None:
                await claims.store()
        elif isinstance(item.content, StationCall):
            item.reply(_refusal(item.content.id, answer))

    async def _claim(self, work: UnitOfWork, groups: Groups) -> Claims | None:
        """Claim the calls that are deduplicated by their identity, and remove those handled before from the groups.

        Free of cost if there are none, as in most batches of transaction events.
        """
        claimed = {key: pairs for key, pairs in groups.items() if self._is_claimed(key[1])}
        items = [
            item
            for pairs in claimed.values()
            for item, _ in pairs
            if type(item.content) is StationCall and self.writes(item)
        ]
        if not items:
            return None
        claims = Claims(work, self._clock)
        fresh = {id(item) for item in await claims.claim(items)}
        left_out = {id(item) for item in items} - fresh
        if left_out:
            for key, pairs in claimed.items():
                groups[key] = [pair for pair in pairs if id(pair[0]) not in left_out]
                if not groups[key]:
                    del groups[key]
        return claims

    def _is_claimed(self, message: type[Message]) -> bool:
        route = self._routes.calls.get(message)
        if route is None:
            return False
        by = route.mark.deduplication
        return by is Deduplication.BY_CALL or (by is Deduplication.NOT_NEEDED and bool(self._observers))

    async def _notify_observers(self, work: UnitOfWork, calls: Sequence[Call[Any]], answers: Sequence[Any]) -> None:
        handled = [
            call
            for call, answer in zip(calls, answers, strict=True)
            if not call.repeated and not isinstance(answer, CallRefused)
        ]
        if handled:
            for observe in self._observers:
                await observe(work, handled)

    async def _current(self, work: UnitOfWork, items: Sequence[Item]) -> tuple[Groups, Found]:
        """Return the items whose session is the newest of its station. The others are not answered.

        The station of the others has a newer websocket, over which it resends what was not answered, or it was
        removed. The edge may not know, so it gets a Disconnect for the old session.
        """
        calls = [to_call(item) for item in items]
        newest, found = await self._read_sessions(work, calls)
        # A first query was executed just now: nothing may change in between what it found.
        groups: Groups = defaultdict(list, {key: [] for key in found})
        unopened = []
        for item, call in zip(items, calls, strict=True):
            epoch, is_open, edge_id = newest[item.tenant_id].get(item.station_id, (None, False, ""))
            is_current = epoch == item.content.session.epoch
            if is_current and edge_id == item.edge_id:
                groups[call.tenant_id, type(call.message)].append((item, call))
                if not is_open:
                    unopened.append(item)
                elif self._on_current is not None:
                    self._on_current(item)
            else:
                extra = {"station_id": item.station_id, "trace_id": trace_id_of(item.content.traceparent)}
                logger.info("a message of a replaced session is dropped", extra=extra)
                if is_current and self._on_foreign is not None:
                    self._on_foreign(item.edge_id, "call", item.tenant_id, item.station_id)
                session = item.content.session
                disconnect = Disconnect(session=session, code=1000, reason="the session is not valid any more")
                work.after_commit(partial(item.reply, Downstream(disconnect=disconnect)))
        # A read-only transaction can't store it. A later batch that writes will.
        if unopened and self._on_unopened is not None and any(map(self.writes, items)):
            await self._on_unopened(work, unopened)
        return {key: pairs for key, pairs in groups.items() if pairs}, found

    async def _read_sessions(self, work: UnitOfWork, calls: Sequence[Call[Any]]) -> tuple[Mapping[str, Newest], Found]:
        """Return the newest sessions by tenant and station, and the rows of first queries."""
        by_tenant: dict[str, dict[type[Message], list[Call[Any]]]] = defaultdict(lambda: defaultdict(list))
        for call in calls:
            by_tenant[call.tenant_id][type(call.message)].append(call)
        newest: dict[str, Newest] = {}
        found: Found = {}
        for tenant_id, groups in by_tenant.items():
            stations = {call.station_id for group in groups.values() for call in group}
            message, first = self._choose_first_query(groups)
            if self._newest_sessions_beside is None or message is None or first is None:
                newest[tenant_id] = await self._newest_sessions(work, tenant_id, stations)
            else:
                keys = {first.key(call) for call in groups[message]}
                newest[tenant_id], found[tenant_id, message] = await self._newest_sessions_beside(
                    work, tenant_id, stations, first.query, keys
                )
        return newest, found

    def _choose_first_query(
        self, groups: Mapping[type[Message], Sequence[Call[Any]]]
    ) -> tuple[type[Message] | None, FirstQuery | None]:
        """Return a message whose handler begins with a query, unless its stations sent others, too.

        What those change must be seen by the query: then it is executed when it is the handler's turn.
        """
        for message, calls in groups.items():
            first = self._first_queries.get(message)
            if first is not None:
                others = {call.station_id for other, own in groups.items() if other is not message for call in own}
                if others.isdisjoint(call.station_id for call in calls):
                    return message, first
        return None, None

    async def _once(
        self, work: UnitOfWork, tenant_id: str, route: Route, calls: Sequence[Call[Any]], rows: Rows | None
    ) -> Sequence[Message | CallRefused]:
        keys = [_key_of(route.mark, call) for call in calls]
        handled = HandledMessages(work.session)
        stored = await handled.find_all(tenant_id, keys, rows)
        fresh: dict[tuple[str, str], Call[Any]] = {}
        for key, call in zip(keys, calls, strict=True):
            call.repeated = key in stored or key in fresh
            if not call.repeated:
                fresh[key] = call
        answers = dict(zip(fresh, await _handle(work, route, list(fresh.values())), strict=True)) if fresh else {}
        await handled.add_all(
            tenant_id,
            {
                key: wrap_response(answer).SerializeToString()
                for key, answer in answers.items()
                if isinstance(answer, Message)
            },
            self._clock(),
        )
        return [answers[key] if key in answers else unwrap(Response.FromString(stored[key])) for key in keys]


def _first_queries(routes: Routes) -> Mapping[type[Message], FirstQuery]:
    """Return the queries that the handling of messages begins with: those of handlers, and that for business keys."""
    found = {}
    for message, route in routes.calls.items():
        if route.mark.first_query is not None:
            found[message] = route.mark.first_query
        elif route.mark.once is not None:
            found[message] = FirstQuery(find_handled, partial(_key_of, route.mark))
    return found


def _key_of(mark: Mark, call: Call[Any]) -> tuple[str, str]:
    """Return the station and the digest of the business key of a message."""
    assert mark.once is not None
    key = f"{action_of(mark.message).name}\n{mark.once(call.message)}"
    return call.station_id, hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


async def _handle(
    work: UnitOfWork, route: Route, calls: Sequence[Call[Any]], found: Rows | None = None
) -> Sequence[Message | CallRefused]:
    if route.mark.at_once:
        return [route.method(call) for call in calls]
    if route.mark.batched:
        rows = () if found is None else (found,)
        answers: Sequence[Message | CallRefused] = await route.method(work, calls, *rows)
        return answers
    return [await _handle_one(work, route, call) for call in calls]


async def _handle_one(work: UnitOfWork, route: Route, call: Call[Any]) -> Message | CallRefused:
    try:
        answer: Message = await route.method(work, call)
    except CallRefused as refused:
        return refused
    return answer


def _accepted(calls: Sequence[Call[Any]], answers: Sequence[Any]) -> list[str]:
    return [
        call.station_id
        for call, answer in zip(calls, answers, strict=True)
        if isinstance(answer, BootNotificationResponse) and answer.status == REGISTRATION_STATUS_ENUM_ACCEPTED
    ]


def _answer_after_commit(
    work: UnitOfWork,
    item: Item,
    answer: Message | CallRefused,
    claims: Claims | None = None,
    transaction_number: int | None = None,
) -> None:
    if isinstance(item.content, StationSend):
        return
    if isinstance(answer, CallRefused):
        downstream = _refusal(item.content.id, answer)
    else:
        downstream = Downstream()
        downstream.answer.id = item.content.id
        set_response(downstream.answer.response, answer)
        if isinstance(answer, BootNotificationResponse):
            downstream.answer.registration = answer.status
        if transaction_number is not None:
            downstream.answer.transaction_number = transaction_number
    if claims is not None and (isinstance(answer, CallRefused) or answer.ByteSize() > 0):
        claims.answered(item, downstream)
    work.after_commit(lambda: item.reply(downstream))


def _refusal(call_id: int, refused: CallRefused) -> Downstream:
    error = CallError(code=refused.code, description=refused.description[:255])
    return Downstream(answer_error=AnswerError(id=call_id, error=error))
