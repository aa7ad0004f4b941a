"""Tokens: the cards, apps and contracts that identify drivers."""

from citrine_core.resources.tokens.checks import check_presented
from citrine_core.resources.tokens.filters import TokenFilter
from citrine_core.resources.tokens.formats import (
    NO_AUTHORIZATION,
    TYPES,
    format_problem,
    lookup_of,
    lookups_of,
    same_spelling,
    type_of,
)
from citrine_core.resources.tokens.models import Token
from citrine_core.resources.tokens.removal import delete_token
from citrine_core.resources.tokens.repository import TokenKey, TokenRepository
from citrine_core.resources.tokens.servicer import TokensServicer
from citrine_core.resources.tokens.suspensions import find_suspended

__all__ = [
    "NO_AUTHORIZATION",
    "TYPES",
    "Token",
    "TokenFilter",
    "TokenKey",
    "TokenRepository",
    "TokensServicer",
    "check_presented",
    "delete_token",
    "find_suspended",
    "format_problem",
    "lookup_of",
    "lookups_of",
    "same_spelling",
    "type_of",
]
