"""What a failed call says besides its status: wrong fields, the station's error code, what does not exist."""

from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo
from google.rpc.status_pb2 import Status

__all__ = ["error_reason", "field_violations", "missing_resource"]

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
            # Not ours: a proxy may have written it. The status itself is still worth something.
            continue
        for packed in status.details:
            detail = kind()
            if packed.Unpack(detail):
                found.append(detail)
    return found


def field_violations(error: grpc.aio.AioRpcError) -> list[tuple[str, str]]:
    """Return the fields that an INVALID_ARGUMENT names, each with what is wrong with it. Often empty."""
    return [
        (violation.field, violation.description)
        for detail in _details(error, BadRequest)
        for violation in detail.field_violations
    ]


def error_reason(error: grpc.aio.AioRpcError) -> str:
    """Return the reason of the error's ErrorInfo, as the code of a CALLERROR in ABORTED. Empty where there is none."""
    infos = _details(error, ErrorInfo)
    return infos[0].reason if infos else ""


def missing_resource(error: grpc.aio.AioRpcError) -> tuple[str, str] | None:
    """Return kind and id of what a NOT_FOUND says does not exist: ("station", "CS-9"). None where it does not say."""
    infos = _details(error, ResourceInfo)
    return (infos[0].resource_type, infos[0].resource_name) if infos else None
