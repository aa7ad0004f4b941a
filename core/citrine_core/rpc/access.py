"""Who may call what: authentication, scopes from the contract, the choice of the tenant."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from citrine.api.v1 import access_pb2
from citrine_core.errors import NotFound, PermissionDenied, Unauthenticated
from citrine_core.ids import DEFAULT_TENANT
from citrine_core.rpc.caller import Caller, set_caller
from citrine_core.rpc.edge_peer import EdgePeer, set_edge
from citrine_core.rpc.roles import allowed

__all__ = [
    "PUBLIC_SERVICES",
    "Access",
    "Authenticator",
    "Identity",
    "bearer_token",
    "rule_of",
    "scopes_by_rpc",
    "scopes_of",
]

logger = logging.getLogger(__name__)

AUTHORIZATION = "authorization"
"""Metadata key of the credential: "Bearer ..."."""

TENANT = "citrine-tenant"
"""Metadata key by which an operator chooses a tenant."""

READS = ":read"
"""End of the scopes that change nothing."""

ERASES = "persons:write"
"""Scope that erases persons, also from what is left of a removed tenant."""

EDGE_LINK = "citrine.edge.v1.EdgeLinkService"
"""The service that has a credential of its own."""

PUBLIC_SERVICES = frozenset(
    {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
)
"""Services that need no credential: they reveal nothing beyond the published contract."""

WARNING_INTERVAL = 60.0
"""Seconds between warnings about refused edges; refusals between them are only counted."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The owner of a credential, and what it allows."""

    name: str
    """Display name, for people."""
    tenant_id: str | None
    """Tenant of the credential. None: the operator of all tenants."""
    scopes: frozenset[str]
    """As they are stored, or named by the token; see `allowed`."""
    roles: frozenset[str] = frozenset()
    """The roles that it has here."""
    key_id: str = ""
    """Id of the API key, or "oidc:" and the subject of a token."""
    expire_time: datetime | None = None
    credential: str = "key"
    """What the credential is called in messages."""


class Authenticator(Protocol):
    """One way to identify callers: by API keys, or by tokens of an OpenID Connect provider."""

    async def authenticate(self, metadata: Mapping[str, str]) -> Identity | None:
        """Return the owner of the credential in the metadata, or None if there is none that is valid here.

        Raises:
            Unauthenticated: When the credential is of this kind and not valid; the error says why. An API key with
                a wrong secret is none of any kind.
            DatabaseUnavailable: When the credential can't be checked now.
        """
        ...


IdentifyEdge = Callable[[Mapping[str, str], bytes | None], Awaitable[EdgePeer]]
"""`await identify_edge(metadata, certificate)` returns the edge, or raises Unauthenticated."""


class Access:
    """Decides on each rpc before its servicer sees it.

    Args:
        authenticators: Asked in order; the first that identifies the caller decides.
        tenant_exists: Returns whether a tenant with this id exists.
        identify_edge: Identifies the edge that opens a link. None: all edges are refused.
        now: A monotonic clock, in seconds.
        tenant_was_removed: Returns whether a tenant with this id existed, of which an operator may read what is
            left, and erase persons from it.
    """

    def __init__(
        self,
        authenticators: Sequence[Authenticator],
        tenant_exists: Callable[[str], Awaitable[bool]],
        identify_edge: IdentifyEdge | None = None,
        now: Callable[[], float] = time.monotonic,
        tenant_was_removed: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        self._authenticators = authenticators
        self._tenant_exists = tenant_exists
        self._identify_edge = identify_edge
        self._tenant_was_removed = tenant_was_removed
        self._now = now
        self._refused_edges = 0
        self._next_warning = float("-inf")

    async def check(self, method: str, metadata: Mapping[str, str], certificate: bytes | None = None) -> Caller | None:
        """Return the caller of an rpc; None for the public services and the link of an edge, which need no caller.

        Args:
            method: Path of the rpc, "/package.Service/Method".
            metadata: Metadata of the call; the first value of each key.
            certificate: The caller's certificate in PEM, verified by TLS. None: it presented none, or is no edge.

        Raises:
            Unauthenticated: When there is no valid credential.
            PermissionDenied: When the credential does not allow this rpc on this tenant.
            NotFound: When an operator chooses a tenant that does not exist.
            DatabaseUnavailable: When the credential or the tenant can't be checked now.
        """
        service = method[1:].partition("/")[0]
        if service in PUBLIC_SERVICES:
            return None
        if service == EDGE_LINK:
            await self._check_edge(metadata, certificate)
            return None
        identity = await self._identify(metadata)
        # Also of one who is denied this, the audit says who it was.
        set_caller(_caller(identity, identity.tenant_id or metadata.get(TENANT) or DEFAULT_TENANT))
        rule = rule_of(method)
        if rule is None or not (rule.scope or rule.any_caller):
            raise PermissionDenied("this method declares no access and can't be called")
        caller = await self._on_tenant(identity, metadata.get(TENANT), rule)
        if rule.operator_only and not caller.is_operator:
            raise PermissionDenied("only the operator of all tenants may do this")
        if rule.scope:
            caller.check_scope(rule.scope)
        return caller

    async def _check_edge(self, metadata: Mapping[str, str], certificate: bytes | None) -> None:
        try:
            if self._identify_edge is None:
                raise Unauthenticated("no edge is let in here")
            set_edge(await self._identify_edge(metadata, certificate))
        except Unauthenticated as error:
            self._warn_of_edge(str(error))
            raise

    def _warn_of_edge(self, reason: str) -> None:
        # A refused edge retries for ever, and there may be several: warn once an interval.
        self._refused_edges += 1
        if self._now() >= self._next_warning:
            logger.warning(
                "an edge was refused: it needs the same CITRINE_EDGE_CREDENTIAL_FILE as the cores, or one of its own",
                extra={"attempts": self._refused_edges, "reason": reason},
            )
            self._refused_edges, self._next_warning = 0, self._now() + WARNING_INTERVAL

    async def _identify(self, metadata: Mapping[str, str]) -> Identity:
        for authenticator in self._authenticators:
            identity = await authenticator.authenticate(metadata)
            if identity is not None:
                return identity
        if AUTHORIZATION in metadata:
            raise Unauthenticated("the API key is not valid")
        raise Unauthenticated('an API key is needed in the metadata key "authorization" ("Bearer KEY")')

    async def _on_tenant(self, identity: Identity, chosen: str | None, rule: access_pb2.Access) -> Caller:
        if identity.tenant_id is not None:
            if chosen is not None and chosen != identity.tenant_id:
                raise PermissionDenied(f"the {identity.credential} is of another tenant")
            tenant_id = identity.tenant_id
        else:
            tenant_id = chosen or DEFAULT_TENANT
            if not await self._tenant_exists(tenant_id) and not await self._may_reach_removed(tenant_id, rule):
                raise NotFound("tenant", tenant_id)
        return _caller(identity, tenant_id)

    async def _may_reach_removed(self, tenant_id: str, rule: access_pb2.Access) -> bool:
        if self._tenant_was_removed is None or not (rule.scope.endswith(READS) or rule.scope == ERASES):
            return False
        return await self._tenant_was_removed(tenant_id)


def _caller(identity: Identity, tenant_id: str) -> Caller:
    return Caller(
        tenant_id=tenant_id,
        name=identity.name,
        is_operator=identity.tenant_id is None,
        scopes=allowed(identity.scopes, identity.roles),
        roles=identity.roles,
        key_id=identity.key_id,
        expire_time=identity.expire_time,
        credential=identity.credential,
    )


def bearer_token(metadata: Mapping[str, str]) -> str | None:
    """Return the bearer token in the metadata, or None if there is none."""
    scheme, _, token = metadata.get(AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def rule_of(method: str) -> access_pb2.Access | None:
    """Return the access rule of an rpc in the contract, or None if it has none.

    Args:
        method: Path of the rpc, "/package.Service/Method".
    """
    service, _, name = method[1:].partition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
    except KeyError:
        return None
    options = found.GetOptions() if found is not None else None
    if options is None or not options.HasExtension(access_pb2.access):
        return None
    return options.Extensions[access_pb2.access]


def response_class(method: str) -> type[Message]:
    """Return the class of the responses of a method of the contract."""
    service, _, name = method[1:].partition("/")
    found = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
    return GetMessageClass(found.output_type)


def scopes_of(service_names: Iterable[str]) -> frozenset[str]:
    """Return the scopes that the methods of some services need."""
    rules = [rule for _, rule in _declared(service_names)]
    return frozenset(scope for rule in rules for scope in (rule.scope, *rule.also))


def scopes_by_rpc(service_names: Iterable[str]) -> dict[str, str]:
    """Return the scope that each method of some services needs, by the name of the method."""
    return {name: rule.scope for name, rule in _declared(service_names)}


def _declared(service_names: Iterable[str]) -> Iterator[tuple[str, access_pb2.Access]]:
    """Yield methods of services by name, each with its access rule."""
    for service in service_names:
        yield from _declared_by(service)


@cache
def _declared_by(service: str) -> tuple[tuple[str, access_pb2.Access], ...]:
    names = [method.name for method in descriptor_pool.Default().FindServiceByName(service).methods]
    rules = [(name, rule_of(f"/{service}/{name}")) for name in names]
    return tuple((name, rule) for name, rule in rules if rule is not None and rule.scope)
