"""Every change of the state of an operation, which is told."""

from collections.abc import Mapping
from datetime import datetime

import orjson

from citrine.api.v1 import operations_pb2 as pb
from citrine.api.v1.operations_pb2 import OperationState
from citrine.events.v1.events_pb2 import Event, OperationChanged
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


def move_operation(
    operation: Operation, state: pb.OperationState.ValueType, reason: str, now: datetime, counts: Mapping[int, int]
) -> Event:
    """Change the state of an operation, and return the event to publish.

    Args:
        operation: The operation.
        state: Its new state, or the one that it was created in.
        reason: Why, for people.
        now: The time now.
        counts: Number of its stations by state.
    """
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
    return Event(tenant_id=operation.tenant_id, operation_changed=body)
