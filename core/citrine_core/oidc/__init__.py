"""Callers with bearer tokens of an OpenID Connect provider: JWTs whose claims name tenant and roles."""

from citrine_core.oidc.authenticator import TokenAuthenticator
from citrine_core.oidc.issuer_keys import IssuerKeys
from citrine_core.oidc.rules import TokenRules

__all__ = ["IssuerKeys", "TokenAuthenticator", "TokenRules"]
