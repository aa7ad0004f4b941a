"""How many stations of a tenant are in which state: each count by an index that has little else."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import statistics_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2 import availability_pb2 as ocpp
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_ACCEPTED
from citrine_core.blocks.availability.queries import stations_by_status
from citrine_core.blocks.transactions.queries import stations_with_open
from citrine_core.resources.connections.queries import SESSIONS
from citrine_core.resources.stations.queries import IS_DISABLED, STATES, never_connected

__all__ = ["STATUSES", "count_all_stations"]

STATUSES = {
    "available": ocpp.CONNECTOR_STATUS_ENUM_AVAILABLE,
    "occupied": ocpp.CONNECTOR_STATUS_ENUM_OCCUPIED,
    "reserved": ocpp.CONNECTOR_STATUS_ENUM_RESERVED,
    "unavailable": ocpp.CONNECTOR_STATUS_ENUM_UNAVAILABLE,
    "faulted": ocpp.CONNECTOR_STATUS_ENUM_FAULTED,
}
"""Statuses of connectors that stations are counted by."""


async def count_all_stations(session: AsyncSession, tenant_id: str) -> pb.StationCounts:
    """Return how many stations of a tenant are in each state, in tens of milliseconds for 50,000 of them.

    What most of them are is what the few others are not.
    """
    connection = await session.connection()

    async def one(query: Select[Any]) -> Any:
        return (await connection.execute(query)).one()

    states, charging = STATES.c, stations_with_open(tenant_id, StationSelector()).subquery("charging_stations")
    of_tenant = select(func.count()).select_from(STATES).where(states.tenant_id == tenant_id)
    by_registration = select(states.registration, func.count()).where(states.tenant_id == tenant_id)
    rows = await connection.execute(by_registration.group_by(states.registration))
    registrations: dict[int | None, int] = {row[0]: row[1] for row in rows}
    open_sessions = select(func.count()).where(SESSIONS.c.tenant_id == tenant_id, SESSIONS.c.is_open.is_(True))
    # Of open transactions alone: what a station that is removed had open is closed with it.
    sums = (func.coalesce(func.sum(charging.c[name]), 0) for name in ("transactions", "power_w", "energy_wh"))
    stations, transactions, power_w, energy_wh = await one(select(func.count(), *sums).select_from(charging))
    total = sum(registrations.values())
    online, never = (await one(open_sessions))[0], (await one(never_connected(tenant_id)))[0]
    counts = pb.StationCounts(
        total=total,
        online=online,
        # A station that is being removed is of none of them.
        offline=max(total - online - never, 0),
        never_connected=never,
        disabled=(await one(of_tenant.where(IS_DISABLED)))[0],
        held=(await one(of_tenant.where(states.held_time.is_not(None))))[0],
        not_accepted=total - registrations.get(REGISTRATION_STATUS_ENUM_ACCEPTED, 0),
        charging=stations,
        transactions=int(transactions),
        power_w=power_w,
        energy_wh=energy_wh,
    )
    for name, number in (await _by_status(session, tenant_id)).items():
        setattr(counts, name, number)
    return counts


async def _by_status(session: AsyncSession, tenant_id: str) -> dict[str, int]:
    """Return how many online stations have a connector of each status: all but those that are offline."""
    connection = await session.connection()
    found = dict.fromkeys(STATUSES, 0)
    names = {int(status): name for name, status in STATUSES.items()}
    for sign, query in stations_by_status(tenant_id):
        for status, stations in await connection.execute(query):
            if status in names:
                found[names[status]] += sign * stations
    # Each query sees the database of its own moment, in which a station may have lost its connection.
    return {name: max(stations, 0) for name, stations in found.items()}
