"""Inquiries: questions to other systems that must be answered before a message is handled.

Other systems may be slow. Inquiries therefore run before the message is submitted to its lane: no database transaction
is open meanwhile, and no other station waits. The station's next message waits in the edge, which sends one at a time.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Protocol

from google.protobuf.message import Message

from citrine.edge.v1.link_pb2 import Downstream, StationCall
from citrine.ocpp.actions import action_of
from citrine_core.dispatch.calls import Call
from citrine_core.dispatch.deduplication import key_of
from citrine_core.dispatch.lanes import Item, to_call
from citrine_core.dispatch.repository import CallKey
from citrine_core.errors import DatabaseUnavailable

__all__ = ["Inquirer", "Inquiries"]

logger = logging.getLogger(__name__)

MOST_TOGETHER = 256
"""Largest number of messages in one question."""

MOST_OF_ONE = 16
"""Concurrent questions of one tenant to one inquirer. Messages that arrive meanwhile form the next questions."""

MOST_UNDER_WAY = 64
"""Concurrent questions in total. The first one of each tenant to each inquirer is always allowed."""

LONGEST_TIME = 60.0
"""Seconds after which an inquirer counts as failed."""


FindAnswered = Callable[[Collection[CallKey]], Awaitable[Collection[CallKey]]]
"""`await find_answered(keys)` returns those calls that are already answered."""


class Inquirer(Protocol):
    """Asks other systems on behalf of a block. Its results become `Call.finding` of the handler."""

    @property
    def messages(self) -> frozenset[type[Message]]:
        """Classes of the messages that it may ask about."""
        ...

    def wants(self, tenant_id: str, message: Any) -> bool:
        """Return whether to ask about a message. Called for each; must cost next to nothing."""
        ...

    async def ask(self, calls: Sequence[Call[Any]], waited: float) -> Sequence[Any]:
        """Return what was found out about calls of one tenant, in their order; None where nothing was.

        Args:
            calls: 1 to 256, of any stations.
            waited: Seconds that the first of them has waited already.
        """
        ...


class Inquiries:
    """Stands before the lanes: hands on what nothing is to be asked about, and the rest once that is done.

    Args:
        inquirers: Of all blocks, one for each class of messages at most.
        submit: Puts an item into its lane.
        find_answered: Returns those of the calls that are answered already. Asked for calls that an edge sent again.
    """

    def __init__(
        self, inquirers: Sequence[Inquirer], submit: Callable[[Item], None], find_answered: FindAnswered | None = None
    ) -> None:
        self._submit = submit
        self._find_answered = find_answered
        self._by_field: dict[str, Inquirer] = {
            action_of(message).field: one for one in inquirers for message in one.messages
        }
        self._waiting: dict[_Key, deque[tuple[Item, float]]] = {}
        """In the order in which they have their turns."""
        # Of each station the last call that was asked about, until it is answered.
        self._asked: dict[tuple[str, str], Item] = {}
        self._under_way: Counter[_Key] = Counter()
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._outages = 0

    def submit(self, item: Item) -> None:
        """Accept an item of an edge."""
        content = item.content
        if type(content) is StationCall:
            name = content.request.WhichOneof("message") or ""
            inquirer = self._by_field.get(name)
            if inquirer is not None and inquirer.wants(item.tenant_id, getattr(content.request, str(name))):
                if self._is_repetition(item):
                    return
                waiting = self._waiting.setdefault((inquirer, item.tenant_id), deque())
                waiting.append((item, asyncio.get_running_loop().time()))
                self._idle.clear()
                self._changed.set()
                return
        self._submit(item)

    def forget(self) -> None:
        """Forget what waits and is under way, at the begin of an outage: the edges send it again."""
        self._outages += 1
        self._waiting.clear()
        self._asked.clear()

    async def drained(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        await self._idle.wait()

    async def run(self) -> None:
        """Ask until cancelled. What is under way then has no effect and no answer."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                key = self._next()
                if key is not None:
                    self._under_way[key] += 1
                    tasks.create_task(self._ask(key, self._dequeue(key), self._outages), name="inquiry")
                    continue
                self._changed.clear()
                if not self._waiting and not self._under_way:
                    self._idle.set()
                await self._changed.wait()

    def _next(self) -> "_Key | None":
        """Return whose turn it is; None where nothing waits that has a place."""
        has_places = self._under_way.total() < MOST_UNDER_WAY
        for key in self._waiting:
            under_way = self._under_way[key]
            if under_way == 0 or (has_places and under_way < MOST_OF_ONE):
                return key
        return None

    def _is_repetition(self, item: Item) -> bool:
        """Return whether a call is under way already, asked about or in its lane; its answer goes to the newer link."""
        station, reply = key_of(item).station, item.reply
        earlier = self._asked.get(station)
        repeats = earlier is not None and not earlier.forgotten and _is_same_call(earlier, item)
        asked = self._asked[station] = earlier if earlier is not None and repeats else item

        def answer(downstream: Downstream) -> None:
            if self._asked.get(station) is asked:
                del self._asked[station]
            reply(downstream)

        asked.reply = answer
        return repeats

    async def _answered(self, items: Sequence[Item]) -> Collection[CallKey]:
        """Return those of the calls that are answered already, so that nothing need be found out for them."""
        resent = [key_of(item) for item in items if item.content.resent]
        if not resent or self._find_answered is None:
            return ()
        try:
            return await self._find_answered(resent)
        except DatabaseUnavailable:
            return ()

    def _dequeue(self, key: "_Key") -> list[tuple[Item, float]]:
        queue = self._waiting.pop(key)
        batch = [queue.popleft() for _ in range(min(len(queue), MOST_TOGETHER))]
        if queue:
            # Behind all others that wait.
            self._waiting[key] = queue
        return batch

    async def _ask(self, key: "_Key", batch: list[tuple[Item, float]], outages: int) -> None:
        findings: Sequence[Any] = [None] * len(batch)
        try:
            waited = asyncio.get_running_loop().time() - batch[0][1]
            answered = await self._answered([item for item, _ in batch])
            asked = [place for place, (item, _) in enumerate(batch) if key_of(item) not in answered]
            if asked:
                async with asyncio.timeout(LONGEST_TIME):
                    found = await key[0].ask([to_call(batch[place][0]) for place in asked], waited)
                if len(found) == len(asked):
                    by_place = dict(zip(asked, found, strict=True))
                    findings = [by_place.get(place) for place in range(len(batch))]
        except Exception as error:
            # The handlers then decide without a finding.
            logger.error("an inquiry failed", exc_info=error)
        finally:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]
            self._changed.set()
        if outages == self._outages:
            for (item, _), finding in zip(batch, findings, strict=True):
                item.finding = finding
                self._submit(item)


def _is_same_call(one: Item, other: Item) -> bool:
    return key_of(one) == key_of(other) and one.edge_id == other.edge_id


_Key = tuple[Inquirer, str]
"""An inquirer and the tenant that it is asked for."""
