"""The job that runs operations: claims stations, calls the rpc of the action for each, and records what became of them.

Every transaction locks the operation's row, so that several cores that run the same operation never exceed its limit. A
claim stores the id of the command before the rpc is called, and a command of that id is stored once. So if a core ends,
whatever it was about to do, another core finds by the command what was done, and goes on.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from citrine.api.v1 import operations_pb2 as pb
from citrine_core.background import defect, waits_for_database
from citrine_core.db import UnitOfWork
from citrine_core.encryption import SecretUnreadable
from citrine_core.errors import CoreError, DatabaseUnavailable, NotFound
from citrine_core.ids import new_id
from citrine_core.parallel_actions import Action, Rounds, act_on_claimed
from citrine_core.resources.audit import AuditLog
from citrine_core.resources.commands.planned_ids import plan_command
from citrine_core.resources.commands.queries import CommandEndRow, find_ends
from citrine_core.resources.connections.queries import connected_stations
from citrine_core.resources.keys.queries import why_not_allowed
from citrine_core.resources.operations.actions import ACTIONS, is_accepting, name_of, request_for, scope_of, unpacked
from citrine_core.resources.operations.models import Operation
from citrine_core.resources.operations.repository import (
    AT_WORK,
    NOT_CONNECTED,
    SECRET_ACTIONS,
    OperationRepository,
    StationRow,
)
from citrine_core.resources.operations.results import Claim, Ended, Result, result_of, result_of_command
from citrine_core.resources.operations.states import move_operation
from citrine_core.resources.operations.turns import Key, Turns
from citrine_core.rpc import Caller, system_caller
from citrine_core.rpc.caller import is_key
from citrine_core.rpc.in_process import InProcessRpcs
from citrine_core.services import Services

__all__ = ["LEASE", "OperationRunner"]

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
"""Time after which a core is gone that has not renewed its claim of a station."""

RENEWAL = 5.0
"""Seconds between two renewals of the claims of a core."""

CANCEL = "/citrine.api.v1.OperationsService/CancelOperation"
"""What the audit shows of an operation that is cancelled because its key may not do this any more."""

EXPIRED = "the operation expired"

MOST = 200
"""Most stations of an operation that are claimed in one transaction."""


class OperationRunner:
    """Runs all operations. Several cores may run it concurrently.

    An operation costs as much as it has stations: a step reads those that are being asked and those that it claims,
    whatever the number of others.

    Args:
        services: What it uses.
        rpcs: Returns the rpcs that it calls.
    """

    def __init__(self, services: Services, rpcs: Callable[[], InProcessRpcs]) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._cipher = services.cipher
        self._rpcs = rpcs
        self._audit = AuditLog.of(services)
        self._rounds: Rounds[Key] = Rounds()
        self._turns = Turns()
        self._ended: defaultdict[Key, list[Ended]] = defaultdict(list)
        self._actions: dict[Key, pb.OperationAction] = {}
        """Actions of operations that have not ended, in clear."""
        self._under_way: defaultdict[Key, set[str]] = defaultdict(set)
        """Stations that this core is at."""
        self._renewed: dict[Key, float] = {}

    async def run(self) -> bool:
        """Ask all stations that are ready, and those that become ready while these answer.

        Returns whether any operation has not ended.
        """
        if not await self._operations():
            return False
        self._ended.clear()
        self._under_way.clear()
        await act_on_claimed(self._claim)
        return True

    async def _operations(self) -> Sequence[Key]:
        async with self._unit_of_work(read_only=True) as work:
            return await OperationRepository(work.session).at_work()

    async def _claim(self) -> list[Action]:
        claimed: list[_Claimed] = []
        try:
            operations = await self._operations()
            self._rounds.retain(operations)
            self._turns.retain(operations)
            self._actions = {key: action for key, action in self._actions.items() if key in operations}
            self._renewed = {key: time for key, time in self._renewed.items() if key in operations}
            for key in self._turns.next(operations, self._urgent(), asyncio.get_running_loop().time()):
                try:
                    claimed += await self._advance(key)
                except DatabaseUnavailable:
                    raise
                except Exception as error:
                    # It delays no other operation.
                    defect("operations", error)
                    self._turns.advanced(key, asyncio.get_running_loop().time(), begins=False)
        except DatabaseUnavailable:
            # What is under way goes on, and is recorded later.
            waits_for_database("operations")
        return [(f"{name_of(one.action)} {one.claim.station_id}", self._act(one)) for one in claimed]

    async def _advance(self, key: Key) -> "list[_Claimed]":
        """Advance an operation by one transaction, and return what it claimed."""
        ended = list(self._ended[key])
        action = await self._clear_action(key)
        async with self._unit_of_work() as work:
            claimed = await self._step(work, key, ended, action)
            await work.commit()
        del self._ended[key][: len(ended)]
        self._turns.advanced(key, asyncio.get_running_loop().time(), begins=bool(claimed or ended))
        return claimed

    def _urgent(self) -> set[Key]:
        """Return the operations with something to record: what has ended, and that this core is still at the others."""
        before = asyncio.get_running_loop().time() - RENEWAL
        renews = {key for key, at in self._under_way.items() if at and self._renewed.get(key, before) <= before}
        return renews | {key for key, ended in self._ended.items() if ended}

    async def _step(
        self, work: UnitOfWork, key: Key, ended: Sequence[Ended], clear: pb.OperationAction | None
    ) -> "list[_Claimed]":
        """Advance an operation, and return what to do after the commit.

        Args:
            work: The transaction.
            key: The operation.
            ended: What has ended since the last step.
            clear: Its action with what is secret in it. None: it can't be read now, and no station is begun.
        """
        now = self._clock()
        repository = OperationRepository(work.session)
        try:
            operation = await repository.get(*key, for_update=True)
        except NotFound:
            # With its tenant.
            return []
        if operation.state not in AT_WORK:
            return []
        definition = pb.Operation.FromString(operation.definition)
        action = definition.action
        await self._record(work, operation, action, ended, now)
        await self._renew(repository, operation, now)
        await self._end_if_not_allowed(work, operation, action, now)
        claims = await self._left_behind(work, operation, action, now, begins=clear is not None)
        if operation.state == pb.OPERATION_STATE_RUNNING and operation.expire_time <= now:
            expired = pb.OPERATION_RESULT_STATE_EXPIRED
            await repository.end_pending(operation, expired, EXPIRED, now)
        progress = await repository.progress(operation)
        if clear is not None and operation.state == pb.OPERATION_STATE_RUNNING and progress.has_pending:
            free = min(MOST, operation.max_parallel - progress.running)
            claims += await self._begin(work, operation, action, free, now)
            if not claims:
                progress = await repository.progress(operation)
        if not claims and not progress.running and not progress.has_pending:
            is_cancelled = operation.state == pb.OPERATION_STATE_CANCELLING
            state = pb.OPERATION_STATE_CANCELLED if is_cancelled else pb.OPERATION_STATE_COMPLETED
            counts = await repository.counts(operation.tenant_id, [operation.operation_id])
            count = counts[operation.operation_id]
            await move_operation(work, operation, state, operation.state_reason, self._clock, count)
        if clear is None:
            return []
        reason = definition.reason or f"operation {operation.operation_id}"
        who = Caller(operation.tenant_id, operation.created_by, key_id=operation.caller_id)
        return [_Claimed(key, who, reason, clear, one) for one in claims]

    async def _end_if_not_allowed(
        self, work: UnitOfWork, operation: Operation, action: pb.OperationAction, now: datetime
    ) -> None:
        """Cancel the rest of an operation whose key may not do this any more, as streams end with their credential.

        A token of a provider is valid for minutes, and nobody can ask for another one: what it began goes on.
        """
        if operation.state != pb.OPERATION_STATE_RUNNING or not is_key(operation.caller_id):
            return
        problem = await why_not_allowed(work.session, operation.caller_id, scope_of(action), now)
        if not problem:
            return
        repository = OperationRepository(work.session)
        await repository.end_pending(operation, pb.OPERATION_RESULT_STATE_CANCELLED, problem, now)
        counts = (await repository.counts(operation.tenant_id, [operation.operation_id]))[operation.operation_id]
        await move_operation(work, operation, pb.OPERATION_STATE_CANCELLING, problem, self._clock, counts)
        request = pb.CancelOperationRequest(operation_id=operation.operation_id, reason=problem)
        who = system_caller(operation.tenant_id, "operations")
        await self._audit.add(work, [self._audit.row_of(CANCEL, who, "", request)])

    async def _clear_action(self, key: Key) -> pb.OperationAction | None:
        """Return the action of an operation with what is secret in it; None if it can't be decrypted now."""
        if key in self._actions:
            return self._actions[key]
        async with self._unit_of_work(read_only=True) as work:
            try:
                operation = await OperationRepository(work.session).get(*key)
            except NotFound:
                return None
            action, secret = pb.Operation.FromString(operation.definition).action, operation.secret_action
        if secret is not None:
            # Outside of the transaction: a key service may take its time.
            try:
                action = unpacked(await self._cipher.decrypt(secret, SECRET_ACTIONS.context(*key)))
            except SecretUnreadable as error:
                logger.warning("an operation waits", extra={"operation_id": key[1], "problem": str(error)})
                return None
        self._actions[key] = action
        return action

    async def _record(
        self, work: UnitOfWork, operation: Operation, action: pb.OperationAction, ended: Sequence[Ended], now: datetime
    ) -> None:
        """Store what became of the stations whose rpc has ended, unless another core has claimed them since."""
        if not ended:
            return
        repository = OperationRepository(work.session)
        by_id = {one.claim.station_id: one for one in ended}
        rows = await repository.running(operation, station_ids=by_id)
        ends = await self._ends(work, operation, rows)
        results: dict[str, Result] = {}
        for row in rows:
            one = by_id[row.station_id]
            if row.attempts != one.claim.attempts:
                continue
            result = result_of(action, one, ends.get(row.command_id), waits=operation.waits, now=now)
            if result is not None:
                results[row.station_id] = result
        await repository.end(operation, _none_begins(operation, results), now)

    async def _renew(self, repository: OperationRepository, operation: Operation, now: datetime) -> None:
        key = (operation.tenant_id, operation.operation_id)
        time = asyncio.get_running_loop().time()
        if self._under_way[key] and time - self._renewed.get(key, float("-inf")) >= RENEWAL:
            await repository.renew(operation, self._under_way[key], now)
            self._renewed[key] = time

    async def _left_behind(
        self, work: UnitOfWork, operation: Operation, action: pb.OperationAction, now: datetime, *, begins: bool
    ) -> list[Claim]:
        """Record the ends of commands whose core is gone; claim stations for which it stored none, if any may begin."""
        repository = OperationRepository(work.session)
        rows = await repository.running(operation, before=now - LEASE)
        ends = await self._ends(work, operation, rows)
        results: dict[str, Result] = {}
        claims: list[Claim] = []
        for row in rows:
            end = ends.get(row.command_id)
            if end is not None:
                result = result_of_command(action, end, waits=operation.waits, now=now)
                if result is not None:
                    results[row.station_id] = result
            elif operation.state == pb.OPERATION_STATE_CANCELLING:
                results[row.station_id] = Result(pb.OPERATION_RESULT_STATE_CANCELLED, reason=operation.state_reason)
            elif operation.expire_time <= now:
                results[row.station_id] = Result(pb.OPERATION_RESULT_STATE_EXPIRED, reason=EXPIRED)
            elif begins:
                claims.append(Claim(row.station_id, row.attempts + 1, row.command_id))
        await repository.end(operation, _none_begins(operation, results), now)
        await repository.claim(operation, claims, now)
        return claims

    async def _ends(
        self, work: UnitOfWork, operation: Operation, rows: Sequence[StationRow]
    ) -> dict[str, CommandEndRow]:
        command_ids = [row.command_id for row in rows if row.command_id is not None]
        return await find_ends(work.session, operation.tenant_id, command_ids) if command_ids else {}

    async def _begin(
        self, work: UnitOfWork, operation: Operation, action: pb.OperationAction, free: int, now: datetime
    ) -> list[Claim]:
        """Claim at most `free` stations; those that are not connected are left out, or wait."""
        repository = OperationRepository(work.session)
        claims: list[Claim] = []
        while len(claims) < free:
            wanted = free - len(claims)
            ready = await self._ready(repository, operation, wanted, now)
            connected = ready
            if not operation.waits and not is_accepting(action):
                keys = [(operation.tenant_id, row.station_id) for row in ready]
                open_now = await connected_stations(work.session, keys) if keys else set()
                connected = [row for row in ready if (operation.tenant_id, row.station_id) in open_now]
                skipped = Result(pb.OPERATION_RESULT_STATE_SKIPPED, reason=NOT_CONNECTED)
                is_claimed = {row.station_id for row in connected}
                others = {row.station_id: skipped for row in ready if row.station_id not in is_claimed}
                await repository.end(operation, others, now)
            begun = [Claim(row.station_id, row.attempts + 1, row.command_id or new_id()) for row in connected]
            await repository.claim(operation, begun, now)
            claims += begun
            if len(ready) < wanted:
                break
        return claims

    async def _ready(
        self, repository: OperationRepository, operation: Operation, limit: int, now: datetime
    ) -> Sequence[StationRow]:
        if not operation.waits:
            return await repository.ready(operation, now, limit, "", connected_only=False)

        async def find(after: str, most: int) -> Sequence[StationRow]:
            return await repository.ready(operation, now, most, after, connected_only=True)

        key = (operation.tenant_id, operation.operation_id)
        return await self._rounds.next(key, operation.update_time, limit, find, lambda row: str(row.station_id))

    async def _act(self, claimed: "_Claimed") -> None:
        """Call the rpc of the action for a station. The next step stores what it returned or raised."""
        key, claim = claimed.key, claimed.claim
        self._under_way[key].add(claim.station_id)
        plan_command(claim.command_id)
        try:
            request = request_for(claimed.action, claim.station_id, claimed.reason, is_again=claim.attempts > 1)
            method = ACTIONS[name_of(claimed.action)]
            response = await self._rpcs().call(method, claimed.who, f"operation {key[1]}", request)
            self._ended[key].append(Ended(claim, response))
        except CoreError as error:
            self._ended[key].append(Ended(claim, error=error))
        except Exception as error:
            defect("operations", error)
            self._ended[key].append(Ended(claim, error=error))
        finally:
            self._under_way[key].discard(claim.station_id)


class _Claimed(NamedTuple):
    """A claimed station, and what is to be done for it."""

    key: Key
    who: Caller
    """Who created the operation."""
    reason: str
    action: pb.OperationAction
    claim: Claim


def _none_begins(operation: Operation, results: dict[str, Result]) -> dict[str, Result]:
    """Return results of which none has a station wait again, if the operation was cancelled meanwhile."""
    if operation.state == pb.OPERATION_STATE_RUNNING:
        return results
    cancelled = Result(pb.OPERATION_RESULT_STATE_CANCELLED, reason=operation.state_reason)
    return {
        station_id: cancelled if one.state == pb.OPERATION_RESULT_STATE_PENDING else one
        for station_id, one in results.items()
    }
