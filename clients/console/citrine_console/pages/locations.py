"""Locations: the table of all with the map, and the page of one with its EVSEs and stations."""

from collections.abc import Mapping

from citrine.api.v1.locations_pb2 import GetLocationRequest, ListLocationsRequest, Location
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import ListStationsRequest
from citrine.api.v1.statistics_pb2 import StationCounts
from citrine.events.v1.events_pb2 import Event
from citrine_console.live import Page, Region
from citrine_console.maps import draw_map
from citrine_console.pages import location_actions
from citrine_console.pages.location_map import MAP, STATE_EVENTS, counts_by_location, place_of, tone_of, words_of
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_console.zones import zone_of

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50


async def _filters(visit: Visit) -> Mapping[str, object]:
    return {"may_create": visit.may("CreateLocation")}


async def _table(visit: Visit) -> Mapping[str, object]:
    request = ListLocationsRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        country=visit.query["country"].upper(),
        published_only=visit.query["published"] == "yes",
    )
    answer = await visit.citrine.locations.ListLocations(request)
    counts = await counts_by_location(visit, [one.location_id for one in answer.locations])
    return {
        "locations": [
            (one, tone_of(of := counts.get(one.location_id, StationCounts())), words_of(of)) for one in answer.locations
        ],
        "pages": paging(visit, answer.next_page_token),
    }


async def _location(visit: Visit) -> Location:
    return await visit.citrine.locations.GetLocation(GetLocationRequest(location_id=visit["location_id"]))


async def _head(visit: Visit) -> Mapping[str, object]:
    location = await _location(visit)
    counts = (await counts_by_location(visit, [location.location_id])).get(location.location_id, StationCounts())

    def link(view: str) -> str:
        return f"{visit.path}?{visit.query.with_(at=view)}"

    return {
        "location": location,
        "location_zone": zone_of(location.time_zone, visit),
        "counts": counts,
        "tone": tone_of(counts),
        "words": words_of(counts),
        "map": draw_map([place_of(location, counts)], visit.query["at"], link),
        "may_edit": visit.may("UpdateLocation"),
        "may_delete": visit.may("DeleteLocation"),
        "may_add_evse": visit.may("CreateLocationEvse"),
        "may_edit_evse": visit.may("UpdateLocationEvse"),
        "may_delete_evse": visit.may("DeleteLocationEvse"),
    }


async def _stations(visit: Visit) -> Mapping[str, object]:
    selector = StationSelector(location_ids=[visit["location_id"]])
    answer = await visit.citrine.stations.ListStations(ListStationsRequest(stations=selector, page_size=PAGE_SIZE))
    return {"stations": answer.stations, "more": bool(answer.next_page_token)}


def _here(visit: Visit, event: Event) -> bool:
    if event.WhichOneof("body") == "location_changed":
        return event.location_changed.location_id == visit["location_id"]
    # Which location a station is at is not in its events: the region is read, and sent only if it changed.
    return True


PAGES = [
    Page(
        path="/locations",
        title=lambda visit: _("Locations"),
        template="locations/list.html",
        section="locations",
        needs=("ListLocations",),
        regions=[
            Region("filters", "locations/filters.html", _filters),
            MAP,
            Region("locations", "locations/table.html", _table, kinds=STATE_EVENTS, is_main=True),
        ],
    ),
    Page(
        path="/locations/{location_id}",
        title=lambda visit: visit["location_id"],
        template="locations/location.html",
        section="locations",
        needs=("GetLocation",),
        regions=[
            Region("head", "locations/head.html", _head, kinds=STATE_EVENTS, concerns=_here, is_main=True),
            Region(
                "stations",
                "locations/stations.html",
                _stations,
                kinds=STATE_EVENTS,
                concerns=_here,
                needs=("ListStations",),
            ),
        ],
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in location_actions.DIALOGS]
