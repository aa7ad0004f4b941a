"""What others may ask of the connections: whether a station is connected."""

from typing import Any

from sqlalchemy import ColumnElement, exists

from citrine_core.resources.connections.models import Connection

__all__ = ["is_connected"]


def is_connected(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that a station is connected.

    Args:
        tenant_id: Column or value.
        station_id: Column or value.
    """
    return exists().where(
        Connection.tenant_id == tenant_id, Connection.station_id == station_id, Connection.is_open.is_(True)
    )
