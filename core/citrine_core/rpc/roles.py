"""Roles and what they may do, and the scopes that include others.

A credential stores names. They become scopes with each call, so that a role has at once what a later release gives it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

__all__ = ["ALL_SCOPES", "FOR_ADMINS", "INCLUDED", "ROLES", "Role", "allowed"]

ALL_SCOPES = "*"
"""The scope that includes all others."""


@dataclass(frozen=True, slots=True)
class Role:
    """Scopes that go together."""

    name: str
    description: str
    scopes: frozenset[str]


def _scopes(text: str) -> frozenset[str]:
    """Return the scopes of a text like "stations:read|write tokens:read"."""
    named = (word.partition(":") for word in text.split())
    return frozenset(f"{subject}:{verb}" for subject, _, verbs in named for verb in verbs.split("|"))


INCLUDED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # It was the scope of all rpcs that have a station do something, and is the same set for ever.
        "commands:send": _scopes(
            "authorization:send availability:send calls:native|send certificates:send commands:write customers:send"
            " datatransfer:send diagnostics:send displays:send firmware:send locallists:send networkprofiles:send"
            " profiles:send remotecontrol:start|stop|trigger|unlock reservations:send resets:send"
            " securityprofiles:send tariffs:send transactions:send variables:send"
        ),
        "messages:read": _scopes("displays:read"),
        "stations:read": _scopes(
            "availability:read datatransfer:read diagnostics:read networkprofiles:read resets:read security:read"
            " securityprofiles:read"
        ),
        "stations:write": _scopes("diagnostics:write"),
        "transactions:read": _scopes("costs:read metervalues:read remotecontrol:read"),
        "transactions:write": _scopes("costs:write"),
    }
)
"""Scopes by the scope that includes them. Old keys and tokens may do what they could before a scope was divided."""

_VIEWER = _scopes(
    "authorization:read certificates:read commands:read configurations:read connections:read displays:read events:read"
    " firmware:read locallists:read locations:read operations:read profiles:read records:read refusals:read"
    " reports:read reservations:read stations:read statistics:read tariffs:read tokens:read transactions:read"
    " variables:read"
)

_OPERATOR = _VIEWER | _scopes(
    "authorization:send availability:send calls:send commands:write connections:write datatransfer:send displays:send"
    " locallists:send|write locations:write operations:send profiles:send|write remotecontrol:start|stop|trigger|unlock"
    " reservations:send resets:send stations:write tariffs:send tokens:write transactions:send|write"
)

_TECHNICIAN = _scopes(
    "authorization:read|send availability:send calls:send certificates:read|send commands:read|write"
    " configurations:read|write connections:read|write datatransfer:send diagnostics:send displays:read|send"
    " events:read firmware:read|send|write locallists:read|send locations:read messages:read networkprofiles:send"
    " operations:read|send"
    " profiles:read|send refusals:read|write remotecontrol:start|stop|trigger|unlock reports:read"
    " reservations:read|send resets:send securityprofiles:send stations:read|write statistics:read"
    " transactions:read|send variables:read|send"
)

_ROAMING = _scopes(
    "availability:read commands:read events:read locations:read profiles:read|send records:read"
    " remotecontrol:start|stop|unlock reservations:read|send tariffs:read tokens:read|write transactions:read"
)

_BILLING = _scopes(
    "events:read locations:read records:read reservations:read statistics:read tariffs:read|write tokens:read"
    " transactions:read|write"
)

ROLES: Mapping[str, Role] = MappingProxyType(
    {
        role.name: role
        for role in (
            Role("viewer", "Sees what there is, but keys, the audit and raw messages.", _VIEWER),
            Role("operator", "Runs stations, transactions and tokens from day to day.", _OPERATOR),
            Role("technician", "Configures, repairs and updates stations.", _TECHNICIAN),
            Role("roaming", "Connects partners: locations, tokens, start and stop, reservations, records.", _ROAMING),
            Role("billing", "Decides on tariffs and costs, settles, and reads charge records.", _BILLING),
            Role("admin", "Everything of the tenant.", frozenset({ALL_SCOPES})),
        )
    }
)
"""The roles by name."""

FOR_ADMINS = _scopes(
    "audit:read authorization:write calls:native certificates:write customers:send edges:read|write keys:read|write"
    " persons:read|write securityprofiles:write tenants:read|write"
)
"""Scopes that no role but admin has."""


@lru_cache(maxsize=1024)
def allowed(scopes: frozenset[str], roles: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return all scopes that scopes and roles give. Names that are no role give none."""
    given = scopes.union(*_of_roles(roles))
    return given.union(*(INCLUDED.get(scope, frozenset()) for scope in given))


def _of_roles(roles: Iterable[str]) -> Iterable[frozenset[str]]:
    return (ROLES[role].scopes for role in roles if role in ROLES)
