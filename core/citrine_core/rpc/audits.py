"""What the server reports to the audit: calls that change something, and those that are denied."""

from typing import Protocol

import grpc
from google.protobuf.message import Message

from citrine_core.errors import NotFound, PermissionDenied, Unauthenticated
from citrine_core.rpc.access import EDGE_LINK, PUBLIC_SERVICES, rule_of
from citrine_core.rpc.caller import Caller

__all__ = ["Attempt", "Audit", "changes_something", "is_audited", "is_denial"]


class Attempt(Protocol):
    """A call that may change something, until its end."""

    def succeeded(self) -> None:
        """Note that the call ended well."""
        ...

    def failed(self) -> None:
        """Note that the call ended otherwise."""
        ...


class Audit(Protocol):
    """Records who did what."""

    def attempt(self, method: str, caller: Caller, peer: str, request: Message) -> Attempt:
        """Begin a call. What the task commits from now on is stored together with its record."""
        ...

    def denied(self, method: str, caller: Caller | None, peer: str, code: grpc.StatusCode) -> None:
        """Record a call that was denied, within seconds; callers without a credential are counted by their address."""
        ...


def is_audited(method: str) -> bool:
    """Return whether denied calls of a method are recorded: those of clients, and not those of edges."""
    return method[1:].partition("/")[0] not in {EDGE_LINK, *PUBLIC_SERVICES}


def changes_something(method: str) -> bool:
    """Return whether a method may change something, by its scope in the contract."""
    rule = rule_of(method)
    return rule is not None and not rule.any_caller and not rule.scope.endswith(":read")


def is_denial(error: Exception, *, changes: bool) -> bool:
    """Return whether an error denies a call: also what is not there, where the call would have changed it."""
    return isinstance(error, Unauthenticated | PermissionDenied) or (changes and isinstance(error, NotFound))
