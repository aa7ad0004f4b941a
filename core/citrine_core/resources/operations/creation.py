"""Checks of new operations, the selection of their stations, and their rows."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from citrine.api.v1 import operations_pb2 as pb
from citrine_core.errors import InvalidArgument
from citrine_core.resources.operations.actions import check_action, is_accepting, name_of, shown_action
from citrine_core.resources.operations.protos import summarized
from citrine_core.resources.stations.lists import LookedStations
from citrine_core.resources.stations.selection import check_selector, selects_all
from citrine_core.resources.stations.versions import version_of
from citrine_core.rpc import Caller, check_length, check_pattern

__all__ = ["check_operation", "looked_stations", "operation_row"]

DEFAULT_PARALLEL = 50
"""Most stations that are asked concurrently, by default."""

MOST_PARALLEL = 1000

MOST_BYTES_AT_ONCE = 64 * 1024 * 1024
"""Most bytes of the actions that are under way at a time: each station has one of its own."""

WAITING_TIME = timedelta(hours=24)
"""Time until an operation expires, by default."""

LONGEST_TIME = timedelta(days=30)
"""Longest time until an operation expires."""

LONGEST_REASON = 255

_OPERATION_ID = re.compile(r"[A-Za-z0-9\-_.]{1,36}")

_OUTPUT_ONLY = (
    "state", "state_reason", "progress", "requested_by", "create_time", "update_time", "finish_time",
)  # fmt: skip


def check_operation(field: str, operation: pb.Operation, now: datetime) -> None:
    """Refuse an operation with invalid fields.

    Raises:
        InvalidArgument: With the path of the invalid field.
    """
    if operation.operation_id:
        wanted = "at most 36 characters of A-Z a-z 0-9 and - _ ."
        check_pattern(f"{field}.operation_id", operation.operation_id, _OPERATION_ID, wanted)
    check_length(f"{field}.reason", operation.reason, LONGEST_REASON)
    if not 0 <= operation.max_parallel <= MOST_PARALLEL:
        raise InvalidArgument(f"{field}.max_parallel", f"must be 0 to {MOST_PARALLEL}")
    if operation.HasField("expire_time"):
        expire_time = operation.expire_time.ToDatetime(UTC)
        if expire_time <= now:
            raise InvalidArgument(f"{field}.expire_time", "must be in the future")
        if expire_time > now + LONGEST_TIME:
            raise InvalidArgument(f"{field}.expire_time", f"must be within {LONGEST_TIME.days} days")
    _check_selection(f"{field}.selection", operation.selection)
    check_action(f"{field}.action", operation.action)
    size = operation.action.ByteSize()
    most = MOST_BYTES_AT_ONCE // size
    if (operation.max_parallel or DEFAULT_PARALLEL) > most:
        raise InvalidArgument(f"{field}.max_parallel", f"must be at most {most} for an action of {size} bytes")


def looked_stations(operation: pb.Operation) -> LookedStations:
    """Return which stations an operation is for.

    Raises:
        InvalidArgument: When there is no such version of OCPP.
    """
    selection = operation.selection
    return LookedStations(
        stations=selection.stations,
        held=is_accepting(operation.action),
        prefix=selection.station_id_prefix,
        vendor_name=selection.vendor_name,
        model=selection.model,
        firmware_version=selection.firmware_version,
        ocpp_version=version_of("operation.selection.ocpp_version", selection.ocpp_version),
        registration=selection.registration if selection.HasField("registration") else None,
        faulted_only=selection.faulted_only,
        connection=selection.connection,
    )


def operation_row(who: Caller, operation: pb.Operation, secret_action: str | None, now: datetime) -> dict[str, Any]:
    """Return the row of a new operation.

    Args:
        who: Creates it.
        operation: As it was requested.
        secret_action: Its action, encrypted. None: it bears no secret.
        now: The time now.
    """
    definition = pb.Operation()
    definition.CopyFrom(operation)
    for name in _OUTPUT_ONLY:
        definition.ClearField(name)  # type: ignore[arg-type]  # each of them is a field
    definition.action.CopyFrom(shown_action(operation.action))
    definition.max_parallel = operation.max_parallel or DEFAULT_PARALLEL
    definition.offline = operation.offline or pb.OFFLINE_STATIONS_SKIP
    if not definition.HasField("expire_time"):
        definition.expire_time.FromDatetime(now + WAITING_TIME)
    return {
        "tenant_id": who.tenant_id,
        "operation_id": operation.operation_id,
        "state": pb.OPERATION_STATE_RUNNING,
        "state_reason": "",
        "definition": definition.SerializeToString(),
        "summary": summarized(definition).SerializeToString(),
        "secret_action": secret_action,
        "waits": definition.offline == pb.OFFLINE_STATIONS_WAIT and not is_accepting(operation.action),
        "max_parallel": definition.max_parallel,
        "expire_time": definition.expire_time.ToDatetime(UTC),
        "station_count": 0,
        "final_counts": None,
        "action": name_of(operation.action),
        "created_by": who.name[:255],
        "caller_id": who.key_id[:255],
        "create_time": now,
        "update_time": now,
        "finish_time": None,
    }


def _check_selection(field: str, selection: pb.OperationSelection) -> None:
    check_selector(f"{field}.stations", selection.stations)
    check_length(f"{field}.station_id_prefix", selection.station_id_prefix, 48)
    others = pb.OperationSelection()
    others.CopyFrom(selection)
    others.ClearField("all_stations")
    if selects_all(selection.stations):
        others.ClearField("stations")
    selects = bool(others.ListFields())
    if selection.all_stations and selects:
        raise InvalidArgument(f"{field}.all_stations", "must be the only field that is set in the selection")
    if not selection.all_stations and not selects:
        raise InvalidArgument(field, "must select stations; all_stations selects all of them")
