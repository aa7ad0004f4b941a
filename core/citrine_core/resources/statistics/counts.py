"""Counts stations by state, as they are now."""

from typing import Any

from sqlalchemy import BigInteger, Double, and_, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import statistics_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_ACCEPTED
from citrine_core.blocks.availability.queries import statuses_of_stations
from citrine_core.blocks.transactions.queries import stations_with_open
from citrine_core.db import Listed, Page
from citrine_core.resources.connections.queries import SESSIONS
from citrine_core.resources.stations.queries import GROUPS, STATES
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.statistics.totals import STATUSES, count_all_stations

__all__ = ["count_stations"]

_OF_TRANSACTIONS = {"transactions": BigInteger, "power_w": Double, "energy_wh": Double}
"""Sums over the open transactions of stations."""


async def count_stations(
    session: AsyncSession,
    tenant_id: str,
    page: Page,
    grouping: pb.StatisticsGrouping.ValueType,
    stations: StationSelector | None,
) -> Listed[pb.StationCounts]:
    """Return how many stations there are by state, in the order of the groups."""
    if grouping == pb.STATISTICS_GROUPING_UNSPECIFIED and stations is None:
        counts = await count_all_stations(session, tenant_id)
        return [counts] if counts.total else [], ""
    columns = STATES.c
    selector = stations or StationSelector()
    connectors = statuses_of_stations(tenant_id, selector, STATUSES).subquery("connectors_of_stations")
    charging = stations_with_open(tenant_id, selector).subquery("charging_stations")
    is_online = and_(SESSIONS.c.is_open.is_(True))
    is_offline = and_(SESSIONS.c.station_id.is_not(None), SESSIONS.c.is_open.is_(False))
    conditions: dict[str, Any] = {
        "online": is_online,
        "offline": is_offline,
        "never_connected": SESSIONS.c.station_id.is_(None),
        "disabled": columns.enabled.is_(False),
        "held": columns.held_time.is_not(None),
        "not_accepted": func.coalesce(columns.registration, 0) != REGISTRATION_STATUS_ENUM_ACCEPTED,
        "charging": charging.c.station_id.is_not(None),
        **{name: and_(is_online, connectors.c[name] > 0) for name in STATUSES},
    }
    group = _group(grouping)
    sums = [func.sum(case((condition, 1), else_=0)).label(name) for name, condition in conditions.items()]
    # A sum of whole numbers is a decimal on PostgreSQL.
    sums += [
        func.coalesce(func.sum(charging.c[name]), 0).cast(kind).label(name) for name, kind in _OF_TRANSACTIONS.items()
    ]
    same_session = and_(SESSIONS.c.tenant_id == columns.tenant_id, SESSIONS.c.station_id == columns.station_id)
    source = (
        STATES.outerjoin(SESSIONS, same_session)
        .outerjoin(connectors, connectors.c.station_id == columns.station_id)
        .outerjoin(charging, charging.c.station_id == columns.station_id)
    )
    if grouping == pb.STATISTICS_GROUPING_GROUP:
        in_group = and_(GROUPS.c.tenant_id == columns.tenant_id, GROUPS.c.station_id == columns.station_id)
        source = source.join(GROUPS, in_group)
    query = select(group.label("group_key"), func.count().label("total"), *sums).select_from(source)
    query = query.where(
        columns.tenant_id == tenant_id, *stations_selected(tenant_id, columns.station_id, selector)
    ).group_by("group_key")
    if grouping != pb.STATISTICS_GROUPING_UNSPECIFIED:
        query = page.within(query, group)
    rows = (await session.execute(query)).all()
    found, token = page.close(rows, lambda row: (row.group_key,))
    return [pb.StationCounts(**row._asdict()) for row in found], token


def _group(grouping: pb.StatisticsGrouping.ValueType) -> Any:
    columns = {
        pb.STATISTICS_GROUPING_LOCATION: func.coalesce(STATES.c.location_id, literal("", literal_execute=True)),
        pb.STATISTICS_GROUPING_GROUP: GROUPS.c.group_name,
        pb.STATISTICS_GROUPING_STATION: STATES.c.station_id,
    }
    return columns.get(grouping, literal("", literal_execute=True))
