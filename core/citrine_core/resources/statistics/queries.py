"""What series read: sums of rollups, and what goes on."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    SmallInteger,
    Table,
    and_,
    case,
    column,
    func,
    literal,
    or_,
    select,
    union,
    values,
)
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.statistics_pb2 import (
    STATISTICS_GROUPING_GROUP,
    STATISTICS_GROUPING_LOCATION,
    STATISTICS_GROUPING_STATION,
    STATISTICS_GROUPING_TARIFF,
    STATISTICS_GROUPING_UNSPECIFIED,
    StatisticsGrouping,
)
from citrine_core.db import UtcDateTime
from citrine_core.resources.stations.queries import GROUPS
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.statistics.intervals import Part
from citrine_core.resources.statistics.models import CountedTransaction, EvseDowntime, EvseService, Rollup
from citrine_core.resources.statistics.tally import DAY, LOCATION, MEASURES, STATION, TARIFF, TENANT

__all__ = ["PARTS_AT_ONCE", "SeriesQueries"]

_ROLLUPS = Rollup.metadata.tables["rollups"]
_COUNTED = CountedTransaction.metadata.tables["counted_transactions"]
_SERVICES = EvseService.metadata.tables["evse_services"]
_DOWNTIMES = EvseDowntime.metadata.tables["evse_downtimes"]

Rows: TypeAlias = Sequence[Row[*tuple[Any, ...]]]

PARTS_AT_ONCE = 1000
"""Most parts of intervals in one statement."""

_ONE_DAY = timedelta(days=1)

_OF_ALL_STATIONS = (STATISTICS_GROUPING_LOCATION, STATISTICS_GROUPING_TARIFF)
"""Groupings of stations that are not known before their rollups are read."""


@dataclass(frozen=True, slots=True)
class SeriesQueries:
    """Reads what one series is made of."""

    session: AsyncSession
    tenant_id: str
    grouping: StatisticsGrouping.ValueType
    stations: StationSelector | None
    """None: all."""
    tariff_id: str
    """Empty: all."""

    @property
    def scope(self) -> int:
        """Of the rollups that are read: the coarsest that knows enough."""
        grouping, is_all = self.grouping, self.stations is None
        if is_all and self.tariff_id and grouping in (STATISTICS_GROUPING_UNSPECIFIED, STATISTICS_GROUPING_TARIFF):
            return TARIFF
        if is_all and not self.tariff_id:
            scopes = {
                STATISTICS_GROUPING_UNSPECIFIED: TENANT,
                STATISTICS_GROUPING_LOCATION: LOCATION,
                STATISTICS_GROUPING_TARIFF: TARIFF,
            }
            return scopes.get(grouping, STATION)
        return STATION

    async def group_ids(self, since: datetime, until: datetime, first: str, limit: int) -> list[str]:
        """Return ids of groups in order, from one on: those with rollups in a time, or EVSEs in service in it."""
        if self.grouping == STATISTICS_GROUPING_UNSPECIFIED:
            return [""]
        dayed = _ROLLUPS.c.bucket_time
        found = self._of_rollups(_ROLLUPS.c.grain == DAY, dayed > since - _ONE_DAY, dayed < until, first=first)
        queries = [found.distinct().order_by("group_id").limit(limit)]
        if self.has_time:
            in_service = and_(
                _SERVICES.c.start_time < until, or_(_SERVICES.c.end_time.is_(None), _SERVICES.c.end_time > since)
            )
            services = self._of_states(_SERVICES, in_service, first=first)
            queries.append(services.distinct().order_by("group_id").limit(limit))
        both = union(*(select(one.subquery().c.group_id) for one in queries)).subquery()
        rows = await self.session.scalars(select(both.c.group_id).order_by(both.c.group_id).limit(limit))
        return list(rows)

    @property
    def has_time(self) -> bool:
        """Whether EVSEs' time in service and out of it is known of the groups."""
        return self.grouping != STATISTICS_GROUPING_TARIFF and not self.tariff_id

    async def sums(self, parts: Iterable[Part], group_ids: Collection[str]) -> Rows:
        """Return the sums of the measures by group_id, interval and currency."""
        wanted = list(parts)
        found: list[Row[*tuple[Any, ...]]] = []
        for first in range(0, len(wanted), PARTS_AT_ONCE):
            part = (
                values(
                    column("interval_number", Integer()),
                    column("grain", SmallInteger()),
                    column("begin_time", UtcDateTime()),
                    column("until_time", UtcDateTime()),
                    name="part",
                )
                .data(wanted[first : first + PARTS_AT_ONCE])
                .cte("part")
            )
            within = and_(
                _ROLLUPS.c.grain == part.c.grain,
                _ROLLUPS.c.bucket_time >= part.c.begin_time,
                _ROLLUPS.c.bucket_time < part.c.until_time,
            )
            query = self._of_rollups(within, group_ids=group_ids)
            sums = [func.sum(_ROLLUPS.c[name]).label(name) for name in MEASURES]
            query = query.add_columns(part.c.interval_number, _ROLLUPS.c.currency, *sums)
            found += (await self.session.execute(query.group_by("group_id", "interval_number", "currency"))).all()
        return found

    async def services(self, since: datetime, until: datetime, group_ids: Collection[str]) -> Rows:
        """Return group_id, number, begin_time and end_time of the services of EVSEs in a time, alike ones together."""
        columns = _SERVICES.c
        in_service = (columns.start_time < until, or_(columns.end_time.is_(None), columns.end_time > since))
        # Nearly all begin before the time and have no end, and are counted by the database.
        start = case((columns.start_time < since, literal(since, UtcDateTime())), else_=columns.start_time).label(
            "begin_time"
        )
        query = self._of_states(_SERVICES, *in_service, group_ids=group_ids)
        query = query.add_columns(func.count().label("number"), start, columns.end_time)
        return (await self.session.execute(query.group_by("group_id", "begin_time", columns.end_time))).all()

    async def downtimes(self, group_ids: Collection[str]) -> Rows:
        """Return group_id, kind and start_time of downtimes that go on."""
        query = self._of_states(_DOWNTIMES, _DOWNTIMES.c.end_time.is_(None), group_ids=group_ids)
        return (await self.session.execute(query.add_columns(_DOWNTIMES.c.kind, _DOWNTIMES.c.start_time))).all()

    async def transactions(self, group_ids: Collection[str]) -> Rows:
        """Return group_id and start_time of transactions that go on."""
        goes_on = (_COUNTED.c.end_time.is_(None), _COUNTED.c.start_time.is_not(None))
        query = self._of_states(_COUNTED, *goes_on, group_ids=group_ids)
        return (await self.session.execute(query.add_columns(_COUNTED.c.start_time))).all()

    def _of_rollups(
        self, *where: ColumnElement[bool], first: str | None = None, group_ids: Collection[str] = ()
    ) -> Select[*tuple[Any, ...]]:
        tariff = [_ROLLUPS.c.tariff_id == self.tariff_id] if self.tariff_id else []
        # The conditions of indexes, in which they have no parameters.
        scope: list[ColumnElement[bool]] = [_ROLLUPS.c.scope == literal(self.scope, literal_execute=True)]
        if self.scope == STATION:
            is_of_station = _ROLLUPS.c.station_id != literal("", literal_execute=True)
            # It says the same. By the scope, SQLite would read a time of all stations, not stations of that time.
            begins_with_all = self.stations is None and self.grouping in _OF_ALL_STATIONS
            scope = [*scope, is_of_station] if begins_with_all else [is_of_station]
        return self._grouped(_ROLLUPS, *where, *scope, *tariff, first=first, group_ids=group_ids)

    def _of_states(
        self, table: Table, *where: ColumnElement[bool], first: str | None = None, group_ids: Collection[str] = ()
    ) -> Select[*tuple[Any, ...]]:
        return self._grouped(table, *where, first=first, group_ids=group_ids)

    def _grouped(
        self, table: Table, *where: ColumnElement[bool], first: str | None, group_ids: Collection[str]
    ) -> Select[*tuple[Any, ...]]:
        """Return the query of rows of the tenant with their group_id."""
        columns = {
            STATISTICS_GROUPING_LOCATION: table.c.get("location_id"),
            STATISTICS_GROUPING_STATION: table.c.get("station_id"),
            STATISTICS_GROUPING_TARIFF: table.c.get("tariff_id"),
            STATISTICS_GROUPING_GROUP: GROUPS.c.group_name,
        }
        group: Any = columns.get(self.grouping)
        query: Select[*tuple[Any, ...]]
        if group is None:
            query = select(literal("", literal_execute=True).label("group_id"))
        else:
            query = select(group.label("group_id"))
        query = query.where(table.c.tenant_id == self.tenant_id, *where)
        if self.grouping == STATISTICS_GROUPING_GROUP:
            same = and_(GROUPS.c.tenant_id == table.c.tenant_id, GROUPS.c.station_id == table.c.station_id)
            query = query.join_from(table, GROUPS, same)
        if self.stations is not None:
            query = query.where(*stations_selected(self.tenant_id, table.c.station_id, self.stations))
        if group is not None and first:
            # As an expression where few are selected, or SQLite would go through all behind the first.
            query = query.where((group if self.stations is None else group.concat("")) >= first)
        if group is not None and group_ids:
            query = query.where(group.in_(sorted(group_ids)))
        return query
