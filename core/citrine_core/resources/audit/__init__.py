"""The audit: who did what to which object from where, in records that can't be changed without it showing."""

from functools import partial

from citrine.api.v1 import audit_pb2_grpc
from citrine_core.dispatch import Block
from citrine_core.resources.audit.log import AuditLog
from citrine_core.resources.audit.repository import AuditRepository
from citrine_core.resources.audit.servicer import AuditServicer
from citrine_core.services import Services

__all__ = ["AuditLog", "AuditRepository", "AuditServicer", "block"]


def block(services: Services) -> Block:
    """Return the resource, composed in the form of a block."""
    return Block(
        "audit",
        add_servicers=[partial(audit_pb2_grpc.add_AuditServiceServicer_to_server, AuditServicer(services))],
        service_names=["citrine.api.v1.AuditService"],
        jobs=[AuditLog.of(services).job],
    )
