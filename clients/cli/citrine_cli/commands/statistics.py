"""`citrine statistics`: how many stations are in which state, and what happened in each hour, day or month."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.statistics_pb2 import (
    STATISTICS_GROUPING_LOCATION,
    STATISTICS_GROUPING_UNSPECIFIED,
    CountStationsRequest,
    ListSeriesRequest,
    SeriesInterval,
    SeriesPoint,
    StationCounts,
    StatisticsGrouping,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.errors import UsageError
from citrine_cli.filters import ToOption
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import choice
from citrine_words.cells import Figure
from citrine_words.clock import utc_now
from citrine_words.enums import words_of
from citrine_words.times import local_words
from citrine_words.values import parse_span
from citrine_words.words import count, duration_word, money, quantity

__all__ = ["build"]

_GROUPINGS = words_of(StatisticsGrouping.items(), "STATISTICS_GROUPING_")
_INTERVALS = {**words_of(SeriesInterval.items(), "SERIES_INTERVAL_"), "all": SeriesInterval.SERIES_INTERVAL_UNSPECIFIED}

_SPANS = {"hour": timedelta(days=1), "day": timedelta(days=30), "month": timedelta(days=366)}
"""How far back is looked where nobody says from when on, by the interval."""

OWN_ZONES = "location"
"""What stands for the time zone of each location."""

ByOption = Annotated[str, typer.Option("--by", metavar="GROUPING", help=f"Count apart: {', '.join(_GROUPINGS)}.")]
EveryOption = Annotated[
    str, typer.Option("--every", metavar="INTERVAL", help=f"How long an interval is: {', '.join(_INTERVALS)}.")
]
ZoneOption = Annotated[
    str,
    typer.Option("--zone", metavar="ZONE", help='Time zone of the intervals, as Europe/Oslo; "location": its own.'),
]
SinceOption = Annotated[
    str,
    typer.Option(
        "--from",
        "--since",
        metavar="TIME",
        help="From the interval of then on.",
        show_default="the first with anything in it, of 1 day by hours, 30 days by days, 1 year by months",
    ),
]
TariffOption = Annotated[str, typer.Option("--tariff", metavar="ID", help="Only of this tariff.")]

Columns = Mapping[str, Callable[[SeriesPoint], str]]

_SERIES: Columns = {
    "started": lambda one: count(one.transactions_started),
    "ended": lambda one: count(one.transactions_ended),
    "failed": lambda one: count(one.transactions_failed),
    "energy": lambda one: Figure(f"{one.energy_kwh} kWh"),
    "revenue": lambda one: Figure(", ".join(money(each.amount.after_tax, each.currency) for each in one.revenues)),
    "refused tokens": lambda one: count(one.rejected_authorizations),
    "failed starts": lambda one: count(one.failed_starts),
    "faults": lambda one: count(one.faults),
    "failed commands": lambda one: count(one.failed_commands),
}

_UTILISATION: Columns = {
    "in service": lambda one: duration_word(one.in_service_time),
    "unavailable": lambda one: duration_word(one.unavailable_time),
    "occupied": lambda one: duration_word(one.occupied_time),
    "utilisation": lambda one: _percent(one.utilisation) if one.HasField("utilisation") else "",
}

_UPTIME: Columns = {
    "in service": lambda one: duration_word(one.in_service_time),
    "unavailable": lambda one: duration_word(one.unavailable_time),
    "offline": lambda one: duration_word(one.offline_time),
    "faulted": lambda one: duration_word(one.faulted_time),
    "uptime": lambda one: _percent(one.uptime) if one.HasField("uptime") else "",
}


def build() -> typer.Typer:
    """Return the commands of `citrine statistics`."""
    app = typer.Typer(help="Counts and series: stations, series, utilisation, uptime.")
    client_command(app, "stations")(list_counts)
    client_command(app, "series")(list_series)
    client_command(app, "utilisation")(list_utilisation)
    client_command(app, "uptime")(list_uptime)
    return app


_NO_STATES = frozenset({"group_key", "power_w", "energy_wh"})
"""Fields of StationCounts that count nothing."""


async def list_counts(
    client: Client,
    by: ByOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """Count the stations by state, as they are now. A station counts in each column that is true of it."""
    request = CountStationsRequest(group_by=_grouping(by), stations=station_selector(location, group, label))
    pages = collect(client.citrine.statistics.CountStations, request, limit)
    counts = [found async for page in pages for found in page.counts]
    if client.out.as_json:
        client.out.messages(counts)
        return
    states = [field.name for field in StationCounts.DESCRIPTOR.fields if field.name not in _NO_STATES]
    client.out.table(
        [*([by] if by else []), *(name.replace("_", " ") for name in states), "power", "energy so far"],
        [
            [
                *([one.group_key] if by else []),
                *(count(getattr(one, name)) for name in states),
                quantity(round(one.power_w / 1000, 6), "kW"),
                quantity(round(one.energy_wh / 1000, 6), "kWh"),
            ]
            for one in counts
        ],
        empty="no stations",
    )


async def list_series(
    client: Client,
    begin: SinceOption = "",
    end: ToOption = "",
    every: EveryOption = "day",
    zone: ZoneOption = "",
    by: ByOption = "",
    tariff: TariffOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List how many transactions started, ended and failed in each interval, their energy and revenue, and failures."""
    stations = station_selector(location, group, label)
    request = _request(begin, end, every, zone, by, stations, tariff)
    await _list(client, request, begin, by, _SERIES, limit)


async def list_utilisation(
    client: Client,
    begin: SinceOption = "",
    end: ToOption = "",
    every: EveryOption = "day",
    zone: ZoneOption = "",
    by: ByOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List for how much of their time in service EVSEs were in transactions."""
    request = _request(begin, end, every, zone, by, station_selector(location, group, label))
    await _list(client, request, begin, by, _UTILISATION, limit)


async def list_uptime(
    client: Client,
    begin: SinceOption = "",
    end: ToOption = "",
    every: EveryOption = "day",
    zone: ZoneOption = "",
    by: ByOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List for how much of their time in service EVSEs were connected and not faulted."""
    request = _request(begin, end, every, zone, by, station_selector(location, group, label))
    await _list(client, request, begin, by, _UPTIME, limit)


def _request(
    begin: str, end: str, every: str, zone: str, by: str, stations: StationSelector | None, tariff: str = ""
) -> ListSeriesRequest:
    start, last = parse_span("--from/--since", begin, "--to", end, past=True)
    if start is not None and last is None and start.ToDatetime(UTC) > utc_now():
        raise UsageError(f"--from/--since: {begin} is in the future")
    if start is None:
        start = Timestamp()
        until = last.ToDatetime(UTC) if last is not None else utc_now()
        start.FromDatetime(until - _SPANS.get(every.lower(), timedelta(days=30)))
    grouping = _grouping(by)
    if zone == OWN_ZONES and grouping != STATISTICS_GROUPING_LOCATION:
        raise UsageError(f"--zone {OWN_ZONES}: is for --by location")
    return ListSeriesRequest(
        time=TimeRange(start=start, end=last),
        interval=choice("--every", _INTERVALS, every),
        time_zone="" if zone == OWN_ZONES else zone,
        location_time_zones=zone == OWN_ZONES,
        group_by=grouping,
        stations=stations,
        tariff_id=tariff,
    )


async def _list(client: Client, request: ListSeriesRequest, begin: str, by: str, columns: Columns, limit: int) -> None:
    pages = collect(client.citrine.statistics.ListSeries, request, limit)
    points = [point async for page in pages for point in page.points]
    if client.out.as_json:
        client.out.messages(points)
        return
    if not begin:
        points = _from_the_first(points, columns)
    shown = ZoneInfo(request.time_zone) if request.time_zone else UTC
    client.out.table(
        [*([by] if by else []), "from", *columns],
        [
            [
                *([point.group_key] if by else []),
                local_words(point.start_time.ToDatetime(UTC), shown, to="minutes"),
                *(cell(point) for cell in columns.values()),
            ]
            for point in points
        ],
        empty="nothing happened, and no EVSE was in service",
    )


def _from_the_first(points: Sequence[SeriesPoint], columns: Columns) -> list[SeriesPoint]:
    """Return the points from the first interval on in which anything is to be shown."""
    nothing = [cell(SeriesPoint(energy_kwh="0")) for cell in columns.values()]
    times = [one.start_time.seconds for one in points if [cell(one) for cell in columns.values()] != nothing]
    return [one for one in points if times and one.start_time.seconds >= min(times)]


def _grouping(by: str) -> StatisticsGrouping.ValueType:
    return choice("--by", _GROUPINGS, by) if by else STATISTICS_GROUPING_UNSPECIFIED


def _percent(share: float) -> str:
    return Figure(f"{share * 100:.2f} %")
