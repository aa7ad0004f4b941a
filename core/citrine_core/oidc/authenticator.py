"""Identifies callers by the bearer token of an OpenID Connect provider in the metadata."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import jwt

from citrine_core.errors import PermissionDenied, Unauthenticated
from citrine_core.oidc.issuer_keys import IssuerKeys
from citrine_core.oidc.rules import TokenRules, printable
from citrine_core.rpc.access import Identity, bearer_token
from citrine_core.rpc.caller import SUBJECT

__all__ = ["TokenAuthenticator"]

LONGEST = 8192
"""Most characters of a token."""

LEEWAY = 30.0
"""Seconds by which the clocks of the provider and of this machine may differ."""

_REQUIRED = ["exp", "iss", "aud", "sub"]

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "has expired"),
    (jwt.ImmatureSignatureError, "is not valid yet"),
    (jwt.InvalidAudienceError, "is for another audience"),
    (jwt.InvalidIssuerError, "is of another issuer"),
    (jwt.MissingRequiredClaimError, "lacks one of the claims exp, iss, aud and sub"),
    (jwt.InvalidSignatureError, "has a wrong signature"),
)


class TokenAuthenticator:
    """Authenticates callers by JWTs, and makes tenant and scopes of their claims.

    Args:
        rules: Which tokens are accepted, and what their claims mean.
        keys: The keys of their issuer.
        tenant_exists: Returns whether a tenant with this id exists.
    """

    def __init__(self, rules: TokenRules, keys: IssuerKeys, tenant_exists: Callable[[str], Awaitable[bool]]) -> None:
        self._rules = rules
        self._keys = keys
        self._tenant_exists = tenant_exists

    async def authenticate(self, metadata: Mapping[str, str]) -> Identity | None:
        """Return the owner of the token, or None if there is no JWT.

        Raises:
            Unauthenticated: When the token is not valid; the error says why.
            PermissionDenied: When the token names no tenant that exists.
            IssuerUnavailable: When it can't be verified now.
            Overloaded: When it names a key that is not known, as those of too many other callers do.
            DatabaseUnavailable: When its tenant can't be read now.
        """
        token = bearer_token(metadata) or ""
        if token.count(".") != 2 or len(token) > LONGEST:
            return None
        claims = await self._verify(token)
        roles = self._rules.roles_of(claims)
        return Identity(
            name=self._rules.name_of(claims),
            tenant_id=await self._tenant(claims, roles),
            scopes=self._rules.scopes_of(roles),
            roles=self._rules.granted_roles(roles),
            key_id=f"{SUBJECT}{printable(claims['sub'])}"[:255],
            expire_time=datetime.fromtimestamp(claims["exp"], UTC),
            credential="token",
        )

    async def _verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Unauthenticated("the token is no JWT") from None
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._rules.algorithms:
            raise Unauthenticated("the token is signed by an algorithm that is not allowed here")
        key = await self._keys.find(str(header.get("kid", "")))
        if key is None or not key.fits(algorithm):
            raise Unauthenticated("the token is signed by a key that its issuer does not publish for it")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                leeway=LEEWAY,
                options={"require": _REQUIRED},
            )
        except jwt.PyJWTError as error:
            reason = next((words for kind, words in _REASONS if isinstance(error, kind)), "is not valid")
            raise Unauthenticated(f"the token {reason}") from None
        return claims

    async def _tenant(self, claims: Mapping[str, Any], roles: frozenset[str]) -> str | None:
        if self._rules.operator_role and self._rules.operator_role in roles:
            return None
        tenant_id = self._rules.tenant_of(claims)
        if tenant_id is None or not await self._tenant_exists(tenant_id):
            raise PermissionDenied(f"the token names no tenant of Citrine in its claim {self._rules.tenant_claim}")
        return tenant_id
