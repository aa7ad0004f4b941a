"""How the charging plan of a station changed: what it might draw, and what it and its EVSEs were given."""

from collections.abc import Sequence
from datetime import UTC, datetime

from citrine.events.v1.events_pb2 import ChargingPlanChanged, Event
from citrine.events.v1.events_service_pb2 import ListEventsRequest
from citrine_console.cells import Card, evse_words
from citrine_console.clock import utc_now
from citrine_console.pages.newest_events import newest_events
from citrine_console.plots import Series, lines
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["plan_history", "plan_series"]

MOST_CHANGES = 200

MOST_EVSES = 4
"""EVSEs with a line of their own."""


async def plan_history(visit: Visit, station_id: str) -> list[Card]:
    """Return a card with the plot of the newest plans; none where who looks may not see events, or nothing changed."""
    if not visit.may("ListEvents"):
        return []
    request = ListEventsRequest(station_ids=[station_id], kinds=["charging_plan_changed"], page_size=MOST_CHANGES)
    changes, before = await newest_events(visit.citrine, request)
    series = plan_series([*reversed(changes)], utc_now())
    if not series:
        return []
    hints = []
    if before:
        hints.append(_("Only the newest {number} changes are shown.").format(number=len(changes)))
    if any(one.evse_id > MOST_EVSES for change in changes for one in change.charging_plan_changed.shares):
        hints.append(_("EVSEs above {number} have no line here.").format(number=MOST_EVSES))
    plot = lines(_("Current, each phase"), series, visit.zone)
    return [Card(_("Plan over time"), plot, hint=" ".join(hints))]


def plan_series(changes: Sequence[Event], now: datetime) -> list[Series]:
    """Return the lines of plans, the earliest first. What a plan says nothing of is not limited, and has no line then.

    A value holds until the next plan, and that of the last one until now.
    """
    found: dict[str, list[tuple[datetime, float | None]]] = {}
    for change in changes:
        time, values = change.time.ToDatetime(tzinfo=UTC), _values(change.charging_plan_changed)
        for name in {**found, **values}:
            points = found.setdefault(name, [])
            if name in values or points[-1][1] is not None:
                points.append((time, values.get(name)))
    for points in found.values():
        if points[-1][1] is not None:
            points.append((now, points[-1][1]))
    return [Series(name, points, "A", 1, stepped=True) for name, points in found.items()]


def _values(plan: ChargingPlanChanged) -> dict[str, float]:
    values = {_("given"): plan.given_a} if plan.HasField("given_a") else {}
    if plan.HasField("max_current_a"):
        values[_("may draw")] = plan.max_current_a
    shares = [one for one in plan.shares if 0 < one.evse_id <= MOST_EVSES and one.HasField("given_a")]
    return {**values, **{evse_words(one.evse_id): one.given_a for one in shares}}
