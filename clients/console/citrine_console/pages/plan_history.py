"""How the charging plan of a station changed: what it might draw, and what it and its EVSEs were given."""

from collections.abc import Sequence
from datetime import UTC, datetime

from citrine.events.v1.events_pb2 import ChargingPlanChanged, Event
from citrine.events.v1.events_service_pb2 import ListEventsRequest
from citrine_console.cells import Card, evse_words
from citrine_console.clock import utc_now
from citrine_console.plots import Series, lines
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["plan_history"]

MOST_CHANGES = 200

MOST_EVSES = 4
"""EVSEs with a line of their own."""


async def plan_history(visit: Visit, station_id: str) -> list[Card]:
    """Return a card with the plot of the newest plans; none where who looks may not see events, or nothing changed."""
    if not visit.may("ListEvents"):
        return []
    request = ListEventsRequest(station_ids=[station_id], kinds=["charging_plan_changed"], page_size=MOST_CHANGES)
    changes = [*reversed((await visit.citrine.events.ListEvents(request)).events)]
    series = _series(changes)
    return [Card(_("Plan over time"), lines(_("Current, each phase"), series, visit.zone))] if series else []


def _series(changes: Sequence[Event]) -> list[Series]:
    found: dict[str, list[tuple[datetime, float]]] = {}
    for change in changes:
        time, plan = change.time.ToDatetime(tzinfo=UTC), change.charging_plan_changed
        for name, value in _values(plan):
            found.setdefault(name, []).append((time, value))
    now = utc_now()
    # A value holds until the next one, and the last one still does.
    return [Series(name, [*points, (now, points[-1][1])], "A", 1, stepped=True) for name, points in found.items()]


def _values(plan: ChargingPlanChanged) -> list[tuple[str, float]]:
    values = [(_("given"), plan.given_a)] if plan.HasField("given_a") else []
    if plan.HasField("max_current_a"):
        values.append((_("may draw"), plan.max_current_a))
    shares = [one for one in plan.shares if 0 < one.evse_id <= MOST_EVSES and one.HasField("given_a")]
    return [*values, *((evse_words(one.evse_id), one.given_a) for one in shares)]
