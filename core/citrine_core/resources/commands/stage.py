"""The stage that stores answers of stations to commands, and notifies blocks and callers."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, TypeAlias

import orjson
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import common_pb2 as common
from citrine.edge.v1.link_pb2 import CommandFailure, CommandResult, CommandSent
from citrine.ocpp.actions import ACTIONS, unwrap
from citrine.ocpp.codec import CodecError, decode, encode
from citrine_core.blocks.provisioning.queries import find_write_only
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Item, Routes
from citrine_core.errors import CoreError, NotFound, StationError
from citrine_core.resources.commands.ends import CommandEnds
from citrine_core.resources.commands.outcomes import FINAL, ending_of, error_of, stored_error
from citrine_core.resources.commands.pending import Outcome, PendingCommands
from citrine_core.resources.commands.protos import to_proto
from citrine_core.resources.commands.repository import CHANGING, CommandRepository, StoredCommand
from citrine_core.resources.commands.secrets import masked, named

__all__ = ["CommandsStage"]

logger = logging.getLogger(__name__)

Values: TypeAlias = dict[str, Any]


class CommandsStage:
    """Handles reports of edges on commands: written, answered, or failed."""

    kinds = (CommandSent, CommandResult, CommandFailure)

    def __init__(
        self,
        routes: Routes,
        pending: PendingCommands,
        ends: CommandEnds,
        clock: Clock,
        on_foreign: Callable[[str, str, str, str], None] = lambda edge_id, kind, tenant_id, station_id: None,
    ) -> None:
        """Store what it uses.

        Args:
            routes: The handlers of answers.
            pending: Commands under way.
            ends: Notified of the ends of commands.
            clock: Returns the time now.
            on_foreign: Called with an edge, the kind of its report, tenant and station, where the command was sent to
                another edge.
        """
        self._routes = routes
        self._ends = ends
        self._pending = pending
        self._clock = clock
        self._on_foreign = on_foreign

    def writes(self, item: Item) -> bool:
        """Return True: commands are written."""
        return True

    def forget_in_outage(self, item: Item) -> bool:
        """Return False: the edge does not resend it."""
        return False

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Store the reports. The first end of a command counts."""
        await self._run(work, items, notify_blocks=True)

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Store the end without the blocks, because one of them failed; notify the caller in any case."""
        if work is not None:
            await self._run(work, [item], notify_blocks=False)
        elif not isinstance(item.content, CommandSent):
            failed = Outcome(common.Command(command_id=item.content.id), error=StationError("InternalError", ""))
            self._pending.resolve(item.content.id, failed)

    async def _run(self, work: UnitOfWork, items: Sequence[Item], *, notify_blocks: bool) -> None:
        by_tenant: dict[str, dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
        for item in items:
            if not self._is_foreign(item):
                by_tenant[item.tenant_id][item.content.id].append(item)
        repository = CommandRepository(work.session)
        for tenant_id, reports in by_tenant.items():
            rows = await repository.find_for_update(tenant_id, reports.keys())
            changes: list[Values] = []
            for command_id, group in reports.items():
                row = rows.get(command_id)
                if row is None or row.state in FINAL:
                    self._settle(work, command_id, row)
                    continue
                changes.append(await self._change(work, row, group, notify_blocks))
            await repository.change_all(changes)

    def _is_foreign(self, item: Item) -> bool:
        """Return whether a report is of an edge to which the command was not sent.

        A command that another core sent is not known here. Its id is random, and only the edge that got it knows it.
        """
        pending = self._pending.get(item.content.id)
        if not item.edge_id or pending is None:
            return False
        is_of_station = (pending.tenant_id, pending.station_id) == (item.tenant_id, item.station_id)
        if is_of_station and pending.link.edge_id == item.edge_id:
            return False
        self._on_foreign(item.edge_id, "command", item.tenant_id, item.station_id)
        return True

    async def _change(self, work: UnitOfWork, row: StoredCommand, group: Sequence[Item], notify_blocks: bool) -> Values:
        values: Values = {name: getattr(row, name) for name in ("tenant_id", "command_id", *CHANGING)}
        end = next((item for item in group if not isinstance(item.content, CommandSent)), None)
        sent = next((item.content.send_time for item in group if isinstance(item.content, CommandSent)), None)
        if end is not None and end.content.HasField("send_time"):
            sent = end.content.send_time
        if sent is not None:
            values.update(send_time=_time(sent), secret_payload=None)
            if row.state == common.COMMAND_STATE_QUEUED:
                values["state"] = common.COMMAND_STATE_SENT
        if end is None:
            return values
        if isinstance(end.content, CommandFailure):
            await self._fail(work, row, end.content, values, notify_blocks)
        else:
            await self._answer(work, row, end.content, values, notify_blocks)
        return values

    async def _fail(
        self, work: UnitOfWork, row: StoredCommand, failure: CommandFailure, values: Values, notify_blocks: bool
    ) -> None:
        now = self._clock()
        gone = failure.reason == CommandFailure.REASON_GONE
        if gone and row.when_online and row.expire_time is not None and row.expire_time > now:
            # It was not written, and may wait: the station is disconnected.
            values.update(state=common.COMMAND_STATE_QUEUED, core_id=None, epoch=None, deadline_time=None)
            self._resolve_after_commit(work, Outcome(_shown(row, values)))
            return
        ending = ending_of(failure)
        values.update(state=ending.state, error_code=ending.code, error_description=ending.text)
        pending = self._pending.get(row.command_id)
        error = error_of(failure, pending.payload_field if pending is not None else "request")
        if failure.answered_calls and failure.HasField("answer"):
            await self._accept_part(work, row, failure, values, error, notify_blocks)
            return
        if failure.reason == CommandFailure.REASON_BAD_ANSWER:
            said = _said(failure)
            shown = None if said is None else await self._masked(work, row, said)
            values["response"] = None if shown is None else orjson.dumps(shown).decode()
            if failure.HasField("answer"):
                await self._accept_valid_part(work, row, failure, values, notify_blocks)
                return
        time = _time(failure.time)
        if notify_blocks:
            await self._ends.failed(work, row, ending, time)
        else:
            self._ends.finished(work, row, ending.state)
        values.update(finish_time=time, secret_payload=None)
        self._resolve_after_commit(work, Outcome(_shown(row, values), error=error))

    async def _answer(
        self, work: UnitOfWork, row: StoredCommand, result: CommandResult, values: Values, notify_blocks: bool
    ) -> None:
        message: Message | None = None
        if result.WhichOneof("content") == "native":
            payload = orjson.loads(result.native.payload_json)
        else:
            message = unwrap(result.response)
            payload = encode(message)
        shown = await self._masked(work, row, payload)
        values.update(state=common.COMMAND_STATE_ANSWERED, response=orjson.dumps(shown).decode())
        received = _time(result.receive_time)
        if notify_blocks:
            await self._notify_blocks(work, row, message, payload, received)
        self._ends.finished(work, row, values["state"])
        values.update(finish_time=received, secret_payload=None)
        answer = None if message is None else _without_secrets(message, payload, shown)
        self._resolve_after_commit(work, Outcome(_shown(row, values), answer, shown))

    async def _masked(self, work: UnitOfWork, row: StoredCommand, payload: Values) -> Values:
        """Return an answer as it may be shown: without secrets, and without values of write-only variables."""
        names = named(payload)
        write_only = await find_write_only(work.session, row.tenant_id, row.station_id, names) if names else ()
        return masked(payload, write_only)

    async def _accept_valid_part(
        self, work: UnitOfWork, row: StoredCommand, failure: CommandFailure, values: Values, notify_blocks: bool
    ) -> None:
        """Process the valid part of an answer that violates the schema: the station may have accepted."""
        message, received = unwrap(failure.answer), _time(failure.time)
        payload = encode(message)
        if notify_blocks:
            await self._notify_blocks(work, row, message, payload, received)
        self._ends.finished(work, row, values["state"])
        values.update(finish_time=received, secret_payload=None)
        said = _said(failure) if row.is_native else None
        shown = await self._masked(work, row, payload if said is None else said)
        answer = _without_secrets(message, payload, shown if said is None else await self._masked(work, row, payload))
        self._resolve_after_commit(work, Outcome(_shown(row, values), answer, shown))

    async def _accept_part(
        self,
        work: UnitOfWork,
        row: StoredCommand,
        failure: CommandFailure,
        values: Values,
        error: CoreError,
        notify_blocks: bool,
    ) -> None:
        """Store the answer to the first CALLs of a command that then failed; the caller gets the error.

        Blocks are notified of the answer only: a command ends once for them, and what the station did counts.
        """
        message, received = unwrap(failure.answer), _time(failure.time)
        payload = encode(message)
        if notify_blocks:
            await self._notify_blocks(work, row, message, payload, received)
        self._ends.finished(work, row, values["state"])
        answered = orjson.dumps(await self._masked(work, row, payload)).decode()
        values.update(finish_time=received, secret_payload=None, response=answered)
        self._resolve_after_commit(work, Outcome(_shown(row, values), error=error))

    async def _notify_blocks(
        self, work: UnitOfWork, row: StoredCommand, message: Message | None, payload: Values, received: datetime
    ) -> None:
        action = ACTIONS.get(row.action)
        if action is None or action.response is None:
            return
        routes = self._routes.answers.get(action.response, ())
        if not routes:
            return
        try:
            request = decode(action.request, orjson.loads(row.payload))
            response = message if message is not None else decode(action.response, payload)
        except CodecError:
            # A native command whose version says something else by this name.
            return
        answered = Answered(row.tenant_id, row.station_id, row.command_id, request, response, received)
        for route in routes:
            await route.method(work, answered)

    def _settle(self, work: UnitOfWork, command_id: str, row: StoredCommand | None) -> None:
        """Notify the waiting caller of a command that ended elsewhere, or here by a commit without confirmation."""
        if row is None:
            outcome = Outcome(common.Command(command_id=command_id), error=NotFound("command", command_id))
        elif row.state == common.COMMAND_STATE_ANSWERED:
            payload = orjson.loads(row.response)
            message = None if row.is_native else decode(_response_class(row.action), payload)
            outcome = Outcome(to_proto(row), message, payload)
        else:
            outcome = Outcome(to_proto(row), error=stored_error(row.state, row.error_code, row.error_description))
        self._resolve_after_commit(work, outcome)

    def _resolve_after_commit(self, work: UnitOfWork, outcome: Outcome) -> None:
        work.after_commit(lambda: self._pending.resolve(outcome.command.command_id, outcome))


def _without_secrets(message: Message, payload: Values, shown: Values) -> Message:
    """Return an answer without what a station should not have told."""
    return message if shown == payload else decode(type(message), shown)


def _said(failure: CommandFailure) -> dict[str, Any] | None:
    """Return the answer that violates the schema, as the station sent it; None if it is not a JSON object."""
    said = orjson.loads(failure.answer_json) if failure.answer_json else None
    return said if isinstance(said, dict) else None


def _response_class(action: str) -> type[Message]:
    response = ACTIONS[action].response
    assert response is not None
    return response


def _shown(row: StoredCommand, values: Mapping[str, Any]) -> common.Command:
    return to_proto(SimpleNamespace(**{**row._mapping, **values}))


def _time(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(UTC)
