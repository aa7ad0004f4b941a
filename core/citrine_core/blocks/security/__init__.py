"""Functional block A, Security: the security events that stations report."""

from functools import partial

from citrine.api.v1 import security_pb2_grpc
from citrine_core.blocks.security.handlers import SecurityHandlers
from citrine_core.blocks.security.models import SecurityEvent
from citrine_core.blocks.security.repository import SecurityEventRepository
from citrine_core.blocks.security.servicer import SecurityServicer
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = ["SecurityEvent", "SecurityEventRepository", "SecurityHandlers", "SecurityServicer", "block"]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    return Block(
        "security",
        [SecurityHandlers(services)],
        [partial(security_pb2_grpc.add_SecurityServiceServicer_to_server, SecurityServicer(services))],
        ["citrine.api.v1.SecurityService"],
    )
