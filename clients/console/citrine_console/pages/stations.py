"""Stations: the table of all, and the actions of one."""

from collections.abc import Mapping

from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.locations_pb2 import ListLocationsRequest
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_console.live import Page, Region
from citrine_console.pages import bulk, station_actions, station_call, station_registry
from citrine_console.pages.station_filters import STATES, list_request
from citrine_console.pages.station_tabs import STATION_EVENTS
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]

MOST_LOCATIONS = 1000
"""Locations to choose from. Where there are more, the id of one is entered."""


async def _table(visit: Visit) -> Mapping[str, object]:
    answer = await visit.citrine.stations.ListStations(list_request(visit))
    ids = [station.station_id for station in answer.stations]
    connectors: dict[str, list[object]] = {}
    if ids and visit.may("ListConnectors"):
        request = ListConnectorsRequest(stations=StationSelector(station_ids=ids), page_size=1000)
        for connector in (await visit.citrine.availability.ListConnectors(request)).connectors:
            connectors.setdefault(connector.station_id, []).append(connector)
    return {
        "stations": answer.stations,
        "connectors": connectors,
        "bulk": bulk.choices(visit),
        "pages": paging(visit, answer.next_page_token),
    }


async def _filters(visit: Visit) -> Mapping[str, object]:
    chosen, choices = visit.query["location"], []
    if visit.may("ListLocations"):
        answer = await visit.citrine.locations.ListLocations(ListLocationsRequest(page_size=MOST_LOCATIONS))
        if not answer.next_page_token:
            choices = [(one.location_id, one.name or one.location_id) for one in answer.locations]
            # Sent again, the form keeps the location of a link, though there is none of that id any more.
            if chosen and chosen not in dict(choices):
                choices.append((chosen, chosen))
    return {"locations": choices, "states": {key: _(name) for key, name in STATES.items()}}


PAGES = [
    Page(
        path="/stations",
        title=lambda visit: _("Stations"),
        template="stations/list.html",
        section="stations",
        needs=("ListStations",),
        regions=[
            Region("filters", "stations/filters.html", _filters, kinds=("location_changed",)),
            Region(
                "stations",
                "stations/table.html",
                _table,
                kinds=(*STATION_EVENTS, "connector_status_changed"),
                is_main=True,
                every=60,
            ),
        ],
    ),
]

ACTIONS: list[Action] = [
    *(dialog.action() for dialog in station_actions.DIALOGS),
    *station_registry.ACTIONS,
    *station_call.ACTIONS,
    *bulk.ACTIONS,
]
