"""Translation of errors to gRPC statuses with details; the text of a bug goes to the log only."""

import logging

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from citrine_core.errors import AnswerRefused, Conflict, CoreError, InvalidArgument, NotFound, Overloaded, StationError

__all__ = ["DOMAIN", "Failure", "StoredFailure", "failure_of"]

logger = logging.getLogger(__name__)

DOMAIN = "citrine"
"""Domain of google.rpc.ErrorInfo."""

CONFLICT = "CONFLICT"
"""Its reason where somebody else changed the thing in between. No error code of OCPP-J is written so."""

DETAILS_KEY = "grpc-status-details-bin"
"""Trailing metadata key by which gRPC carries google.rpc.Status."""

MOST = 600
"""Most bytes of a text. A peer drops an answer with more than about 8 kB of metadata, which contains the text up to
three times, and the descriptions and paths of stations and callers can be of any length."""


_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Failure:
    """The status and details with which an rpc fails."""

    def __init__(self, code: grpc.StatusCode, message: str, details: Message | None = None) -> None:
        self.code = code
        self.message = message
        self._details: list[any_pb2.Any] = []
        if details is not None:
            packed = any_pb2.Any()
            packed.Pack(details)
            self._details.append(packed)

    @classmethod
    def of(cls, status: status_pb2.Status) -> "Failure":
        """Return a failure in its stored form."""
        failure = cls(_CODES[status.code], status.message)
        failure._details.extend(status.details)
        return failure

    def to_status(self) -> status_pb2.Status:
        """Return it in the form to store."""
        number: int = self.code.value[0]
        return status_pb2.Status(code=number, message=self.message, details=self._details)

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        """Return the details as metadata; empty if there are none."""
        return ((DETAILS_KEY, self.to_status().SerializeToString()),) if self._details else ()


class StoredFailure(Exception):
    """An rpc fails as an earlier call did.

    Args:
        status: Its stored status.
    """

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.failure = Failure.of(status)


def failure_of(error: Exception, method: str) -> Failure:
    """Return the failure for an error. A bug is logged, and its text is not sent to the caller."""
    if isinstance(error, StoredFailure):
        return error.failure
    if isinstance(error, CoreError):
        return Failure(error.status, _cut(str(error)), _details(error))
    logger.error("an rpc failed unexpectedly", exc_info=error, extra={"rpc": method})
    return Failure(grpc.StatusCode.INTERNAL, "internal error")


def _cut(text: str) -> str:
    encoded = text.encode(errors="replace")
    return text if len(encoded) <= MOST else encoded[:MOST].decode(errors="ignore") + "…"


def _details(error: CoreError) -> Message | None:
    if isinstance(error, InvalidArgument):
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_cut(error.field), description=_cut(error.problem)
        )
        request: Message = error_details_pb2.BadRequest(field_violations=[violation])
        return request
    if isinstance(error, NotFound):
        resource: Message = error_details_pb2.ResourceInfo(
            resource_type=error.kind, resource_name=_cut(str(error.name)), description="does not exist"
        )
        return resource
    if isinstance(error, StationError | AnswerRefused):
        refused_by = "station" if isinstance(error, StationError) else "csms"
        said = {"description": _cut(error.description), "refused_by": refused_by}
        info: Message = error_details_pb2.ErrorInfo(reason=_cut(error.code), domain=DOMAIN, metadata=said)
        return info
    if isinstance(error, Conflict):
        changed: Message = error_details_pb2.ErrorInfo(reason=CONFLICT, domain=DOMAIN)
        return changed
    if isinstance(error, Overloaded):
        retry: Message = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1))
        return retry
    return None
