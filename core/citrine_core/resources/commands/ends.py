"""The consequences of the end of a command: its event, and the handlers of failures."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import orjson

from citrine.api.v1.common_pb2 import CommandState
from citrine.events.v1.events_pb2 import CommandFinished, Event
from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.codec import CodecError, decode
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Failed, Registry
from citrine_core.resources.commands.outcomes import Ending
from citrine_core.resources.commands.repository import StoredCommand

__all__ = ["CommandEnds"]

ObserveCommand = Callable[[int], None]
"""Called with the state of each command that ended."""


class CommandEnds:
    """Publishes the ends of commands, wherever they are detected.

    Args:
        registry: Has the handlers of failures.
        observe: Called for each end after its commit.
    """

    def __init__(self, registry: Registry, observe: ObserveCommand | None = None) -> None:
        self._registry = registry
        self._observe = observe

    def finished(self, work: UnitOfWork, row: StoredCommand, state: int) -> None:
        """Emit the event of a command that reached its final state, and count it."""
        said = CommandState.ValueType(state)
        body = CommandFinished(command_id=row.command_id, action=row.action, state=said)
        work.emit(Event(tenant_id=row.tenant_id, station_id=row.station_id, command_finished=body))
        if self._observe is not None:
            work.after_commit(partial(self._observe, state))

    async def failed(
        self,
        work: UnitOfWork,
        row: StoredCommand,
        ending: Ending,
        time: datetime,
    ) -> None:
        """Emit the event of a command that ended without an answer, and notify the blocks, in its transaction."""
        self.finished(work, row, ending.state)
        action = ACTIONS.get(row.action)
        routes = () if action is None else self._registry.routes.failures.get(action.request, ())
        if action is None or not routes:
            return
        try:
            request = decode(action.request, orjson.loads(row.payload))
        except CodecError:
            # A native command whose version says something else by this name.
            return
        failed = Failed(
            row.tenant_id,
            row.station_id,
            row.command_id,
            request,
            ending.state,
            ending.code,
            ending.text,
            time,
            ending.end,
        )
        for route in routes:
            await route.method(work, failed)
