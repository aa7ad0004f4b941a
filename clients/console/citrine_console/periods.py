"""Filters by time: the fields `from` and `to` of a query, in the time zone of the browser."""

from datetime import UTC, datetime

from citrine.api.v1.common_pb2 import TimeRange
from citrine_console.visits import Visit

__all__ = ["time_range"]


def time_range(visit: Visit, begin: str = "from", end: str = "to") -> TimeRange | None:
    """Return the time between two fields of the query; None where both are empty or have no meaning."""
    found = TimeRange()
    for name, stamp in ((begin, found.start), (end, found.end)):
        try:
            moment = datetime.fromisoformat(visit.query[name])
        except ValueError:
            continue
        local = moment if moment.tzinfo is not None else moment.replace(tzinfo=visit.zone)
        stamp.FromDatetime(local.astimezone(UTC))
    return found if found.HasField("start") or found.HasField("end") else None
