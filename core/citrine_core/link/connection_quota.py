"""The quota of connections: stations that may not connect, because as many of their tenant are as it may have."""

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeAlias

from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Item
from citrine_core.link.refused_stations import RefusedStations
from citrine_core.resources.connections.queries import count_connected

__all__ = ["ConnectionQuota", "ConnectionQuotaOf"]

ConnectionQuotaOf = Callable[[str], int | None]
"""`quota_of(tenant_id)` returns how many stations of a tenant may be connected; None: any number."""

Key: TypeAlias = tuple[str, str]
"""Tenant and station."""


class ConnectionQuota:
    """Finds and records the handshakes that exceed the quota of their tenant.

    Args:
        quota_of: Returns the quota of a tenant.
        refusals: Records refused stations and reasons.
    """

    def __init__(self, quota_of: ConnectionQuotaOf, refusals: RefusedStations) -> None:
        self._quota_of = quota_of
        self._refusals = refusals

    async def find_exceeding(
        self, work: UnitOfWork, keys: Collection[Key], connected: Collection[Key], now: datetime
    ) -> set[Key]:
        """Return those of the stations that may not connect.

        Args:
            work: The unit of work that would admit them.
            keys: The stations.
            connected: Those of them that are connected, and would replace their connection.
            now: The current time.
        """
        new: dict[str, list[Key]] = defaultdict(list)
        for key in keys:
            if key not in connected and self._quota_of(key[0]) is not None:
                new[key[0]].append(key)
        if not new:
            return set()
        counts = await count_connected(work.session, list(new), now)
        exceeding: set[Key] = set()
        for tenant_id, group in new.items():
            exceeding.update(group[max(0, (self._quota_of(tenant_id) or 0) - counts[tenant_id]) :])
        return exceeding

    def record(self, item: Item) -> None:
        """Record a refused handshake, so that operators see the reason."""
        address = item.content.remote_address
        self._refusals.add(item.tenant_id, item.station_id, HandshakeRefusal.REASON_QUOTA, address)
