"""Who calls, as the access check found out, for the time of one rpc."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc

from citrine_core.errors import Unauthenticated

__all__ = ["Caller", "acting_as", "caller", "current_caller", "set_caller", "system_caller"]

ALL_SCOPES = "*"
"""The scope that holds all others."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls an rpc, and on which tenant."""

    tenant_id: str
    """Tenant that the call acts on: that of the key, or the one that an operator chose."""
    name: str
    """Display name of the key; shown with commands."""
    is_operator: bool = False
    """True for the operator of all tenants."""
    scopes: frozenset[str] = frozenset({ALL_SCOPES})
    key_id: str = ""
    """Id of the API key. Empty where the caller has none."""
    expire_time: datetime | None = None
    """When the credential ends. None: it does not."""

    def has_scope(self, scope: str) -> bool:
        """Return whether the caller has a scope."""
        return ALL_SCOPES in self.scopes or scope in self.scopes


# Each rpc runs in a task of its own, which has a context of its own.
_current: ContextVar[Caller] = ContextVar("citrine_caller")


def caller(context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
    """Return who calls.

    Raises:
        Unauthenticated: Outside of an rpc whose access was checked.
    """
    found = _current.get(None)
    if found is None:
        raise Unauthenticated("the caller is not known")
    return found


def current_caller() -> Caller | None:
    """Return who calls, or None where nobody was found out."""
    return _current.get(None)


def system_caller(tenant_id: str, name: str) -> Caller:
    """Return the core itself as the one who sends a command, for a reason that its name says."""
    return Caller(tenant_id, name)


def set_caller(who: Caller) -> None:
    """Say who calls, for the rest of the current task."""
    _current.set(who)


@contextlib.contextmanager
def acting_as(who: Caller) -> Iterator[None]:
    """Say who calls for the time of a block, where a servicer is called without a server."""
    token = _current.set(who)
    try:
        yield
    finally:
        _current.reset(token)
