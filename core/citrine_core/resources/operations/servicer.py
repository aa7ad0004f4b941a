"""OperationsService: the gRPC face of operations on many stations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import grpc
import orjson

from citrine.api.v1 import operations_pb2 as pb
from citrine.api.v1 import operations_pb2_grpc
from citrine_core.db import UnitOfWork
from citrine_core.errors import AlreadyExists, FailedPrecondition, NotFound, QuotaExceeded
from citrine_core.ids import new_id
from citrine_core.resources.commands.queries import find_states
from citrine_core.resources.operations.actions import check_content, is_accepting, packed, scope_of, shown_action
from citrine_core.resources.operations.creation import check_operation, looked_stations, operation_row
from citrine_core.resources.operations.models import Operation
from citrine_core.resources.operations.protos import operation_to_proto, result_to_proto, summarized
from citrine_core.resources.operations.repository import SECRET_ACTIONS, OperationRepository
from citrine_core.resources.operations.states import ENDED, move_operation
from citrine_core.resources.stations.queries import find_boot_times
from citrine_core.rpc import caller, changed_span, check_length, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["OperationsServicer"]

Context: TypeAlias = "grpc.aio.ServicerContext[Any, pb.Operation]"

LONGEST_REASON = 255

MOST_AT_WORK = 100
"""Most operations of a tenant that have not ended."""


class OperationsServicer(operations_pb2_grpc.OperationsServiceServicer):
    """Serves operations; a job does what they say."""

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._cipher = services.cipher
        self._registry = services.registry
        self._wake = wake

    async def CreateOperation(self, request: pb.CreateOperationRequest, context: Context) -> pb.Operation:
        who, now, operation = caller(context), self._clock(), request.operation
        check_operation("operation", operation, now)
        looked, action = looked_stations(operation), operation.action
        who.check_scope(scope_of(action))
        await check_content("operation.action", who.tenant_id, action, self._registry.check_command, now)
        operation.operation_id = operation.operation_id or new_id()
        secret_action = None
        if shown_action(action) != action:
            place = SECRET_ACTIONS.context(who.tenant_id, operation.operation_id)
            secret_action = await self._cipher.encrypt(packed(action), place)
        row = operation_row(who, operation, secret_action, now)
        async with self._unit_of_work() as work:
            await _check_named(work, who.tenant_id, operation.selection.stations.station_ids)
            repository = OperationRepository(work.session)
            if not await repository.add(row):
                raise AlreadyExists("operation", operation.operation_id)
            skips = not row["waits"] and not is_accepting(action)
            if await repository.count_at_work(who.tenant_id) > MOST_AT_WORK:
                raise QuotaExceeded("operations that have not ended", MOST_AT_WORK)
            count = await repository.choose(who.tenant_id, operation.operation_id, looked, now, skips=skips)
            if not count:
                raise FailedPrecondition("no station matches the selection")
            stored = await repository.get(who.tenant_id, operation.operation_id)
            stored.station_count = count
            await move_operation(work, stored, pb.OPERATION_STATE_RUNNING, "", self._clock, {})
            shown = await _shown(repository, stored)
            work.after_commit(self._wake)
            await work.commit()
        return shown

    async def GetOperation(self, request: pb.GetOperationRequest, context: Context) -> pb.Operation:
        tenant_id, operation_id = caller(context).tenant_id, required("operation_id", request.operation_id)
        async with self._unit_of_work(read_only=True) as work:
            repository = OperationRepository(work.session)
            return await _shown(repository, await repository.get(tenant_id, operation_id))

    async def ListOperations(
        self,
        request: pb.ListOperationsRequest,
        context: grpc.aio.ServicerContext[pb.ListOperationsRequest, pb.ListOperationsResponse],
    ) -> pb.ListOperationsResponse:
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            repository = OperationRepository(work.session)
            rows, token = await repository.list(
                tenant_id,
                open_page(request),
                state=request.state,
                prefix=request.operation_id_prefix,
                requested_by=request.requested_by,
                action=request.action,
                created=span_of(request.create_time),
                changed=changed_span(request),
            )
            counts, offline = await _progress(repository, tenant_id, [row for row, _ in rows])
        operations = [
            operation_to_proto(
                row,
                summarized(pb.Operation.FromString(stored)),
                counts[row.operation_id],
                offline.get(row.operation_id, 0),
            )
            for row, stored in rows
        ]
        return pb.ListOperationsResponse(operations=operations, next_page_token=token)

    async def ListOperationResults(
        self,
        request: pb.ListOperationResultsRequest,
        context: grpc.aio.ServicerContext[pb.ListOperationResultsRequest, pb.ListOperationResultsResponse],
    ) -> pb.ListOperationResultsResponse:
        tenant_id, page = caller(context).tenant_id, open_page(request)
        operation_id = required("operation_id", request.operation_id)
        async with self._unit_of_work(read_only=True) as work:
            repository = OperationRepository(work.session)
            operation = await repository.get(tenant_id, operation_id)
            rows, token = await repository.list_results(operation, page, state=request.state)
            command_ids = [row.command_id for row in rows if row.command_id is not None]
            states = await find_states(work.session, tenant_id, command_ids) if command_ids else {}
        results = [result_to_proto(row, states.get(row.command_id)) for row in rows]
        return pb.ListOperationResultsResponse(results=results, next_page_token=token)

    async def CancelOperation(self, request: pb.CancelOperationRequest, context: Context) -> pb.Operation:
        check_length("reason", request.reason, LONGEST_REASON)
        tenant_id, operation_id = caller(context).tenant_id, required("operation_id", request.operation_id)
        async with self._unit_of_work() as work:
            repository, now = OperationRepository(work.session), self._clock()
            operation = await repository.get(tenant_id, operation_id, for_update=True)
            if operation.state in ENDED:
                raise FailedPrecondition("the operation has ended")
            await repository.end_pending(operation, pb.OPERATION_RESULT_STATE_CANCELLED, request.reason, now)
            counts = (await repository.counts(tenant_id, [operation_id]))[operation_id]
            is_busy = counts.get(pb.OPERATION_RESULT_STATE_RUNNING, 0) > 0
            state = pb.OPERATION_STATE_CANCELLING if is_busy else pb.OPERATION_STATE_CANCELLED
            await move_operation(work, operation, state, request.reason, self._clock, counts)
            shown = await _shown(repository, operation)
            work.after_commit(self._wake)
            await work.commit()
        return shown


async def _check_named(work: UnitOfWork, tenant_id: str, station_ids: Sequence[str]) -> None:
    if not station_ids:
        return
    missing = set(station_ids) - (await find_boot_times(work.session, tenant_id, set(station_ids))).keys()
    if missing:
        raise NotFound("station", min(missing))


async def _shown(repository: OperationRepository, row: Operation) -> pb.Operation:
    counts, offline = await _progress(repository, row.tenant_id, [row])
    definition = pb.Operation.FromString(row.definition)
    return operation_to_proto(row, definition, counts[row.operation_id], offline.get(row.operation_id, 0))


async def _progress(
    repository: OperationRepository, tenant_id: str, rows: Sequence[Operation]
) -> tuple[Mapping[str, Mapping[int, int]], Mapping[str, int]]:
    """Return the numbers of stations in each state, and of those that are pending and offline, by operation."""
    counts: dict[str, dict[int, int]] = {
        row.operation_id: {int(state): count for state, count in orjson.loads(row.final_counts).items()}
        for row in rows
        if row.final_counts is not None
    }
    offline: dict[str, int] = {}
    if ids := [row.operation_id for row in rows if row.final_counts is None]:
        counts |= await repository.counts(tenant_id, ids)
        offline = await repository.offline_counts(tenant_id, ids)
    return counts, offline
