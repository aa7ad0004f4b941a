"""The map of locations, coloured by the state of their stations; it is on the overview, too."""

from collections.abc import Iterable, Mapping

from citrine.api.v1.locations_pb2 import ListLocationsRequest, Location
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.statistics_pb2 import STATISTICS_GROUPING_LOCATION, CountStationsRequest, StationCounts
from citrine_console.live import Region
from citrine_console.maps import Place, draw_map
from citrine_console.texts import _, ngettext
from citrine_console.visits import Visit

__all__ = ["MAP", "STATE_EVENTS", "counts_by_location", "place_of", "tone_of", "words_of"]

MOST = 1000
"""Locations that are on the map."""

STATE_EVENTS = (
    "station_connected",
    "station_disconnected",
    "station_changed",
    "connector_status_changed",
    "transaction_started",
    "transaction_ended",
    "transaction_closed",
    "location_changed",
)
"""Events after which the state of a location may be another."""


def tone_of(counts: StationCounts) -> str:
    """Return how a location is to look."""
    if counts.faulted:
        return "bad"
    if counts.offline:
        return "warn"
    return "good" if counts.online else "plain"


def words_of(counts: StationCounts) -> str:
    """Return the state of a location in words."""
    if not counts.total:
        return _("no stations")
    parts = [ngettext("{} station", "{} stations", counts.total).format(counts.total)]
    for number, text in (
        (counts.charging, _("{} charging")),
        (counts.faulted, _("{} faulted")),
        (counts.offline, _("{} not connected")),
    ):
        if number:
            parts.append(text.format(number))
    return ", ".join(parts)


async def counts_by_location(visit: Visit, location_ids: Iterable[str] = ()) -> Mapping[str, StationCounts]:
    """Return how many stations there are by state, at some locations or at the first ones of all."""
    if not visit.may("CountStations"):
        return {}
    chosen = [*location_ids]
    request = CountStationsRequest(group_by=STATISTICS_GROUPING_LOCATION, page_size=MOST)
    if chosen:
        request.stations.CopyFrom(StationSelector(location_ids=chosen))
    answer = await visit.citrine.statistics.CountStations(request)
    return {one.group_key: one for one in answer.counts}


def place_of(location: Location, counts: StationCounts) -> Place:
    """Return a location as it is on a map."""
    return Place(
        name=location.name or location.location_id,
        href=f"/locations/{location.location_id}",
        latitude=float(location.coordinates.latitude or 0),
        longitude=float(location.coordinates.longitude or 0),
        tone=tone_of(counts),
        text=words_of(counts),
    )


async def _map(visit: Visit) -> Mapping[str, object]:
    answer = await visit.citrine.locations.ListLocations(ListLocationsRequest(page_size=MOST))
    counts = await counts_by_location(visit)
    places = [place_of(one, counts.get(one.location_id, StationCounts())) for one in answer.locations]

    def link(view: str) -> str:
        return f"{visit.path}?{visit.query.with_(at=view)}#map"

    return {
        "map": draw_map(places, visit.query["at"], link),
        "places": sorted(places, key=lambda one: (("bad", "warn", "good", "plain").index(one.tone), one.name))[:12],
        "number": len(places),
        "more": bool(answer.next_page_token),
    }


MAP = Region(
    "map",
    "locations/map.html",
    _map,
    kinds=STATE_EVENTS,
    needs=("ListLocations",),
    pause=0.8,
)
"""The region of a page that has the map."""
