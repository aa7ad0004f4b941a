"""Connections: which station is connected, by which edge and epoch; and the edges."""

from citrine_core.resources.connections.models import Connection, ConnectionRecord, Edge
from citrine_core.resources.connections.records import ConnectionRecords
from citrine_core.resources.connections.repository import (
    ClosedSession,
    ConnectionRepository,
    EdgeRepository,
    GrantedSession,
    SessionState,
    current_epochs,
    newest_sessions,
    newest_sessions_beside,
)
from citrine_core.resources.connections.servicer import VERSIONS, ConnectionsServicer

__all__ = [
    "VERSIONS",
    "ClosedSession",
    "Connection",
    "ConnectionRecord",
    "ConnectionRecords",
    "ConnectionRepository",
    "ConnectionsServicer",
    "Edge",
    "EdgeRepository",
    "GrantedSession",
    "SessionState",
    "current_epochs",
    "newest_sessions",
    "newest_sessions_beside",
]
