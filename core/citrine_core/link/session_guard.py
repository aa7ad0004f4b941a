"""Reports of edges on sessions that another edge holds: they have no effect, and leave a trace."""

import logging
import time
from collections.abc import Callable

__all__ = ["SessionGuard"]

logger = logging.getLogger(__name__)

WARNING_INTERVAL = 60.0
"""Seconds between warnings about one edge; what it reports in between is only counted."""

MOST_EDGES = 1000
"""Most edges whose last warning is remembered."""


class SessionGuard:
    """Counts what edges say of sessions that they do not hold, and logs it once a minute for each edge.

    No edge of ours does that: whatever belongs to a session came by the edge that asked for its admission. So it is a
    defect, or somebody who has the credential of an edge and speaks for the stations of another.

    Args:
        observe: Called with the kind of each report.
        now: A monotonic clock, in seconds.
    """

    def __init__(self, observe: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._observe = observe
        self._now = now
        self._next_warnings: dict[str, float] = {}

    def refused(self, edge_id: str, kind: str, tenant_id: str, station_id: str) -> None:
        """Record a report that has no effect.

        Args:
            edge_id: The edge that sent it.
            kind: The field of Upstream: "call", "closed".
            tenant_id: Tenant of the session.
            station_id: Station of the session.
        """
        self._observe(kind)
        now = self._now()
        if self._next_warnings.get(edge_id, now) > now:
            return
        self._next_warnings.pop(edge_id, None)
        self._next_warnings[edge_id] = now + WARNING_INTERVAL
        if len(self._next_warnings) > MOST_EDGES:
            del self._next_warnings[next(iter(self._next_warnings))]
        about = {"edge_id": edge_id, "kind": kind, "tenant_id": tenant_id, "station_id": station_id}
        logger.warning("an edge speaks for a session that another edge holds; it is not believed", extra=about)
