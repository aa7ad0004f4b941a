"""Every change of the state of an operation, which is told."""

from collections.abc import Mapping

import orjson

from citrine.api.v1 import operations_pb2 as pb
from citrine.api.v1.operations_pb2 import OperationState
from citrine.events.v1.events_pb2 import Event, OperationChanged
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.db.changes import change_time
from citrine_core.resources.operations.actions import name_of
from citrine_core.resources.operations.models import Operation

__all__ = ["ENDED", "move_operation"]

ENDED = frozenset({pb.OPERATION_STATE_COMPLETED, pb.OPERATION_STATE_CANCELLED})
"""Final states."""

_LEFT_OUT = (
    pb.OPERATION_RESULT_STATE_SKIPPED,
    pb.OPERATION_RESULT_STATE_EXPIRED,
    pb.OPERATION_RESULT_STATE_CANCELLED,
)


async def move_operation(
    work: UnitOfWork,
    operation: Operation,
    state: pb.OperationState.ValueType,
    reason: str,
    clock: Clock,
    counts: Mapping[int, int],
) -> None:
    """Change the state of an operation, and publish the change.

    Args:
        work: The unit of work to write in.
        operation: The operation.
        state: Its new state, or the one that it was created in.
        reason: Why, for people.
        clock: The core's clock.
        counts: Number of its stations by state.
    """
    now = await change_time(work.session, clock)
    operation.state = state
    operation.state_reason = reason
    operation.update_time = now
    if state in ENDED:
        operation.finish_time = now
        operation.secret_action = None
        operation.final_counts = orjson.dumps({str(one): count for one, count in counts.items()}).decode()
    body = OperationChanged(
        operation_id=operation.operation_id,
        state=OperationState.ValueType(state),
        action=name_of(pb.Operation.FromString(operation.definition).action),
        requested_by=operation.created_by,
        reason=reason,
        total=operation.station_count,
        succeeded=counts.get(pb.OPERATION_RESULT_STATE_SUCCEEDED, 0),
        refused=counts.get(pb.OPERATION_RESULT_STATE_REFUSED, 0),
        failed=counts.get(pb.OPERATION_RESULT_STATE_FAILED, 0),
        left_out=sum(counts.get(one, 0) for one in _LEFT_OUT),
    )
    work.emit(Event(tenant_id=operation.tenant_id, operation_changed=body))
