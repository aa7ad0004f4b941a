"""Functional block C, Authorization: whether a token may charge.

The tokens themselves are a resource (`citrine_core.resources.tokens`).
"""

from datetime import timedelta
from functools import partial

from citrine.api.v1 import authorization_pb2_grpc
from citrine_core.blocks.authorization.authorizer import AuthorizationInquirer
from citrine_core.blocks.authorization.decisions import Authorizations, Decision, read_facts
from citrine_core.blocks.authorization.directory import SettingsDirectory
from citrine_core.blocks.authorization.handlers import AuthorizationHandlers
from citrine_core.blocks.authorization.records.storing import record_decisions
from citrine_core.blocks.authorization.repository import AUTHORIZER_CREDENTIALS
from citrine_core.blocks.authorization.rules import Facts, Presented, Purpose, decide_known, decide_unknown
from citrine_core.blocks.authorization.servicer import AuthorizationServicer
from citrine_core.blocks.authorization.untyped_tokens import name_types
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.services import Services

__all__ = [
    "AuthorizationHandlers",
    "AuthorizationServicer",
    "Authorizations",
    "Decision",
    "Facts",
    "Presented",
    "Purpose",
    "SettingsDirectory",
    "block",
    "decide_known",
    "decide_unknown",
    "name_types",
    "read_facts",
    "record_decisions",
]

REFRESH = timedelta(seconds=30)
"""Interval at which settings are read again: how late, at most, a change by another core applies here."""


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    return Block(
        "authorization",
        [AuthorizationHandlers(services)],
        [partial(authorization_pb2_grpc.add_AuthorizationServiceServicer_to_server, AuthorizationServicer(services))],
        ["citrine.api.v1.AuthorizationService"],
        jobs=[Job("authorization settings", REFRESH, SettingsDirectory.of(services).refresh, at_start=True)],
        secrets=[AUTHORIZER_CREDENTIALS],
        inquirers=[AuthorizationInquirer(services)],
    )
