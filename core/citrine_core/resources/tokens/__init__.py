"""Tokens: the cards, apps and contracts by which drivers are known."""

from citrine_core.resources.tokens.models import Token
from citrine_core.resources.tokens.repository import TokenKey, TokenRepository, lookup_of, type_of
from citrine_core.resources.tokens.servicer import TokensServicer

__all__ = ["Token", "TokenKey", "TokenRepository", "TokensServicer", "lookup_of", "type_of"]
