"""The stage that runs poisoned messages again, in turn with the other messages of their stations."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from google.protobuf.message import Message

from citrine.ocpp.v2.provisioning_pb2 import BootNotificationRequest
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, CallRefused, HandlingStage, Item
from citrine_core.dispatch.poisoned import PoisonedMessages, call_of
from citrine_core.errors import CoreError, FailedPrecondition, NotFound
from citrine_core.resources.stations.models import Station
from citrine_core.resources.stations.queries import find_station

__all__ = ["PoisonedRun", "PoisonedStage"]


@dataclass(slots=True)
class PoisonedRun:
    """One message that is to be run again: the content of an item."""

    message_id: str
    done: "asyncio.Future[Message]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Gets the response to the station, or a CoreError. Nobody may wait for it any more."""

    def end(self, result: Message | CoreError) -> None:
        """Tell who waits, if somebody does."""
        if self.done.done():
            return
        if isinstance(result, CoreError):
            self.done.set_exception(result)
        else:
            self.done.set_result(result)


class PoisonedStage:
    """Handles poisoned messages again, whatever became of their sessions."""

    kinds = (PoisonedRun,)

    def __init__(self, handling: HandlingStage) -> None:
        self._handling = handling

    def writes(self, item: Item) -> bool:
        """Return True: what is handled is removed."""
        return True

    def forget_in_outage(self, item: Item) -> bool:
        """Return False: nobody sends it again."""
        return False

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Handle all messages that are still poisoned."""
        repository = PoisonedMessages(work.session)
        for item in items:
            run: PoisonedRun = item.content
            try:
                row = await repository.get(item.tenant_id, run.message_id, for_update=True)
            except NotFound as error:
                work.after_commit(partial(run.end, error))
                continue
            call = call_of(row)
            reason = _overtaken(call, await find_station(work.session, item.tenant_id, item.station_id))
            if reason:
                work.after_commit(partial(run.end, FailedPrecondition(reason)))
                continue
            answer = await self._handling.handle_again(work, call)
            if isinstance(answer, CallRefused):
                text = f"{answer.code}: {answer.description}"
                await repository.fail_again(row, text)
                work.after_commit(partial(run.end, FailedPrecondition(f"the message is refused: {text}")))
            else:
                await repository.remove(row)
                work.after_commit(partial(run.end, answer))

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Store that it failed again."""
        text = f"{type(error).__name__}: {error}"
        if work is not None:
            repository = PoisonedMessages(work.session)
            try:
                await repository.fail_again(await repository.get(item.tenant_id, item.content.message_id), text)
            except NotFound as gone:
                work.after_commit(partial(item.content.end, gone))
                return
        failed = FailedPrecondition(f"the message failed again: {type(error).__name__}; see its error")
        if work is None:
            item.content.end(failed)
        else:
            work.after_commit(partial(item.content.end, failed))


def _overtaken(call: Call[Any], station: Station | None) -> str:
    """Return why a message must not have its effect any more; empty if it may."""
    if station is None:
        return ""
    if call.receive_time < station.create_time:
        return "the message is of a station that was deleted; another one was created with its id"
    is_boot = isinstance(call.message, BootNotificationRequest)
    if is_boot and station.boot_time is not None and call.receive_time < station.boot_time:
        return "the station has booted since"
    return ""
