"""Deduplication of calls that an edge resends, by the identity that the edge gave to them.

An edge resends a call if its link ended, or if its core could not commit. The first copy may have been handled, may be
in progress on another core, or may never have arrived.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from functools import partial

from citrine.edge.v1.link_pb2 import Answer, Downstream, StationCall
from citrine.ocpp.actions import action_of, unwrap, wrap_response
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.dispatch.lanes import Item
from citrine_core.dispatch.repository import AnsweredCalls, CallKey, NewestCall
from citrine_core.traces import trace_id_of

__all__ = ["Claims", "find_answered", "key_of"]

logger = logging.getLogger(__name__)


def key_of(item: Item) -> CallKey:
    """Return the identity that the edge gave to a call."""
    return CallKey(item.tenant_id, item.station_id, item.content.session.epoch, item.content.id)


async def find_answered(unit_of_work: UnitOfWorkFactory, calls: Collection[CallKey]) -> set[CallKey]:
    """Return those calls that are already handled and committed.

    Raises:
        DatabaseUnavailable: When the database does not answer.
    """
    async with unit_of_work(read_only=True) as work:
        newest = await AnsweredCalls(work.session).find_all({call.station for call in calls})
    return {call for call in calls if call.station in newest and newest[call.station].key >= call}


class Claims:
    """The claims of one transaction on calls: each is claimed before its handler runs, and answered after.

    A claim locks the row of the call's station. If two cores receive the same call, the second waits until the first
    committed or rolled back; its handler does not run meanwhile. The rows are committed together with the changes of
    the handlers: if a call has a row, it was handled, and the row contains its answer.

    Args:
        work: The transaction. Its rollback releases the claims.
        clock: Returns the time now.
    """

    def __init__(self, work: UnitOfWork, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._repository = AnsweredCalls(work.session)
        self._claimed: dict[tuple[str, str], CallKey] = {}
        self._answers: dict[tuple[str, str], bytes] = {}

    async def claim(self, items: Sequence[Item]) -> list[Item]:
        """Claim calls, and return those to handle. The others are duplicates, which are answered after the commit.

        If a call occurs twice in the batch, the later item is answered, because it came by the newer link.
        """
        newest = {key_of(item): item for item in items}
        rounds: list[dict[tuple[str, str], CallKey]] = []
        # An edge has one call of a station in flight. The next one may overtake a duplicate of the last.
        for key in sorted(newest):
            free = next((one for one in rounds if key.station not in one), None)
            if free is None:
                rounds.append(free := {})
            free[key.station] = key
        fresh: set[CallKey] = set()
        for one in rounds:
            claimed = await self._repository.claim_all(one.values())
            self._claimed.update((station, one[station]) for station in claimed)
            fresh.update(one[station] for station in claimed)
            if len(claimed) < len(one):
                await self._answer_again([newest[key] for station, key in one.items() if station not in claimed])
        return [item for key, item in newest.items() if key in fresh]

    def answered(self, item: Item, answer: Downstream) -> None:
        """Record the answer to a claimed call. Not needed for a response without any field."""
        key = key_of(item)
        if self._claimed.get(key.station) == key:
            self._answers[key.station] = answer.SerializeToString()

    async def store(self) -> None:
        """Store the recorded answers, at the end of the transaction."""
        await self._repository.store_answers(self._answers)

    async def _answer_again(self, items: Iterable[Item]) -> None:
        by_station = {key_of(item).station: item for item in items}
        stored = await self._repository.find_all(by_station)
        for station, item in by_station.items():
            newest = stored[station]
            extra = {"station_id": item.station_id, "trace_id": trace_id_of(item.content.traceparent)}
            if newest.key == key_of(item):
                logger.info("a call that came again is answered as before", extra=extra)
                self._work.after_commit(partial(_reply, item, self._stored_answer(item, newest)))
            else:
                # The edge sent a later call, so it has this answer, or the session is over.
                logger.info("a call that was answered long ago is dropped", extra=extra)

    def _stored_answer(self, item: Item, newest: NewestCall) -> Downstream:
        if newest.answer is None:
            return _empty_answer(item.content)
        answer = Downstream.FromString(newest.answer)
        if answer.answer.response.HasField("boot_notification"):
            # Stations set their clocks by this time, so it must be the present one.
            answer.answer.response.boot_notification.current_time.FromDatetime(self._clock())
        return answer


def _reply(item: Item, answer: Downstream) -> None:
    # Looks up `item.reply` only now, because the link may be replaced before the commit.
    item.reply(answer)


def _empty_answer(call: StationCall) -> Downstream:
    """Return the answer to a call whose response has no field set, as most have."""
    action = action_of(unwrap(call.request))
    assert action.response is not None, "a CALL has an answer"
    return Downstream(answer=Answer(id=call.id, response=wrap_response(action.response())))
