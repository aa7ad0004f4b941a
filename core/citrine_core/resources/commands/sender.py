"""Sends messages to stations on somebody's behalf, and waits for their answers."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

import grpc
import orjson
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import common_pb2 as common
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import ACTIONS, action_of, wrap_request
from citrine.ocpp.codec import CodecError, decode, encode
from citrine_core.blocks.provisioning.queries import find_write_only
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWorkFactory
from citrine_core.dispatch import Item, Registry
from citrine_core.encryption import Cipher
from citrine_core.errors import InvalidArgument, NotFound, StationTimeout, StationUnavailable
from citrine_core.link.registry import Link, LinkRegistry
from citrine_core.resources.commands.ends import CommandEnds
from citrine_core.resources.commands.orders import Order, Orders
from citrine_core.resources.commands.orphans import OrphanedCommands
from citrine_core.resources.commands.outcomes import NOT_CONNECTED
from citrine_core.resources.commands.pending import Outcome, Pending, PendingCommands
from citrine_core.resources.commands.planned_ids import next_command_id
from citrine_core.resources.commands.protos import to_proto
from citrine_core.resources.commands.repository import SECRETS, CommandRepository, StoredCommand
from citrine_core.resources.commands.secrets import masked, named, new_password
from citrine_core.resources.connections.queries import may_be_open
from citrine_core.resources.stations.passwords import hash_password
from citrine_core.rpc import Caller, caller
from citrine_core.rpc.idempotency import current_keyed_call

__all__ = ["COMMAND_ID", "CommandSender"]

logger = logging.getLogger(__name__)

Response = TypeVar("Response", bound=Message)

COMMAND_ID = "citrine-command-id"
"""Trailing metadata key with the id of the command, however the call ends."""


REPORT_TIME = 2.0
"""Seconds beyond the timeout that the edge has to report how a command ended."""

STORE_TIME = 5.0
"""Further seconds to store it. After both, the command's core counts as gone."""

SENT_DELAY = 0.25
"""Seconds after which the state SENT is stored. Usually the answer arrives first, and makes that unnecessary."""


class CommandSender:
    """Sends commands over this core's own link to the edge of the station.

    Invariants:

    - A command is stored before it is sent, and its end before its caller is told of it.
    - A command is handed to one edge, for one session (epoch). It goes out a second time only where it is certain that
      the first one never reached the socket, and its caller lets it wait for the station.
    - The first end of a command counts. Ends come by the station's lane, where they are stored; whatever else is
      reported of the same command later changes nothing.
    - Who waits is told within the timeout, REPORT_TIME and STORE_TIME, whatever becomes of edge, link and database.

    `call`, `send`, `send_native` and `cancel_by_id` may be called by any number of tasks at a time, by servicers and
    jobs, but not within a unit of work: each opens one that writes (see UnitOfWorkFactory), and waits for the station.
    Handlers of messages must not wait for them: what a station is to be sent after a message is stored by the handler,
    and done by a job. Commands to one station wait in its edge for their turn. A caller that is cancelled cancels the
    command where it was not written; what was written ends by itself and is stored. `deliver` is the queue's, `sent`
    the link's.

    Args:
        core_id: Id of this process.
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        links: The links of this core.
        pending: Commands under way, which the commands stage resolves.
        ends: Publishes the ends of commands.
        orphans: Ends commands whose link is gone.
        registry: Has the translations of blocks.
        cipher: Encrypts what waits and has secrets.
        submit: Queues a report on a command in its station's lane.
        default_timeout: Timeout if the caller sets none.
    """

    def __init__(
        self,
        core_id: str,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock,
        links: LinkRegistry,
        pending: PendingCommands,
        ends: CommandEnds,
        orphans: OrphanedCommands,
        registry: Registry,
        cipher: Cipher,
        submit: Callable[[Item], None],
        default_timeout: timedelta,
    ) -> None:
        self._core_id = core_id
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._links = links
        self._pending = pending
        self._orders = Orders(clock, default_timeout)
        self.ends = ends
        """Publishes the ends of commands."""
        self._submit = submit
        self._orphans = orphans
        self._registry = registry
        self._cipher = cipher

    async def call(
        self, context: "grpc.aio.ServicerContext[Any, Response]", request: Any, response_class: type[Response]
    ) -> Response:
        """Serve a command rpc: send `request.request` to `request.target` and return the station's answer.

        Cancellation of the call cancels the command, unless it is already written to the socket.

        Raises:
            CoreError: As CommandTarget in the contract says.
        """
        command, answer = await self.send(caller(context), request.target, request.request, context=context)
        made: Any = response_class  # has the fields command and response, as every command rpc's
        response: Response = made(command=command, response=answer)
        return response

    async def send(
        self,
        who: Caller,
        target: common.CommandTarget,
        message: Message,
        *,
        context: "grpc.aio.ServicerContext[Any, Any] | None" = None,
        payload_field: str = "request",
    ) -> tuple[common.Command, Message | None]:
        """Send a message; return the command and the answer, or None if it waits for an offline station.

        Raises:
            CoreError: As CommandTarget in the contract says.
        """
        try:
            payload = encode(message, complete=True)
        except CodecError as error:
            raise InvalidArgument(payload_field + error.path.replace("/", "."), error.problem) from error
        left = context.time_remaining() if context is not None else None
        order = self._orders.check(who, target, action_of(message).name, payload, payload_field, left)
        outcome = await self._send(order, context)
        return outcome.command, outcome.message

    async def send_native(
        self,
        who: Caller,
        target: common.CommandTarget,
        action: str,
        payload: dict[str, Any],
        *,
        context: "grpc.aio.ServicerContext[Any, Any] | None" = None,
    ) -> tuple[common.Command, dict[str, Any] | None]:
        """Send a message in the station's own OCPP version as it is, and return the command and the answer.

        Raises:
            CoreError: As CommandTarget in the contract says.
        """
        left = context.time_remaining() if context is not None else None
        order = self._orders.check(who, target, action, payload, "payload", left)
        outcome = await self._send(replace(order, is_native=True), context)
        return outcome.command, outcome.payload

    def sent(self, report: link.CommandSent, edge: Link) -> None:
        """Record that a command was written to the socket."""
        session = report.session
        item = Item(session.tenant_id, session.station_id, report, edge.send, edge_id=edge.edge_id)
        pending = self._pending.get(report.id)
        if pending is None:
            self._submit(item)
            return
        if pending.link.edge_id != edge.edge_id:
            # The stage refuses it.
            self._submit(item)
            return
        pending.send_time = report.send_time.ToDatetime(UTC)
        pending.timers.append(asyncio.get_running_loop().call_later(SENT_DELAY, self._submit, item))

    def cancel(self, pending: Pending) -> None:
        """Make the edge drop a command, unless it is already written."""
        session = link.SessionRef(tenant_id=pending.tenant_id, station_id=pending.station_id, epoch=pending.epoch)
        cancel = link.CancelCommand(id=pending.command_id, session=session)
        pending.link.send(link.Downstream(cancel_command=cancel))

    async def cancel_by_id(self, tenant_id: str, station_id: str, command_id: str) -> bool:
        """Make the edge of the station drop a command; return False if there is no link to it."""
        async with self._unit_of_work(read_only=True) as work:
            station = await CommandRepository(work.session).find_station(tenant_id, station_id)
        may_have_session = station is not None and may_be_open(station, self._clock())
        edge = self._links.get(station.edge_id) if station is not None and may_have_session else None
        if edge is None:
            return False
        edge.send(link.Downstream(cancel_command=link.CancelCommand(id=command_id)))
        return True

    async def deliver(self, row: StoredCommand, edge_id: str, epoch: int) -> Outcome | None:
        """Send a command that waited for its station; return None if it waits again.

        Concurrent calls, also by other cores, send it once.

        Raises:
            DatabaseUnavailable: When it could not be claimed.
            SecretUnreadable: When what it says can't be decrypted. It waits on.
        """
        edge = self._link_to(edge_id)
        if edge is None:
            return None
        text = row.payload
        if row.secret_payload is not None:
            text = await self._cipher.decrypt(row.secret_payload, SECRETS.context(row.tenant_id, row.command_id))
        payload = orjson.loads(text)
        password_hash = await _hash_of_new_password(row.action, payload)
        timeout = row.timeout / 1000
        deadline = self._clock() + timedelta(seconds=timeout + REPORT_TIME + STORE_TIME)
        async with self._unit_of_work() as work:
            repository = CommandRepository(work.session)
            if not await repository.claim(row, self._core_id, epoch, deadline):
                return None
            if password_hash is not None:
                await repository.add_password(row.tenant_id, row.station_id, row.command_id, password_hash)
            await work.commit()
        order = Order(
            row.tenant_id, row.station_id, row.action, payload, row.is_native, row.requested_by, row.reason, timeout,
            when_online=True, expire_time=row.expire_time, traceparent=row.traceparent or "",
        )  # fmt: skip
        return await self._dispatch(order, row.command_id, edge, epoch)

    async def _send(self, order: Order, context: "grpc.aio.ServicerContext[Any, Any] | None") -> Outcome:
        password_hash = await _hash_of_new_password(order.action, order.payload)
        command_id = next_command_id()
        texts = await self._texts(order, command_id)
        async with self._unit_of_work() as work:
            repository = CommandRepository(work.session)
            station = await repository.find_station(order.tenant_id, order.station_id, lock=True)
            if station is None:
                raise NotFound("station", order.station_id)
            edge = self._link_to(station.edge_id) if may_be_open(station, self._clock()) else None
            row = self._row(order, command_id, edge is not None, station) | texts
            await repository.add(row)
            if edge is not None and password_hash is not None:
                await repository.add_password(order.tenant_id, order.station_id, command_id, password_hash)
            if row["finish_time"] is not None:
                ending = replace(NOT_CONNECTED, text=row["error_description"])
                await self.ends.failed(work, _as_row(row), ending, row["finish_time"])
            keyed = current_keyed_call()
            if keyed is not None:
                keyed.sends(command_id)
            await work.commit(at_once=True)
        if context is not None:
            context.set_trailing_metadata(((COMMAND_ID, command_id),))
        if edge is None:
            if order.when_online:
                return Outcome(to_proto(_as_row(row)))
            raise StationUnavailable(row["error_description"])
        outcome = await self._dispatch(order, command_id, edge, station.epoch)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def _dispatch(self, order: Order, command_id: str, edge: Link, epoch: int) -> Outcome:
        """Send a stored command and wait for its end, which is stored by then."""
        loop = asyncio.get_running_loop()
        session = link.SessionRef(tenant_id=order.tenant_id, station_id=order.station_id, epoch=epoch)
        command = link.Command(
            id=command_id, session=session, timeout=_duration(order.timeout), traceparent=order.traceparent
        )
        payload = order.payload
        for translate in self._registry.translations:
            payload = await translate(order.tenant_id, order.station_id, payload)
        if order.is_native:
            command.native.action = order.action
            command.native.payload_json = orjson.dumps(payload).decode()
        else:
            command.request.CopyFrom(wrap_request(decode(ACTIONS[order.action].request, payload)))
        pending = Pending(
            order.tenant_id, order.station_id, command_id, epoch, order.payload_field, edge, loop.create_future(),
        )  # fmt: skip
        pending.timers.append(loop.call_later(order.timeout + REPORT_TIME, self._give_up, pending))
        self._pending.add(pending)
        self._orphans.job.rouse()
        self._write(pending, command)
        try:
            async with asyncio.timeout(order.timeout + REPORT_TIME + STORE_TIME):
                return await asyncio.shield(pending.future)
        except TimeoutError:
            raise StationTimeout("the station did not answer in time") from None
        except asyncio.CancelledError:
            # The caller is gone. A command that is already written ends by itself, and its end is stored.
            self.cancel(pending)
            raise

    def _write(self, pending: Pending, command: link.Command) -> None:
        """Send a command over the edge's present link, which may have changed, or ended."""
        edge = self._links.get(pending.link.edge_id)
        if edge is None:
            self._orphans.end(pending, link.CommandFailure.REASON_GONE)
        else:
            pending.link = edge
            edge.send(link.Downstream(command=command))

    def _give_up(self, pending: Pending) -> None:
        """End a command that the edge does not report on; its link may be gone.

        A missing CommandSent does not prove that it was not written: that report may have been lost.
        """
        self.cancel(pending)
        failure = link.CommandFailure(
            id=pending.command_id,
            session=link.SessionRef(tenant_id=pending.tenant_id, station_id=pending.station_id, epoch=pending.epoch),
            reason=link.CommandFailure.REASON_TIMEOUT,
            time=_timestamp(self._clock()),
        )
        self._submit(Item(pending.tenant_id, pending.station_id, failure, pending.link.send))

    def _link_to(self, edge_id: str) -> Link | None:
        found = self._links.get(edge_id)
        return found if found is not None and not found.draining else None

    async def _texts(self, order: Order, command_id: str) -> dict[str, str | None]:
        """Return what a command says, as it is stored: to be shown, and where it waits and has secrets, encrypted."""
        write_only: set[tuple[str, str]] = set()
        if names := named(order.payload):
            async with self._unit_of_work(read_only=True) as work:
                write_only = await find_write_only(work.session, order.tenant_id, order.station_id, names)
        shown, secret = masked(order.payload, write_only), None
        if order.when_online and shown != order.payload:
            secret = await self._cipher.encrypt(_json(order.payload), SECRETS.context(order.tenant_id, command_id))
        return {"payload": _json(shown), "secret_payload": secret}

    def _row(self, order: Order, command_id: str, goes_now: bool, station: StoredCommand) -> dict[str, Any]:
        now = self._clock()
        fails = not goes_now and not order.when_online
        text = NOT_CONNECTED.text
        if may_be_open(station, now):
            text = "there is no link to the edge that holds the station"
        deadline = now + timedelta(seconds=order.timeout + REPORT_TIME + STORE_TIME)
        return {
            "tenant_id": order.tenant_id,
            "command_id": command_id,
            "station_id": order.station_id,
            "action": order.action,
            "state": NOT_CONNECTED.state if fails else common.COMMAND_STATE_QUEUED,
            "is_native": order.is_native,
            "response": None,
            "error_code": NOT_CONNECTED.code if fails else "",
            "error_description": text if fails else "",
            "requested_by": order.requested_by,
            "reason": order.reason,
            "timeout": round(order.timeout * 1000),
            "when_online": order.when_online,
            "core_id": self._core_id if goes_now else None,
            "epoch": station.epoch if goes_now else None,
            "create_time": now,
            "deadline_time": deadline if goes_now else None,
            "send_time": None,
            "finish_time": now if fails else None,
            "expire_time": order.expire_time,
            "cancel_time": None,
            "traceparent": order.traceparent or None,
        }


async def _hash_of_new_password(action: str, payload: dict[str, Any]) -> str | None:
    password = new_password(action, payload)
    return None if password is None else await asyncio.to_thread(hash_password, password)


def _as_row(values: dict[str, Any]) -> Any:
    return SimpleNamespace(**values)


def _json(payload: dict[str, Any]) -> str:
    return orjson.dumps(payload).decode()


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration


def _timestamp(time: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp
