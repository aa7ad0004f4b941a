"""Functional block A, Security: the security events that stations report."""

from citrine_core.blocks.security.handlers import SecurityHandlers
from citrine_core.blocks.security.models import SecurityEvent
from citrine_core.blocks.security.repository import SecurityEventRepository
from citrine_core.blocks.security.servicer import SecurityServicer

__all__ = ["SecurityEvent", "SecurityEventRepository", "SecurityHandlers", "SecurityServicer"]
