"""What has to be asked outside before a message is handled.

Whoever is asked may be slow. So it happens before the message comes to its lane: no database transaction is open
meanwhile, and no other station waits. A station's own next message waits in the edge, which sends one at a time.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from google.protobuf.message import Message

from citrine.edge.v1.link_pb2 import StationCall
from citrine.ocpp.actions import action_of
from citrine_core.dispatch.calls import Call
from citrine_core.dispatch.dispatcher import Item
from citrine_core.dispatch.handling import to_call

__all__ = ["Inquirer", "Inquiries"]

logger = logging.getLogger(__name__)

MOST_TOGETHER = 256
"""Messages of one question at most."""

MOST_UNDER_WAY = 64
"""Questions at a time; what comes meanwhile goes into the next ones."""

LONGEST_TIME = 60.0
"""Seconds after which an inquirer counts as failed, whatever it waits for."""


class Inquirer(Protocol):
    """Asks outside what a block needs to know of messages. What it finds is `Call.finding` of the handler."""

    @property
    def messages(self) -> frozenset[type[Message]]:
        """Classes of the messages that it may ask about."""
        ...

    def wants(self, tenant_id: str, message: Any) -> bool:
        """Tell whether to ask about a message. Called for each; must cost next to nothing."""
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
    """

    def __init__(self, inquirers: Sequence[Inquirer], submit: Callable[[Item], None]) -> None:
        self._submit = submit
        self._by_field: dict[str, Inquirer] = {
            action_of(message).field: one for one in inquirers for message in one.messages
        }
        self._waiting: dict[tuple[Inquirer, str], deque[tuple[Item, float]]] = defaultdict(deque)
        self._places = asyncio.Semaphore(MOST_UNDER_WAY)
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._under_way = 0
        self._outages = 0

    def submit(self, item: Item) -> None:
        """Take an item of an edge."""
        content = item.content
        if type(content) is StationCall:
            name = content.request.WhichOneof("message") or ""
            inquirer = self._by_field.get(name)
            if inquirer is not None and inquirer.wants(item.tenant_id, getattr(content.request, str(name))):
                self._waiting[inquirer, item.tenant_id].append((item, asyncio.get_running_loop().time()))
                self._idle.clear()
                self._filled.set()
                return
        self._submit(item)

    def forget(self) -> None:
        """Forget what waits and is under way, at the begin of an outage: the edges send it again."""
        self._outages += 1
        self._waiting.clear()

    async def drained(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        await self._idle.wait()

    async def run(self) -> None:
        """Ask until cancelled. What is under way then has no effect and no answer."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                if not self._waiting:
                    self._filled.clear()
                    if not self._under_way:
                        self._idle.set()
                    await self._filled.wait()
                await self._places.acquire()
                if not self._waiting:
                    self._places.release()
                    continue
                self._under_way += 1
                inquirer, batch = self._take()
                tasks.create_task(self._ask(inquirer, batch, self._outages), name="inquiry")

    def _take(self) -> tuple[Inquirer, list[tuple[Item, float]]]:
        key = next(iter(self._waiting))
        queue = self._waiting[key]
        batch = [queue.popleft() for _ in range(min(len(queue), MOST_TOGETHER))]
        if not queue:
            del self._waiting[key]
        return key[0], batch

    async def _ask(self, inquirer: Inquirer, batch: list[tuple[Item, float]], outages: int) -> None:
        findings: Sequence[Any] = [None] * len(batch)
        try:
            waited = asyncio.get_running_loop().time() - batch[0][1]
            async with asyncio.timeout(LONGEST_TIME):
                found = await inquirer.ask([to_call(item) for item, _ in batch], waited)
            findings = found if len(found) == len(batch) else findings
        except Exception as error:
            # The handlers decide by what they know themselves.
            logger.error("an inquiry failed", exc_info=error)
        finally:
            self._places.release()
            self._under_way -= 1
            if not self._waiting and not self._under_way:
                self._filled.set()
        if outages == self._outages:
            for (item, _), finding in zip(batch, findings, strict=True):
                item.finding = finding
                self._submit(item)
