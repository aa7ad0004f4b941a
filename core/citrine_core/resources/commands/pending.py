"""Pending commands: those that this core sent, and that have not ended yet."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from citrine.api.v1 import common_pb2 as common
from citrine_core.errors import CoreError
from citrine_core.link.registry import Link

__all__ = ["Outcome", "Pending", "PendingCommands"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a command."""

    command: common.Command
    message: Message | None = None
    """The station's answer, if it is canonical."""
    payload: dict[str, Any] | None = None
    """The station's answer in OCPP spelling."""
    error: CoreError | None = None


@dataclass(slots=True)
class Pending:
    """One command under way."""

    tenant_id: str
    station_id: str
    command_id: str
    epoch: int
    payload_field: str
    """Field of the caller's request with the payload, for errors about it."""
    link: Link
    """The link by which it was sent, or by which the report is expected."""
    future: asyncio.Future[Outcome]
    send_time: datetime | None = None
    """When it was written to the socket. None: no such report arrived."""
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    """When it was sent to the edge, in seconds of `time.monotonic`."""


class PendingCommands:
    """Commands under way, by id."""

    def __init__(self) -> None:
        self._pending: dict[str, Pending] = {}
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[Pending]:
        return iter(tuple(self._pending.values()))

    def add(self, pending: Pending) -> None:
        """Add a command before it is sent."""
        self._pending[pending.command_id] = pending
        self._none.clear()

    def get(self, command_id: str) -> Pending | None:
        """Return a command under way, or None."""
        return self._pending.get(command_id)

    async def finished(self) -> None:
        """Wait until no command is under way."""
        await self._none.wait()

    def resolve(self, command_id: str, outcome: Outcome) -> None:
        """Pass the outcome of a command to its waiting caller."""
        pending = self._pending.pop(command_id, None)
        if pending is None:
            return
        if not self._pending:
            self._none.set()
        for timer in pending.timers:
            timer.cancel()
        if not pending.future.done():
            pending.future.set_result(outcome)
