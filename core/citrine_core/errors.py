"""Errors the core raises on purpose, and the gRPC status each one becomes.

* :exc:`CoreError`
    * :exc:`InvalidArgument` -> INVALID_ARGUMENT
    * :exc:`NotFound` -> NOT_FOUND
    * :exc:`AlreadyExists` -> ALREADY_EXISTS
    * :exc:`FailedPrecondition` -> FAILED_PRECONDITION
    * :exc:`Conflict` -> ABORTED
    * :exc:`CallUnderWay` -> ABORTED
    * :exc:`OutOfRange` -> OUT_OF_RANGE
    * :exc:`Unauthenticated` -> UNAUTHENTICATED
    * :exc:`PermissionDenied` -> PERMISSION_DENIED
    * :exc:`StationError` -> ABORTED
    * :exc:`AnswerRefused` -> ABORTED
    * :exc:`StationTimeout` -> DEADLINE_EXCEEDED
    * :exc:`StationUnavailable` -> UNAVAILABLE
    * :exc:`NotSupported` -> UNIMPLEMENTED
    * :exc:`DatabaseUnavailable` -> UNAVAILABLE
    * :exc:`IssuerUnavailable` -> UNAVAILABLE
    * :exc:`Overloaded` -> RESOURCE_EXHAUSTED
    * :exc:`QuotaExceeded` -> RESOURCE_EXHAUSTED
    * :exc:`Stopping` -> UNAVAILABLE
"""

from typing import ClassVar

import grpc

__all__ = [
    "AlreadyExists",
    "AnswerRefused",
    "CallUnderWay",
    "Conflict",
    "CoreError",
    "DatabaseUnavailable",
    "FailedPrecondition",
    "InvalidArgument",
    "IssuerUnavailable",
    "NotFound",
    "NotSupported",
    "OutOfRange",
    "Overloaded",
    "PermissionDenied",
    "QuotaExceeded",
    "StationError",
    "StationTimeout",
    "StationUnavailable",
    "Stopping",
    "Unauthenticated",
]


class CoreError(Exception):
    """Something that the core refuses or can't do, said in one sentence without internals."""

    status: ClassVar[grpc.StatusCode]


class InvalidArgument(CoreError):
    """A field of the request can never be right.

    Args:
        field: Path of the field in the request, e.g. "station.station_id".
        problem: What is wrong with it, e.g. "must not be empty".
    """

    status = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class NotFound(CoreError):
    """The named thing does not exist, or belongs to another tenant."""

    status = grpc.StatusCode.NOT_FOUND

    def __init__(self, kind: str, name: str | int) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name

    def __str__(self) -> str:
        # "cost of transaction": it may be that this has none, and it may be that there is no such transaction.
        what, of, whose = self.kind.partition(" of ")
        return f"{whose} {self.name} has no {what}" if of else f"{self.kind} {self.name} does not exist"


class AlreadyExists(CoreError):
    """There is a thing of this name."""

    status = grpc.StatusCode.ALREADY_EXISTS

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name

    def __str__(self) -> str:
        return f"{self.kind} {self.name} already exists"


class FailedPrecondition(CoreError):
    """The request may be right later."""

    status = grpc.StatusCode.FAILED_PRECONDITION


class Conflict(CoreError):
    """Somebody else changed the thing in between (its etag is another)."""

    status = grpc.StatusCode.ABORTED


class CallUnderWay(CoreError):
    """An earlier call with the same idempotency key has no answer yet. The same call may come again for it."""

    status = grpc.StatusCode.ABORTED


class OutOfRange(CoreError):
    """What is asked for is no longer kept."""

    status = grpc.StatusCode.OUT_OF_RANGE


class Unauthenticated(CoreError):
    """There is no valid key."""

    status = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(CoreError):
    """The credential does not allow this."""

    status = grpc.StatusCode.PERMISSION_DENIED


class StationError(CoreError):
    """The station answered CALLERROR.

    Args:
        code: Error code of OCPP-J.
        description: What the station said.
    """

    status = grpc.StatusCode.ABORTED

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description

    def __str__(self) -> str:
        said = f": {self.description}" if self.description else ""
        return f"the station answered {self.code}{said}"


class AnswerRefused(CoreError):
    """The station answered, and its answer breaks the schema: it is we who do not take it.

    Args:
        code: Error code of OCPP-J for the defect.
        description: What is wrong with the answer, with the path.
    """

    status = grpc.StatusCode.ABORTED

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description

    def __str__(self) -> str:
        return f"the station's answer breaks the schema ({self.code}): {self.description}"


class StationTimeout(CoreError):
    """The station did not answer in time."""

    status = grpc.StatusCode.DEADLINE_EXCEEDED


class StationUnavailable(CoreError):
    """The station is not connected, or the connection broke before it answered."""

    status = grpc.StatusCode.UNAVAILABLE


class NotSupported(CoreError):
    """The OCPP version of the station, or this installation, can't do this."""

    status = grpc.StatusCode.UNIMPLEMENTED


class DatabaseUnavailable(CoreError):
    """The database can't be reached or can't commit; nothing was stored."""

    status = grpc.StatusCode.UNAVAILABLE

    def __str__(self) -> str:
        return "the database is not available"


class IssuerUnavailable(CoreError):
    """Tokens can't be verified, because the keys of their issuer could not be fetched yet."""

    status = grpc.StatusCode.UNAVAILABLE

    def __str__(self) -> str:
        return "the token can't be verified now: the keys of its issuer are not known yet"


class Overloaded(CoreError):
    """More is asked for at a time than this process does at a time; nothing was done. No outage: it works.

    Args:
        what: There is too much of, e.g. "calls with this key".
    """

    status = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, what: str = "requests") -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"too many {self.what} at a time; try again in a moment"


class QuotaExceeded(CoreError):
    """The tenant has as much of something as it may have; only an operator can change that.

    Args:
        what: Of what, e.g. "stations".
        most: How much it may have.
    """

    status = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, what: str, most: int) -> None:
        super().__init__(what, most)
        self.what = what
        self.most = most

    def __str__(self) -> str:
        return f"the tenant may have {self.most} {self.what}, and no more"


class Stopping(CoreError):
    """This process is about to stop; another one will serve."""

    status = grpc.StatusCode.UNAVAILABLE

    def __str__(self) -> str:
        return "the core is stopping"
