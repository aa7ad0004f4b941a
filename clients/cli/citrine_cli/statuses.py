"""Sentences for failed calls."""

import grpc

from citrine_sdk import error_reason, field_violations, is_conflict

__all__ = ["sentence"]

_UNREACHED = (
    "failed to connect",
    "connections to all backends failing",
    "Connection refused",
    "Socket closed",
    "recvmsg",
)
"""Error texts of the gRPC channel for an unreachable core."""

_UNRESOLVED = ("DNS resolution failed", "errors resolving", "lookup failed")
"""Those for a host without an address."""

_WHERE_SILENT = {
    grpc.StatusCode.CANCELLED: "the call was cancelled",
    grpc.StatusCode.DEADLINE_EXCEEDED: "no answer in time",
    grpc.StatusCode.NOT_FOUND: "there is no such thing",
    grpc.StatusCode.ALREADY_EXISTS: "it exists already",
    grpc.StatusCode.PERMISSION_DENIED: "the API key does not allow this",
    grpc.StatusCode.UNAUTHENTICATED: "the API key is not valid",
    grpc.StatusCode.UNAVAILABLE: "not available now",
    grpc.StatusCode.INTERNAL: "the core met an error of its own",
}
"""Sentences for statuses without a message."""


def sentence(error: grpc.aio.AioRpcError, cores: str) -> str:
    """Return a sentence for people about a failed call to the given cores."""
    details = error.details() or ""
    if error.code() is grpc.StatusCode.UNAVAILABLE and any(said in details for said in _UNRESOLVED):
        return f"the host of {cores} has no address"
    if error.code() is grpc.StatusCode.UNAVAILABLE and any(said in details for said in _UNREACHED):
        return f"no core answers at {cores}"
    if error.code() is grpc.StatusCode.UNIMPLEMENTED and details in {"", "Method not found!"}:
        return f"the core at {cores} does not offer this"
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and details in {"", "Deadline Exceeded"}:
        return f"no answer from {cores} in time"
    text = details or _WHERE_SILENT.get(error.code(), error.code().name.lower().replace("_", " "))
    violations = [f"{field}: {problem}" for field, problem in field_violations(error) if problem not in text]
    if violations:
        text = f"{text} ({'; '.join(violations)})"
    reason = "" if is_conflict(error) else error_reason(error)
    # The station's CALLERROR code is added unless the sentence contains it.
    return text if reason in text else f"{reason}: {text}"
