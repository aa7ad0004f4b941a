"""Functional block C, Authorization: whether a token may charge.

The tokens themselves are a resource (`citrine_core.resources.tokens`); this block has no tables.
"""

from citrine_core.blocks.authorization.handlers import AuthorizationHandlers
from citrine_core.blocks.authorization.rules import KnownTokens, find_tokens, id_token_info
from citrine_core.blocks.authorization.servicer import AuthorizationServicer

__all__ = ["AuthorizationHandlers", "AuthorizationServicer", "KnownTokens", "find_tokens", "id_token_info"]
