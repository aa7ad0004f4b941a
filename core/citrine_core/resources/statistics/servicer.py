"""StatisticsService."""

from datetime import datetime

import grpc

from citrine.api.v1 import statistics_pb2 as pb
from citrine.api.v1.statistics_pb2_grpc import StatisticsServiceServicer
from citrine_core.errors import InvalidArgument
from citrine_core.resources.locations.checks import check_zone
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.resources.statistics.counts import count_stations
from citrine_core.resources.statistics.queries import SeriesQueries
from citrine_core.resources.statistics.series import UTC_NAME, Wanted, list_series
from citrine_core.rpc import caller, open_page, span_of
from citrine_core.services import Services

__all__ = ["StatisticsServicer"]

MOST_POINTS = 10_000
"""Most points of a page."""

DEFAULT_POINTS = 1000
"""Points of a page by default."""

FIRST_YEAR, LAST_YEAR = 1970, 9990
"""Years of which there are series, far enough from the ends of the calendar for intervals at the edges."""


class StatisticsServicer(StatisticsServiceServicer):
    """Serves counts and series."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def CountStations(
        self,
        request: pb.CountStationsRequest,
        context: "grpc.aio.ServicerContext[pb.CountStationsRequest, pb.CountStationsResponse]",
    ) -> pb.CountStationsResponse:
        if request.group_by == pb.STATISTICS_GROUPING_TARIFF:
            raise InvalidArgument("group_by", "stations have no tariff of their own")
        async with self._unit_of_work(read_only=True) as work:
            counts, token = await count_stations(
                work.session,
                caller(context).tenant_id,
                open_page(request),
                _grouping(request.group_by),
                checked_selector(request.stations),
            )
        return pb.CountStationsResponse(counts=counts, next_page_token=token)

    async def ListSeries(
        self,
        request: pb.ListSeriesRequest,
        context: "grpc.aio.ServicerContext[pb.ListSeriesRequest, pb.ListSeriesResponse]",
    ) -> pb.ListSeriesResponse:
        page = open_page(request, most=MOST_POINTS, default=DEFAULT_POINTS)
        async with self._unit_of_work(read_only=True) as work:
            now = self._clock()
            queries = SeriesQueries(
                work.session,
                caller(context).tenant_id,
                _grouping(request.group_by),
                checked_selector(request.stations),
                request.tariff_id,
            )
            points, token = await list_series(queries, page, _wanted(request, now), now)
        return pb.ListSeriesResponse(points=points, next_page_token=token)


def _grouping(value: pb.StatisticsGrouping.ValueType) -> pb.StatisticsGrouping.ValueType:
    if value not in pb.StatisticsGrouping.values():
        raise InvalidArgument("group_by", "is not known")
    return value


def _wanted(request: pb.ListSeriesRequest, now: datetime) -> Wanted:
    """Return the time and the intervals that are asked for.

    Raises:
        InvalidArgument: When they make no sense.
    """
    span = span_of(request.time)
    if span.start is None:
        raise InvalidArgument("time.start", "must be set")
    end = span.end or now
    if end <= span.start:
        raise InvalidArgument("time", "must end after it starts")
    if span.start.year < FIRST_YEAR or end.year > LAST_YEAR:
        raise InvalidArgument("time", f"must be in the years {FIRST_YEAR} to {LAST_YEAR}")
    if request.interval not in pb.SeriesInterval.values():
        raise InvalidArgument("interval", "is not known")
    by_location = request.location_time_zones
    if by_location and (request.group_by != pb.STATISTICS_GROUPING_LOCATION or request.time_zone):
        raise InvalidArgument("location_time_zones", "is for what is grouped by location, without time_zone")
    if request.time_zone:
        check_zone("time_zone", request.time_zone)
    zone = request.time_zone or UTC_NAME
    return Wanted(span.start, end, request.interval, zone, by_location=by_location)
