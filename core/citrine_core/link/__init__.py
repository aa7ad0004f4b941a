"""The core's side of links to edges: streams, admission, sessions and epochs, presence, health."""

from citrine_core.link.admission import Admission
from citrine_core.link.disconnector import Disconnector
from citrine_core.link.grants import Grant, GrantStage
from citrine_core.link.health import Health
from citrine_core.link.presence import Presence
from citrine_core.link.reconciliation import SessionReconciler
from citrine_core.link.refused_stations import RefusedStations
from citrine_core.link.registry import Link, LinkRegistry
from citrine_core.link.servicer import EdgeLinkServicer
from citrine_core.link.session_guard import SessionGuard
from citrine_core.link.sessions import (
    ClosedStage,
    OpenedStage,
    SessionOpener,
    end_session,
)
from citrine_core.link.watchdog import Watchdog

__all__ = [
    "Admission",
    "ClosedStage",
    "Disconnector",
    "EdgeLinkServicer",
    "Grant",
    "GrantStage",
    "Health",
    "Link",
    "LinkRegistry",
    "OpenedStage",
    "Presence",
    "RefusedStations",
    "SessionGuard",
    "SessionOpener",
    "SessionReconciler",
    "Watchdog",
    "end_session",
]
