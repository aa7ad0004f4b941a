"""The orders in which stations are listed: each is of parts that follow one another, each in the order of an index."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import stations_pb2 as pb
from citrine_core.blocks.availability.queries import faulted_stations, is_faulted
from citrine_core.db import Listed, Page
from citrine_core.errors import InvalidArgument
from citrine_core.resources.connections.models import Connection
from citrine_core.resources.connections.queries import NewestSession
from citrine_core.resources.stations.models import Station, StationSighting
from citrine_core.resources.stations.repository import StationWithConnection

__all__ = ["SAME_STATION", "OrderedPart", "parts_of", "read_parts"]

SAME_STATION = and_(NewestSession.tenant_id == Station.tenant_id, NewestSession.station_id == Station.station_id)
"""What joins stations with their newest sessions."""

_SEEN = and_(StationSighting.tenant_id == Station.tenant_id, StationSighting.station_id == Station.station_id)


class OrderedPart(NamedTuple):
    """Some of the stations, in an order of their own."""

    query: Select[Station, Connection]
    key: Sequence[Any]
    """Columns by which they are ordered, together unique, and never NULL."""
    descending: bool = False
    is_of_sessions: bool = False
    """Whether the key is the id of the station of a session: no database concludes that it is that of the station."""


def parts_of(tenant_id: str, order: int, *, descending: bool) -> list[OrderedPart]:
    """Return the parts of an order (citrine.api.v1.StationOrder) other than that by id.

    Raises:
        InvalidArgument: When there is no such order.
    """
    stations = select(Station, NewestSession).outerjoin(NewestSession, SAME_STATION)
    by_id = (Station.station_id,)
    match order:
        case pb.STATION_ORDER_STATE:
            parts = _by_state(tenant_id)
            return parts[::-1] if descending else parts
        case pb.STATION_ORDER_LAST_SEEN:
            seen = stations.join(StationSighting, _SEEN).where(StationSighting.tenant_id == tenant_id)
            key: tuple[Any, ...] = (StationSighting.last_seen_time, StationSighting.station_id)
            never = stations.where(~select(StationSighting).where(_SEEN).exists())
            return [OrderedPart(seen, key, descending), OrderedPart(never, by_id)]
        case pb.STATION_ORDER_MODEL:
            # Of a station that booted, both are known.
            known = stations.where(Station.vendor_name.is_not(None), Station.model.is_not(None))
            unknown = stations.where(Station.vendor_name.is_(None))
            key = (Station.vendor_name, Station.model, Station.station_id)
            return [OrderedPart(known, key, descending), OrderedPart(unknown, by_id)]
        case pb.STATION_ORDER_FIRMWARE:
            known = stations.where(Station.firmware_version.is_not(None))
            unknown = stations.where(Station.firmware_version.is_(None))
            key = (Station.firmware_version, Station.station_id)
            return [OrderedPart(known, key, descending), OrderedPart(unknown, by_id)]
        case _:
            raise InvalidArgument("order", "is not known")


def _by_state(tenant_id: str) -> list[OrderedPart]:
    stations = select(Station, NewestSession)
    faulted = stations.outerjoin(NewestSession, SAME_STATION).where(Station.station_id.in_(faulted_stations(tenant_id)))
    never = stations.outerjoin(NewestSession, SAME_STATION).where(NewestSession.station_id.is_(None))
    sound = ~is_faulted(tenant_id, Station.station_id)

    def connected(is_open: bool) -> OrderedPart:
        # In the order of an index of sessions.
        query = stations.join(NewestSession, SAME_STATION).where(
            NewestSession.tenant_id == tenant_id, NewestSession.is_open.is_(is_open), sound
        )
        return OrderedPart(query, (NewestSession.station_id,), is_of_sessions=True)

    by_id = (Station.station_id,)
    return [
        OrderedPart(faulted, by_id),
        connected(False),
        # Nothing boots without a connection: few stations have not booted.
        OrderedPart(never.where(Station.boot_time.is_(None), sound), by_id),
        connected(True),
    ]


async def read_parts(session: AsyncSession, page: Page, parts: Sequence[OrderedPart]) -> Listed[StationWithConnection]:
    """Return a page of parts that follow one another. Its token says in which one the next page begins.

    Raises:
        InvalidArgument: When the token is not of such a list.
    """
    number, after = _begin(page, len(parts))
    found: list[tuple[int, Any]] = []
    while number < len(parts) and len(found) <= page.size:
        part = parts[number]
        stations = part.query
        if part.is_of_sessions and after is not None:
            # Else those before would be read, to be joined with nothing.
            stations = stations.where(Station.station_id > after[0])
        query = page.behind(after).within(stations, *part.key, descending=part.descending)
        rows = await session.execute(query.add_columns(*part.key))
        found += [(number, row) for row in rows]
        number, after = number + 1, None
    shown, token = page.close(found, lambda one: (one[0], *one[1][2:]))
    return [(row[0], row[1]) for _number, row in shown], token


def _begin(page: Page, parts: int) -> tuple[int, tuple[Any, ...] | None]:
    if page.after is None:
        return 0, None
    number, *after = page.after
    if not isinstance(number, int) or not 0 <= number < parts:
        raise InvalidArgument("page_token", "is not a next_page_token of this request")
    return number, tuple(after)
