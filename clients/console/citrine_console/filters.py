"""Filters that several lists have: a time from and to, as their forms enter them, and stations by place."""

from datetime import UTC, datetime

from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_console.visits import Visit

__all__ = ["selector_of", "time_range"]


def time_range(visit: Visit, begin: str = "from", end: str = "to") -> TimeRange | None:
    """Return the time between two values of the query, in the zone of the browser; None where both are empty."""
    first, last = _moment(visit, begin), _moment(visit, end)
    if first is None and last is None:
        return None
    found = TimeRange()
    if first is not None:
        found.start.FromDatetime(first)
    if last is not None:
        found.end.FromDatetime(last)
    return found


def _moment(visit: Visit, name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(visit.query[name])
        return (moment if moment.tzinfo else moment.replace(tzinfo=visit.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def selector_of(visit: Visit) -> StationSelector | None:
    """Return the stations that `location`, `group` and `label` of the query select; None where all are empty."""
    query = visit.query
    key, _separator, value = query["label"].partition("=")
    if not (query["location"] or query["group"] or key):
        return None
    return StationSelector(
        location_ids=[query["location"]] if query["location"] else [],
        groups=[query["group"]] if query["group"] else [],
        labels={key: value} if key else {},
    )
