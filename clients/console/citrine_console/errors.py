"""What the core refuses or fails at, as people are told it, and the HTTP status that goes with it."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from citrine_console.texts import _, noop
from citrine_sdk import field_violations, is_conflict

__all__ = ["LoggedOut", "NotShown", "Problem", "problem_of"]

_STATUSES: Mapping[grpc.StatusCode, tuple[int, str]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, noop("That can't be done so")),
    grpc.StatusCode.OUT_OF_RANGE: (400, noop("That can't be done so")),
    grpc.StatusCode.UNAUTHENTICATED: (401, noop("You are not logged in any more")),
    grpc.StatusCode.PERMISSION_DENIED: (403, noop("You may not do this")),
    grpc.StatusCode.NOT_FOUND: (404, noop("There is no such thing here")),
    grpc.StatusCode.ALREADY_EXISTS: (409, noop("It exists already")),
    grpc.StatusCode.ABORTED: (409, noop("It was refused")),
    grpc.StatusCode.FAILED_PRECONDITION: (409, noop("That is not possible now")),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, noop("Too much is asked for at a time")),
    grpc.StatusCode.UNIMPLEMENTED: (501, noop("The station can't do this")),
    grpc.StatusCode.UNAVAILABLE: (503, noop("Not reachable now")),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, noop("No answer in time")),
}


class LoggedOut(Exception):
    """Who asks has no session, or the core does not know the credential any more."""


class NotShown(Exception):
    """There is no such page, or not for who asks."""


@dataclass(frozen=True)
class Problem:
    """What went wrong."""

    status: int
    """Of HTTP."""
    title: str
    text: str
    fields: tuple[tuple[str, str], ...] = ()
    """Fields of the request that are wrong, each with the reason."""
    code: str = ""
    """Status of gRPC."""


def problem_of(error: grpc.aio.AioRpcError) -> Problem:
    """Return what to tell people about a call that failed."""
    status, title = _STATUSES.get(error.code(), (502, noop("Citrine could not do this")))
    text = error.details() or ""
    if error.code() is grpc.StatusCode.UNAVAILABLE and _is_of_transport(text):
        text = _("The core can't be reached. This page goes on by itself once it is there again.")
    if is_conflict(error):
        said = _("Somebody else changed it meanwhile. Close this and open it again.")
        text = f"{text}. {said}" if text else said
    return Problem(status, _(title), text, tuple(field_violations(error)), error.code().name)


def _is_of_transport(text: str) -> bool:
    # The words of gRPC about addresses and sockets mean nothing to operators.
    return any(
        words in text for words in ("failed to connect", "Connection refused", "recvmsg", "Socket closed", "GOAWAY")
    )
