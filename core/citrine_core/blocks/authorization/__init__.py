"""Functional block C, Authorization: whether a token may charge.

The tokens themselves are a resource (`citrine_core.resources.tokens`); this block has no tables.
"""

from functools import partial

from citrine.api.v1 import authorization_pb2_grpc
from citrine_core.blocks.authorization.handlers import AuthorizationHandlers
from citrine_core.blocks.authorization.rules import KnownTokens, find_tokens, id_token_info
from citrine_core.blocks.authorization.servicer import AuthorizationServicer
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = ["AuthorizationHandlers", "AuthorizationServicer", "KnownTokens", "block", "find_tokens", "id_token_info"]


def block(services: Services) -> Block:
    """Return the block, put together."""
    return Block(
        "authorization",
        [AuthorizationHandlers(services)],
        [partial(authorization_pb2_grpc.add_AuthorizationServiceServicer_to_server, AuthorizationServicer(services))],
        ["citrine.api.v1.AuthorizationService"],
    )
