"""Operations as the API shows them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import operations_pb2 as pb
from citrine_core.resources.operations.actions import name_of
from citrine_core.resources.operations.models import Operation
from citrine_core.rpc import to_timestamp

__all__ = ["operation_to_proto", "result_to_proto", "summarized"]


def summarized(definition: pb.Operation) -> pb.Operation:
    """Return an operation without what may be large: of its action it says only which one it is."""
    summary = pb.Operation()
    summary.CopyFrom(definition)
    summary.action.Clear()
    getattr(summary.action, name_of(definition.action)).SetInParent()
    if summary.selection.HasField("stations"):
        summary.selection.stations.ClearField("station_ids")
    return summary


def operation_to_proto(
    row: Operation, definition: pb.Operation, counts: Mapping[int, int], offline: int
) -> pb.Operation:
    """Return an operation as the API shows it.

    Args:
        row: The operation.
        definition: Its definition, or a summary of it, which becomes what is returned.
        counts: Number of its stations by state.
        offline: Number of pending stations that are not connected.
    """
    shown = definition
    shown.state = pb.OperationState.ValueType(row.state)
    shown.state_reason = row.state_reason
    shown.progress.CopyFrom(_progress(counts, offline))
    shown.requested_by = row.created_by
    shown.create_time.FromDatetime(row.create_time)
    shown.update_time.FromDatetime(row.update_time)
    if row.finish_time is not None:
        shown.finish_time.FromDatetime(row.finish_time)
    return shown


def result_to_proto(row: Row[Any], command_state: int | None) -> pb.OperationResult:
    """Return a station of an operation as the API shows it; the command has no state if it is not stored."""
    return pb.OperationResult(
        station_id=row.station_id,
        state=pb.OperationResultState.ValueType(row.state),
        status=row.status,
        reason=row.reason,
        command_id=(row.command_id or "") if command_state is not None else "",
        command_state=common.CommandState.ValueType(command_state or 0),
        connected=bool(row.connected),
        attempts=row.attempts,
        start_time=to_timestamp(row.claim_time),
        update_time=to_timestamp(row.update_time),
    )


def _progress(counts: Mapping[int, int], offline: int) -> pb.OperationProgress:
    return pb.OperationProgress(
        total=sum(counts.values()),
        pending=counts.get(pb.OPERATION_RESULT_STATE_PENDING, 0),
        offline=offline,
        running=counts.get(pb.OPERATION_RESULT_STATE_RUNNING, 0),
        succeeded=counts.get(pb.OPERATION_RESULT_STATE_SUCCEEDED, 0),
        refused=counts.get(pb.OPERATION_RESULT_STATE_REFUSED, 0),
        failed=counts.get(pb.OPERATION_RESULT_STATE_FAILED, 0),
        skipped=counts.get(pb.OPERATION_RESULT_STATE_SKIPPED, 0),
        expired=counts.get(pb.OPERATION_RESULT_STATE_EXPIRED, 0),
        cancelled=counts.get(pb.OPERATION_RESULT_STATE_CANCELLED, 0),
    )
