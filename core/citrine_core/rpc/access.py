"""Who may call what: authentication, scopes from the contract, the choice of the tenant."""

import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from google.protobuf import descriptor_pool

from citrine.api.v1 import access_pb2
from citrine_core.errors import NotFound, PermissionDenied, Unauthenticated
from citrine_core.ids import DEFAULT_TENANT
from citrine_core.rpc.caller import Caller

__all__ = ["PUBLIC_SERVICES", "Access", "Authenticator", "Identity", "bearer_token", "rule_of", "scopes_of"]

logger = logging.getLogger(__name__)

AUTHORIZATION = "authorization"
"""Metadata key of the credential: "Bearer ..."."""

TENANT = "citrine-tenant"
"""Metadata key by which an operator chooses a tenant."""

EDGE_LINK = "citrine.edge.v1.EdgeLinkService"
"""The service that has a credential of its own."""

PUBLIC_SERVICES = frozenset(
    {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
)
"""Services that need no credential: they tell nothing that the published contract does not."""

WARNING_INTERVAL = 60.0
"""Seconds in which refused edges are only counted."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a credential belongs to, and what it allows."""

    name: str
    """For people."""
    tenant_id: str | None
    """None: the operator of all tenants."""
    scopes: frozenset[str]
    key_id: str = ""
    expire_time: datetime | None = None


class Authenticator(Protocol):
    """One way to tell who calls: API keys now; tokens of an OIDC provider and client certificates fit beside it."""

    async def authenticate(self, metadata: Mapping[str, str]) -> Identity | None:
        """Return whom the credential in the metadata belongs to, or None where there is none that is valid here.

        Raises:
            Unauthenticated: When it was valid once; who presents it learns why it is not any more.
            DatabaseUnavailable: When it can't be found out now.
        """
        ...


class Access:
    """Decides on each rpc before its servicer sees it.

    Args:
        authenticators: Asked in order; the first that knows the caller wins.
        tenant_exists: Tells whether there is a tenant of this id.
        edge_credential: What edges must know. None: no edge is let in.
        now: Returns seconds that never go back.
    """

    def __init__(
        self,
        authenticators: Sequence[Authenticator],
        tenant_exists: Callable[[str], Awaitable[bool]],
        edge_credential: str | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authenticators = authenticators
        self._tenant_exists = tenant_exists
        self._edge_credential = edge_credential
        self._now = now
        self._refused_edges = 0
        self._next_warning = float("-inf")

    async def check(self, method: str, metadata: Mapping[str, str]) -> Caller | None:
        """Return who calls; None for what needs no caller: the public services and the link of an edge.

        Args:
            method: Path of the rpc, "/package.Service/Method".
            metadata: Of the call; of a key given twice the first value.

        Raises:
            Unauthenticated: When there is no valid credential.
            PermissionDenied: When it does not allow this rpc on this tenant.
            NotFound: When an operator chooses a tenant that does not exist.
            DatabaseUnavailable: When it can't be found out now.
        """
        service = method[1:].partition("/")[0]
        if service in PUBLIC_SERVICES:
            return None
        if service == EDGE_LINK:
            self._check_edge(metadata)
            return None
        identity = await self._identify(metadata)
        rule = rule_of(method)
        if rule is None or not rule.scope:
            raise PermissionDenied("this method declares no access and can't be called")
        caller = await self._on_tenant(identity, metadata.get(TENANT))
        if rule.operator_only and not caller.is_operator:
            raise PermissionDenied("only the operator of all tenants may do this")
        if not caller.has_scope(rule.scope):
            raise PermissionDenied(f"the key lacks the scope {rule.scope}")
        return caller

    def _check_edge(self, metadata: Mapping[str, str]) -> None:
        given = bearer_token(metadata)
        wanted = self._edge_credential
        # Compared in constant time: how long it takes must not tell how much of a guess was right.
        if not wanted or given is None or not hmac.compare_digest(given.encode(), wanted.encode()):
            self._warn_of_edge()
            raise Unauthenticated("the credential of the edge link is missing or wrong")

    def _warn_of_edge(self) -> None:
        # It tries again and again, and may have company.
        self._refused_edges += 1
        if self._now() >= self._next_warning:
            logger.warning(
                "an edge was refused: CITRINE_EDGE_CREDENTIAL_FILE must hold the same there and here",
                extra={"attempts": self._refused_edges},
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

    async def _on_tenant(self, identity: Identity, chosen: str | None) -> Caller:
        if identity.tenant_id is not None:
            if chosen is not None and chosen != identity.tenant_id:
                raise PermissionDenied("the key is of another tenant")
            tenant_id = identity.tenant_id
        else:
            tenant_id = chosen or DEFAULT_TENANT
            if not await self._tenant_exists(tenant_id):
                raise NotFound("tenant", tenant_id)
        return Caller(
            tenant_id=tenant_id,
            name=identity.name,
            is_operator=identity.tenant_id is None,
            scopes=identity.scopes,
            key_id=identity.key_id,
            expire_time=identity.expire_time,
        )


def bearer_token(metadata: Mapping[str, str]) -> str | None:
    """Return the bearer token of the metadata, or None where there is none."""
    scheme, _, token = metadata.get(AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def rule_of(method: str) -> access_pb2.Access | None:
    """Return what the contract says of the access to an rpc, or None where it says nothing.

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


def scopes_of(service_names: Iterable[str]) -> frozenset[str]:
    """Return the scopes that the methods of some services need."""
    pool = descriptor_pool.Default()
    paths = [f"/{name}/{method.name}" for name in service_names for method in pool.FindServiceByName(name).methods]
    return frozenset(rule.scope for rule in map(rule_of, paths) if rule is not None and rule.scope)
