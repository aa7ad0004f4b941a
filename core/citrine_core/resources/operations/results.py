"""What became of a station of an operation, by its command and by what the rpc returned or raised. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import operations_pb2 as pb
from citrine.ocpp.codec import encode
from citrine_core.errors import (
    CoreError,
    DatabaseUnavailable,
    FailedPrecondition,
    Overloaded,
    StationUnavailable,
)
from citrine_core.resources.commands.outcomes import NOT_CONNECTED
from citrine_core.resources.commands.queries import CommandEndRow
from citrine_core.resources.operations.actions import is_accepting, name_of

__all__ = ["Claim", "Ended", "Result", "put_back", "result_of", "result_of_command"]

RETRY_TIME = timedelta(seconds=5)
"""Time until a station is claimed again that could not be reached, or for which nothing could be stored."""

LONGEST_REASON = 255

_DONE = frozenset({"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked"})
"""Statuses of stations that do what they are asked."""

_ITEMS = {
    "set_variables": "setVariableData",
    "get_variables": "getVariableData",
    "set_variable_monitoring": "setMonitoringData",
    "clear_variable_monitoring": "id",
    "send_local_list": "localAuthorizationList",
    "sync_local_list": "",
}
"""Actions that may be several commands to one station, with the field of the items that they share. Empty: unknown."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A station that a core has claimed."""

    station_id: str
    attempts: int
    command_id: str
    """Id of its first command, if there will be one."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What the rpc returned or raised for a claimed station."""

    claim: Claim
    response: Any = None
    """Response of the rpc, whichever it is."""
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The new state of a station of an operation."""

    state: pb.OperationResultState.ValueType
    status: str = ""
    reason: str = ""
    command_id: str | None = None
    next_time: datetime | None = None


def result_of(
    action: pb.OperationAction, ended: Ended, end: CommandEndRow | None, *, waits: bool, now: datetime
) -> Result | None:
    """Return what became of a station.

    Args:
        action: What it was asked.
        ended: What the rpc returned or raised.
        end: The stored command. None: there is none.
        waits: Whether the operation waits for stations that are not connected.
        now: The time now.

    Returns:
        None: that is not known before the command has ended.
    """
    command_id = None if end is None else end.command_id
    if ended.error is None:
        return _answered(_statuses_of_response(ended.response), command_id)
    if end is not None and end.finish_time is None:
        return None
    reason = str(ended.error) if isinstance(ended.error, CoreError) else "internal error"
    if end is not None:
        if end.error_code == NOT_CONNECTED.code:
            return _offline(waits, now, command_id)
        if end.state == common.COMMAND_STATE_CANCELLED:
            return _cancelled(end)
        return Result(pb.OPERATION_RESULT_STATE_FAILED, reason=reason, command_id=command_id)
    if isinstance(ended.error, StationUnavailable):
        return _offline(waits, now, None)
    if isinstance(ended.error, DatabaseUnavailable | Overloaded):
        # The commit may have succeeded: the command keeps its id, so that there is at most one.
        return Result(pb.OPERATION_RESULT_STATE_PENDING, "", reason, ended.claim.command_id, now + RETRY_TIME)
    if is_accepting(action) and ended.claim.attempts > 1 and isinstance(ended.error, FailedPrecondition):
        # The core that claimed it first accepted it.
        return Result(pb.OPERATION_RESULT_STATE_SUCCEEDED)
    return Result(pb.OPERATION_RESULT_STATE_FAILED, reason=reason)


def result_of_command(action: pb.OperationAction, end: CommandEndRow, *, waits: bool, now: datetime) -> Result | None:
    """Return what became of a station whose core ended meanwhile, by its command alone; None before that has ended."""
    if end.finish_time is None:
        return None
    if end.state in (common.COMMAND_STATE_ANSWERED, common.COMMAND_STATE_ANSWER_REFUSED):
        result = _answered(list(_statuses(orjson.loads(end.response or "{}"))), end.command_id)
        if result.state == pb.OPERATION_RESULT_STATE_SUCCEEDED and not _is_whole(action, orjson.loads(end.payload)):
            reason = "its core ended before it was known that all of it was sent"
            return Result(pb.OPERATION_RESULT_STATE_FAILED, result.status, reason, end.command_id)
        return result
    if end.error_code == NOT_CONNECTED.code:
        return _offline(waits, now, end.command_id)
    if end.state == common.COMMAND_STATE_CANCELLED:
        if end.cancel_time is not None:
            return _cancelled(end)
        # By the core that stopped.
        return put_back("its core stopped before it was sent", now)
    return Result(pb.OPERATION_RESULT_STATE_FAILED, "", end.error_description[:LONGEST_REASON], end.command_id)


def put_back(reason: str, now: datetime) -> Result:
    """Return the result of a station that waits again, for another command."""
    return Result(pb.OPERATION_RESULT_STATE_PENDING, reason=reason, next_time=now + RETRY_TIME)


def _cancelled(end: CommandEndRow) -> Result:
    return Result(pb.OPERATION_RESULT_STATE_CANCELLED, reason="its command was cancelled", command_id=end.command_id)


def _offline(waits: bool, now: datetime, command_id: str | None) -> Result:
    if waits:
        return put_back(NOT_CONNECTED.text, now)
    return Result(pb.OPERATION_RESULT_STATE_SKIPPED, reason=NOT_CONNECTED.text, command_id=command_id)


def _answered(statuses: list[tuple[str, str]], command_id: str | None) -> Result:
    refused = next((one for one in statuses if one[0] not in _DONE), None)
    if refused is not None:
        return Result(pb.OPERATION_RESULT_STATE_REFUSED, refused[0], refused[1][:LONGEST_REASON], command_id)
    status = statuses[0][0] if statuses else ""
    return Result(pb.OPERATION_RESULT_STATE_SUCCEEDED, status, "", command_id)


def _statuses_of_response(response: Any) -> list[tuple[str, str]]:
    if "response" not in response.DESCRIPTOR.fields_by_name or not response.HasField("response"):
        return []
    return list(_statuses(encode(response.response)))


def _statuses(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the statuses in an answer of a station, each with what it says about it."""
    for name in ("status", "attributeStatus"):
        if name in answer:
            info = answer.get("statusInfo") or answer.get("attributeStatusInfo") or {}
            words = (info.get("reasonCode", ""), info.get("additionalInfo", ""))
            yield str(answer[name]), ": ".join(word for word in words if word)
    for value in answer.values():
        if isinstance(value, list):
            for item in value:
                if isinstance(item, Mapping):
                    yield from _statuses(item)


def _is_whole(action: pb.OperationAction, payload: Mapping[str, Any]) -> bool:
    """Return whether a command has all that a station was to be sent."""
    name = name_of(action)
    if name not in _ITEMS:
        return True
    field = _ITEMS[name]
    if not field:
        return False
    return len(payload.get(field, ())) == len(encode(getattr(action, name).request).get(field, ()))
