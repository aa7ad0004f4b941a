"""The first page: how the stations are, what needs somebody, what is charging now, and how much of it there was."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from markupsafe import Markup

from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.diagnostics_pb2 import ListAlertsRequest
from citrine.api.v1.stations_pb2 import ListStationsRequest
from citrine.api.v1.statistics_pb2 import (
    SERIES_INTERVAL_DAY,
    SERIES_INTERVAL_HOUR,
    CountStationsRequest,
    ListSeriesRequest,
    SeriesPoint,
    StationCounts,
)
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import ListEventsRequest
from citrine_console.clock import utc_now
from citrine_console.live import Page, Region
from citrine_console.pages.location_map import MAP
from citrine_console.plots import Bars, bars
from citrine_console.site import Action
from citrine_console.texts import _, noop
from citrine_console.visits import Visit
from citrine_sdk import pages
from citrine_words.event_lines import event_words

__all__ = ["ACTIONS", "PAGES"]

SHOWN_EVENTS = 20

NEEDING_SHOWN = 5
"""How many of each kind of trouble are shown; the others are behind a link."""

LATEST_SHOWN = 8
"""How many of the transactions that charge are shown."""

_PERIODS: Mapping[str, tuple[str, timedelta, int, str]] = {
    "day": (noop("24 hours"), timedelta(days=1), SERIES_INTERVAL_HOUR, "%H:%M"),
    "week": (noop("7 days"), timedelta(days=7), SERIES_INTERVAL_DAY, "%a %d"),
    "month": (noop("30 days"), timedelta(days=30), SERIES_INTERVAL_DAY, "%d %b"),
}

EVENTS = tuple(field.name for field in Event.DESCRIPTOR.oneofs_by_name["body"].fields)
"""All kinds of events."""

_CONNECTIONS = ("station_connected", "station_disconnected", "station_changed", "station_held", "station_booted")
_CHARGING = ("transaction_started", "transaction_updated", "transaction_ended", "transaction_closed")


async def _counts(visit: Visit) -> Mapping[str, object]:
    answer = await visit.citrine.statistics.CountStations(CountStationsRequest())
    return {"counts": answer.counts[0] if answer.counts else StationCounts()}


async def _needing(visit: Visit) -> Mapping[str, object]:
    stations = visit.citrine.stations
    held = await stations.ListStations(ListStationsRequest(held=True, page_size=NEEDING_SHOWN))
    faulted = await stations.ListStations(ListStationsRequest(faulted_only=True, page_size=NEEDING_SHOWN))
    alerts = []
    if visit.may("ListAlerts"):
        request = ListAlertsRequest(acknowledged=False, page_size=NEEDING_SHOWN)
        alerts = [*(await visit.citrine.diagnostics.ListAlerts(request)).alerts]
    return {
        "held": held.stations,
        "more_held": bool(held.next_page_token),
        "faulted": faulted.stations,
        "more_faulted": bool(faulted.next_page_token),
        "alerts": alerts,
    }


async def _charging(visit: Visit) -> Mapping[str, object]:
    request = ListTransactionsRequest(active_only=True, page_size=LATEST_SHOWN)
    answer = await visit.citrine.transactions.ListTransactions(request)
    return {"latest": answer.transactions}


def _period(visit: Visit) -> str:
    return visit.query["period"] if visit.query["period"] in _PERIODS else "day"


async def _series(visit: Visit) -> Mapping[str, object]:
    _name, span, interval, pattern = _PERIODS[_period(visit)]
    now = utc_now().astimezone(visit.zone)
    request = ListSeriesRequest(
        time=TimeRange(),
        interval=interval,  # type: ignore[arg-type]
        time_zone=visit.zone.key,
        page_size=10_000,
    )
    # A day with the end of summer time has 25 hours.
    request.time.start.FromDatetime(min(now - span, _midnight(now)))
    points: list[SeriesPoint] = []
    async for page in pages(visit.citrine.statistics.ListSeries, request):
        points.extend(page.points)
    starts = [point.start_time.ToDatetime(tzinfo=UTC) for point in points]
    return {
        "energy_today_kwh": energy_today(points, now),
        "period": _period(visit),
        "periods": {key: _(name) for key, (name, *_rest) in _PERIODS.items()},
        "energy": bars(
            _("Energy of ended transactions"),
            starts,
            [Bars(_("energy"), [float(Decimal(point.energy_kwh or 0)) for point in points], "kWh", 1)],
            visit.zone,
            pattern,
        ),
        "sessions": bars(
            _("Transactions that ended"),
            starts,
            [
                Bars(_("good"), [point.transactions_ended - point.transactions_failed for point in points]),
                Bars(_("failed"), [point.transactions_failed for point in points]),
            ],
            visit.zone,
            pattern,
        ),
        "revenue": revenue_bars(points, starts, visit.zone, pattern),
        "utilisation": bars(
            _("Utilisation"),
            starts,
            [Bars(_("occupied"), [point.utilisation * 100 for point in points], "%", 1)],
            visit.zone,
            pattern,
        ),
    }


def energy_today(points: Sequence[SeriesPoint], now: datetime) -> float:
    """Return the energy in kWh of transactions that ended today, by the clock of who looks."""
    today = [point for point in points if point.start_time.ToDatetime(tzinfo=UTC) >= _midnight(now)]
    return sum(float(point.energy_kwh or 0) for point in today)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def revenue_bars(points: Sequence[SeriesPoint], starts: Sequence[datetime], zone: tzinfo, pattern: str) -> Markup:
    """Return a plot of the revenue in each currency: amounts of several are no sum."""
    currencies = sorted({one.currency for point in points for one in point.revenues})
    return Markup("").join(
        bars(
            _("Revenue in {currency}").format(currency=currency) if len(currencies) > 1 else _("Revenue"),
            starts,
            [Bars(_("revenue"), _revenues(points, currency), currency, 2)],
            zone,
            pattern,
        )
        for currency in currencies or [""]
    )


def _revenues(points: Sequence[SeriesPoint], currency: str) -> list[float]:
    return [
        float(sum(Decimal(one.amount.after_tax or 0) for one in point.revenues if one.currency == currency))
        for point in points
    ]


async def _events(visit: Visit) -> Mapping[str, object]:
    answer = await visit.citrine.events.ListEvents(ListEventsRequest(page_size=SHOWN_EVENTS))
    return {"events": [(event, event_words(event)) for event in answer.events]}


PAGES = [
    Page(
        path="/",
        title=lambda visit: _("Overview"),
        template="overview.html",
        section="overview",
        regions=[
            Region(
                "counts",
                "overview/counts.html",
                _counts,
                query=(),
                kinds=(*_CONNECTIONS, "connector_status_changed", *_CHARGING),
                pause=0.8,
                needs=("CountStations",),
                every=30,
            ),
            Region(
                "needing",
                "overview/needing.html",
                _needing,
                query=(),
                kinds=(*_CONNECTIONS, "connector_status_changed", "alert_changed", "station_events_received"),
                needs=("ListStations",),
                every=60,
            ),
            Region(
                "charging",
                "overview/charging.html",
                _charging,
                query=(),
                kinds=_CHARGING,
                pause=0.8,
                needs=("ListTransactions",),
                every=60,
            ),
            Region(
                "series",
                "overview/series.html",
                _series,
                query=("period",),
                kinds=("transaction_ended", "charge_record_made"),
                needs=("ListSeries",),
                every=60,
                pause=5,
            ),
            MAP,
            Region("events", "overview/events.html", _events, kinds=EVENTS, query=(), needs=("ListEvents",)),
        ],
    ),
]

ACTIONS: list[Action] = []
