"""Outcomes of commands: the stored state, and the error for the caller."""

from collections.abc import Mapping
from dataclasses import dataclass

from citrine.api.v1 import common_pb2 as common
from citrine.edge.v1.link_pb2 import CommandFailure
from citrine_core.dispatch import CommandEnd
from citrine_core.errors import (
    AnswerRefused,
    CoreError,
    FailedPrecondition,
    InvalidArgument,
    NotSupported,
    Overloaded,
    StationError,
    StationTimeout,
    StationUnavailable,
)

__all__ = [
    "ABANDONED",
    "CANCELLED",
    "EXPIRED",
    "FINAL",
    "NOT_CONNECTED",
    "UNREADABLE",
    "Ending",
    "ending_of",
    "error_of",
    "stored_error",
]

FINAL = frozenset(
    {
        common.COMMAND_STATE_ANSWERED,
        common.COMMAND_STATE_FAILED,
        common.COMMAND_STATE_TIMED_OUT,
        common.COMMAND_STATE_EXPIRED,
        common.COMMAND_STATE_CANCELLED,
        common.COMMAND_STATE_ANSWER_REFUSED,
    }
)
"""Final states."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a command without a valid answer."""

    state: "common.CommandState.ValueType"
    end: CommandEnd
    """What the station may have done."""
    code: str
    """Stored as error_code. Empty: the code of the CALLERROR or the like is stored."""
    text: str
    """Stored as error_description if the edge sent none."""


CANCELLED = Ending(common.COMMAND_STATE_CANCELLED, CommandEnd.WITHDRAWN, "Cancelled", "the command was cancelled")
NOT_CONNECTED = Ending(
    common.COMMAND_STATE_FAILED, CommandEnd.UNREACHED, "NotConnected", "the station is not connected"
)
EXPIRED = Ending(common.COMMAND_STATE_EXPIRED, CommandEnd.UNREACHED, "Expired", "the station did not come back in time")
UNREADABLE = Ending(
    common.COMMAND_STATE_FAILED, CommandEnd.UNREACHED, "SecretUnreadable", "what it says can't be decrypted"
)
ABANDONED = Ending(
    common.COMMAND_STATE_TIMED_OUT, CommandEnd.UNCERTAIN, "Timeout", "its core is gone and its end unknown"
)

_ENDINGS: Mapping[int, Ending] = {
    CommandFailure.REASON_UNSPECIFIED: Ending(
        common.COMMAND_STATE_FAILED, CommandEnd.UNCERTAIN, "InternalError", "the edge gave no reason"
    ),
    CommandFailure.REASON_GONE: NOT_CONNECTED,
    CommandFailure.REASON_LOST: Ending(
        common.COMMAND_STATE_FAILED,
        CommandEnd.UNCERTAIN,
        "ConnectionLost",
        "the connection broke before the station answered, the message may have arrived",
    ),
    CommandFailure.REASON_TIMEOUT: Ending(
        common.COMMAND_STATE_TIMED_OUT, CommandEnd.UNCERTAIN, "Timeout", "the station did not answer in time"
    ),
    CommandFailure.REASON_EXPIRED: Ending(
        common.COMMAND_STATE_EXPIRED,
        CommandEnd.UNREACHED,
        "Expired",
        "the station was busy with other commands, this one was not sent",
    ),
    CommandFailure.REASON_CALL_ERROR: Ending(common.COMMAND_STATE_FAILED, CommandEnd.REFUSED, "", ""),
    CommandFailure.REASON_BAD_ANSWER: Ending(
        common.COMMAND_STATE_ANSWER_REFUSED, CommandEnd.UNREADABLE, "", "the station's answer breaks the schema"
    ),
    CommandFailure.REASON_UNSUPPORTED: Ending(
        common.COMMAND_STATE_FAILED,
        CommandEnd.UNSENDABLE,
        "NotSupported",
        "the OCPP version of the station has no such action",
    ),
    CommandFailure.REASON_INVALID: Ending(
        common.COMMAND_STATE_FAILED,
        CommandEnd.UNSENDABLE,
        "",
        "the payload breaks the schema of the station's OCPP version",
    ),
    CommandFailure.REASON_CANCELLED: CANCELLED,
}

_UNREACHED = frozenset(_ENDINGS[reason].code for reason in (CommandFailure.REASON_GONE, CommandFailure.REASON_LOST))
"""Codes of commands whose station was not connected, or no longer."""


def ending_of(failure: CommandFailure) -> Ending:
    """Return the end of a command by a failure, with the code and text to store."""
    ending = _ENDINGS.get(failure.reason, _ENDINGS[CommandFailure.REASON_UNSPECIFIED])
    text, end = failure.error.description or ending.text, ending.end
    if failure.answered_calls:
        if end is CommandEnd.UNSENDABLE:
            # A later message can't be sent, although the earlier ones were.
            end = CommandEnd.UNCERTAIN
        text += f" (it is several messages to this station, and {failure.answered_calls} of them were answered before)"
    return Ending(ending.state, end, (ending.code or failure.error.code or "InternalError")[:100], text)


def error_of(failure: CommandFailure, field: str) -> CoreError:
    """Return the error for the caller of a command after a failure.

    Args:
        failure: The report of the edge.
        field: Field of the caller's request with the payload.
    """
    ending = ending_of(failure)
    match failure.reason:
        case CommandFailure.REASON_EXPIRED if failure.HasField("error"):
            # Refused at once, without a wait.
            return Overloaded("commands to this station")
        case CommandFailure.REASON_TIMEOUT | CommandFailure.REASON_EXPIRED:
            return StationTimeout(ending.text)
        case CommandFailure.REASON_CALL_ERROR | CommandFailure.REASON_UNSPECIFIED:
            return StationError(ending.code, ending.text)
        case CommandFailure.REASON_BAD_ANSWER:
            return AnswerRefused(ending.code, ending.text)
        case CommandFailure.REASON_UNSUPPORTED:
            return NotSupported(ending.text)
        case CommandFailure.REASON_INVALID:
            return invalid_payload(field, ending.text)
        case CommandFailure.REASON_CANCELLED:
            return FailedPrecondition(ending.text)
        case _:
            return StationUnavailable(ending.text)


def stored_error(state: int, code: str, text: str) -> CoreError:
    """Return the error for the caller of a command that ended elsewhere, by its stored end."""
    match state:
        case common.COMMAND_STATE_ANSWER_REFUSED:
            return AnswerRefused(code, text)
        case common.COMMAND_STATE_TIMED_OUT | common.COMMAND_STATE_EXPIRED:
            return StationTimeout(text)
        case common.COMMAND_STATE_CANCELLED:
            return FailedPrecondition(text)
        case _ if code in _UNREACHED:
            return StationUnavailable(text)
        case _:
            return StationError(code, text)


def invalid_payload(field: str, text: str) -> InvalidArgument:
    """Return the error of a payload, with the path in it if the text begins with one ("/a/0/b: ...")."""
    path, separator, problem = text.partition(": ")
    if separator and path.startswith("/"):
        return InvalidArgument(field + path.rstrip("/").replace("/", "."), problem)
    return InvalidArgument(field, text)
