"""Error details of failed calls: invalid fields, the station's error code, the missing resource."""

from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo
from google.rpc.status_pb2 import Status

__all__ = ["error_reason", "field_violations", "is_conflict", "missing_resource"]

_DETAILS_KEY = "grpc-status-details-bin"

DetailT = TypeVar("DetailT", bound=Message)


def _details(error: grpc.aio.AioRpcError, kind: type[DetailT]) -> list[DetailT]:
    found: list[DetailT] = []
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS_KEY or not isinstance(value, bytes):
            continue
        try:
            status = Status.FromString(value)
        except DecodeError:
            # A proxy may have written other content. The code and message of the error are still valid.
            continue
        for packed in status.details:
            detail = kind()
            if packed.Unpack(detail):
                found.append(detail)
    return found


def field_violations(error: grpc.aio.AioRpcError) -> list[tuple[str, str]]:
    """Return the invalid fields of an INVALID_ARGUMENT, each with a description. Empty if the error names none."""
    return [
        (violation.field, violation.description)
        for detail in _details(error, BadRequest)
        for violation in detail.field_violations
    ]


def error_reason(error: grpc.aio.AioRpcError) -> str:
    """Return the reason of the error's ErrorInfo, e.g. the CALLERROR code of an ABORTED. Empty if there is none."""
    infos = _details(error, ErrorInfo)
    return infos[0].reason if infos else ""


def is_conflict(error: grpc.aio.AioRpcError) -> bool:
    """Return whether a call failed because somebody else changed the thing since it was read: read it again."""
    return error.code() is grpc.StatusCode.ABORTED and error_reason(error) == "CONFLICT"


def missing_resource(error: grpc.aio.AioRpcError) -> tuple[str, str] | None:
    """Return type and id of the missing resource of a NOT_FOUND, e.g. ("station", "CS-9"). None if it names none."""
    infos = _details(error, ResourceInfo)
    return (infos[0].resource_type, infos[0].resource_name) if infos else None
