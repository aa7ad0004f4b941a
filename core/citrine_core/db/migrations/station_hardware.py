"""Fills the columns of what stations said of themselves at their last boot, for upgrade 50."""

from typing import Any

import sqlalchemy as sa

from citrine.ocpp.v2.provisioning_pb2 import ChargingStation

__all__ = ["OF_HARDWARE", "fill_stations"]

OF_HARDWARE = {"vendor_name": 50, "model": 20, "firmware_version": 50}
"""The columns, with their lengths."""

_AT_ONCE = 1000

_KEY = (sa.column("tenant_id", sa.String()), sa.column("station_id", sa.String()))

_STATIONS = sa.table("stations", *_KEY, sa.column("hardware"), *(sa.column(name) for name in OF_HARDWARE))

_EMPTY = (_STATIONS.c.hardware.is_not(None), _STATIONS.c.vendor_name.is_(None))

_PUT = (
    sa.update(_STATIONS)
    .where(*(column == sa.bindparam(f"of_{column.name}") for column in _KEY), *_EMPTY)
    .values({name: sa.bindparam(name) for name in OF_HARDWARE})
)


def fill_stations(connection: sa.Connection, after: tuple[str, str] = ("", "")) -> tuple[str, str] | None:
    """Fill the columns of the next stations behind a key that have none yet; return the last key, None at the end."""
    query = sa.select(*_KEY, _STATIONS.c.hardware).where(sa.tuple_(*_KEY) > after, *_EMPTY)
    rows = connection.execute(query.select_from(_STATIONS).order_by(*_KEY).limit(_AT_ONCE)).all()
    if not rows:
        return None
    connection.execute(_PUT, [_values(row) for row in rows])
    return rows[-1].tenant_id, rows[-1].station_id


def _values(row: Any) -> dict[str, str]:
    hardware = ChargingStation.FromString(bytes(row.hardware))
    said = {name: getattr(hardware, name) for name in OF_HARDWARE}
    return {"of_tenant_id": row.tenant_id, "of_station_id": row.station_id, **said}
