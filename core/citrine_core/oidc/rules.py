"""What tokens must be, and what their claims mean: the settings of OpenID Connect, checked."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from citrine_core.config import CoreSettings
from citrine_core.rpc.roles import ALL_SCOPES, ROLES
from citrine_process.settings import InvalidSetting

__all__ = ["ALGORITHMS", "TokenRules", "is_safe_url", "printable"]

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signature algorithms that may be allowed. None has a shared secret: whoever verifies could sign with it."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Which tokens are accepted, and what their claims mean."""

    issuer: str
    audience: str
    algorithms: frozenset[str]
    jwks_url: str
    """Empty: the provider's discovery document tells it."""
    tenant_claim: str
    roles_claim: str
    name_claim: str
    roles: Mapping[str, frozenset[str]]
    """Scopes and roles of Citrine by role of the provider. Empty: the roles of a token are scopes themselves."""
    operator_role: str
    """Role that makes an operator of all tenants. Empty: no token is one of an operator."""

    @classmethod
    def of(cls, settings: CoreSettings) -> Self | None:
        """Return the rules that settings describe; None if tokens are not accepted.

        Raises:
            InvalidSetting: When one of the settings has no meaning.
        """
        if not settings.oidc_issuer:
            return None
        if not settings.oidc_audience:
            raise InvalidSetting("oidc_audience: is needed with oidc_issuer")
        algorithms = frozenset(settings.oidc_algorithms.replace(",", " ").split())
        if not algorithms or algorithms - ALGORITHMS:
            raise InvalidSetting(f"oidc_algorithms: must be some of {', '.join(sorted(ALGORITHMS))}")
        _check_url("oidc_issuer", settings.oidc_issuer)
        if settings.oidc_jwks_url:
            _check_url("oidc_jwks_url", settings.oidc_jwks_url)
        return cls(
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            algorithms=algorithms,
            jwks_url=settings.oidc_jwks_url,
            tenant_claim=settings.oidc_tenant_claim,
            roles_claim=settings.oidc_roles_claim,
            name_claim=settings.oidc_name_claim,
            roles=_roles(settings.oidc_roles),
            operator_role=settings.oidc_operator_role,
        )

    def tenant_of(self, claims: Mapping[str, Any]) -> str | None:
        """Return the tenant that a token is for, or None if it names none."""
        found = _claim(claims, self.tenant_claim)
        return found if isinstance(found, str) and found else None

    def roles_of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Return the roles that a token names."""
        found = _claim(claims, self.roles_claim)
        if isinstance(found, str):
            return frozenset(found.split())
        return frozenset(role for role in found if isinstance(role, str)) if isinstance(found, list) else frozenset()

    def scopes_of(self, roles: frozenset[str]) -> frozenset[str]:
        """Return the scopes that roles of the provider give beside those of roles of Citrine."""
        return self._given(roles) - frozenset(ROLES)

    def granted_roles(self, roles: frozenset[str]) -> frozenset[str]:
        """Return the roles of Citrine that roles of the provider give: none, unless the setting says so."""
        return self._given(roles) & frozenset(ROLES) if self.roles else frozenset()

    def _given(self, roles: frozenset[str]) -> frozenset[str]:
        return frozenset().union(*(self.roles.get(role, frozenset()) for role in roles)) if self.roles else roles

    def name_of(self, claims: Mapping[str, Any]) -> str:
        """Return what people read of the owner of a token."""
        found = _claim(claims, self.name_claim)
        return printable(found)[:100] if isinstance(found, str) and found else printable(str(claims["sub"]))[:100]


def printable(text: str) -> str:
    """Return a text of a token without what can't be shown, or stored."""
    return "".join(letter for letter in text if letter.isprintable())


def is_safe_url(url: str) -> bool:
    """Return whether what is read from a URL can't be changed on the way: by TLS, or because it does not leave here."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        is_local = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        is_local = False
    return parts.scheme == "http" and is_local


def _check_url(name: str, url: str) -> None:
    if not is_safe_url(url):
        raise InvalidSetting(f"{name}: must be an https URL, or an http URL of this machine")


def _roles(text: str) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for entry in filter(None, map(str.strip, text.split(";"))):
        role, equals, scopes = entry.partition("=")
        if not equals or not role.strip() or not scopes.split():
            raise InvalidSetting('oidc_roles: must be like "dispatcher=operator records:read; chief=admin"')
        for word in scopes.split():
            if ":" not in word and word != ALL_SCOPES and word not in ROLES:
                raise InvalidSetting(f"oidc_roles: {word} is no scope and no role; roles are {', '.join(ROLES)}")
        found[role.strip()] = frozenset(scopes.split())
    return found


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim. Its name may be a path, as "realm_access.roles", but names with points come first."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
