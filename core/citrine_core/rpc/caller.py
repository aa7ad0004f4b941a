"""The caller of the current rpc, as the access check identified it."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc

from citrine_core.errors import PermissionDenied, Unauthenticated
from citrine_core.rpc.roles import ALL_SCOPES

__all__ = [
    "SUBJECT",
    "Caller",
    "acting_as",
    "caller",
    "current_caller",
    "current_tenant",
    "is_key",
    "set_caller",
    "system_caller",
]


SUBJECT = "oidc:"
"""Before the subject of a token in the id of its caller."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of an rpc, and the tenant it acts on."""

    tenant_id: str
    """Tenant that the call acts on: the tenant of the key, or the one that an operator chose."""
    name: str
    """Display name of the key; shown with commands."""
    is_operator: bool = False
    """True for the operator of all tenants."""
    scopes: frozenset[str] = frozenset({ALL_SCOPES})
    """All that it has, those of its roles included."""
    roles: frozenset[str] = frozenset()
    key_id: str = ""
    """Id of the API key, or "oidc:" and the subject of a token. Empty: the core itself calls."""
    expire_time: datetime | None = None
    """When the credential expires. None: it does not."""
    credential: str = "key"
    """What the credential is called in messages."""

    def has_scope(self, scope: str) -> bool:
        """Return whether the caller has a scope."""
        return ALL_SCOPES in self.scopes or scope in self.scopes

    def check_scope(self, scope: str) -> None:
        """Refuse a caller that lacks a scope.

        Raises:
            PermissionDenied: When the caller lacks it.
        """
        if not self.has_scope(scope):
            raise PermissionDenied(f"the {self.credential} lacks the scope {scope}")


def is_key(caller_id: str) -> bool:
    """Return whether the id of a caller is that of an API key: of no token's subject, and not of the core itself."""
    return bool(caller_id) and not caller_id.startswith(SUBJECT)


# Each rpc runs in a task of its own, which has a context of its own.
_current: ContextVar[Caller] = ContextVar("citrine_caller")


def caller(context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
    """Return the caller of the current rpc.

    Raises:
        Unauthenticated: Outside an rpc whose access was checked.
    """
    found = _current.get(None)
    if found is None:
        raise Unauthenticated("the caller is not known")
    return found


def current_caller() -> Caller | None:
    """Return the caller of the current rpc, or None if no caller was identified."""
    return _current.get(None)


def current_tenant() -> str:
    """Return the tenant that the current rpc acts on; empty outside of one."""
    who = _current.get(None)
    return "" if who is None else who.tenant_id


def system_caller(tenant_id: str, name: str) -> Caller:
    """Return a caller that stands for the core itself, which sends a command for the reason in its name."""
    return Caller(tenant_id, name)


def set_caller(who: Caller) -> None:
    """Set the caller for the rest of the current task."""
    _current.set(who)


@contextlib.contextmanager
def acting_as(who: Caller) -> Iterator[None]:
    """Set the caller within a block, for calls of a servicer without a server."""
    token = _current.set(who)
    try:
        yield
    finally:
        _current.reset(token)
