"""Stations: the table of all, and the actions of one."""

from collections.abc import Mapping

from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.locations_pb2 import ListLocationsRequest
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import (
    STATION_CONNECTION_CLOSED,
    STATION_CONNECTION_NEVER,
    STATION_CONNECTION_OPEN,
    STATION_CONNECTION_UNSPECIFIED,
    ListStationsRequest,
)
from citrine_console.live import Page, Region
from citrine_console.pages import station_actions
from citrine_console.pages.station_tabs import STATION_EVENTS
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _, noop
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50

_STATES: Mapping[str, str] = {
    "connected": noop("Connected"),
    "disconnected": noop("Not connected"),
    "never": noop("Never connected"),
    "faulted": noop("Faulted"),
    "held": noop("To be accepted"),
}
"""Values of the filter by state."""

_CONNECTIONS = {
    "connected": STATION_CONNECTION_OPEN,
    "disconnected": STATION_CONNECTION_CLOSED,
    "never": STATION_CONNECTION_NEVER,
}


def _list_request(visit: Visit) -> ListStationsRequest:
    query = visit.query
    request = ListStationsRequest(
        page_size=PAGE_SIZE,
        page_token=query["page"],
        station_id_prefix=query["id"],
        vendor_name=query["vendor"],
        model=query["model"],
        firmware_version=query["firmware"],
        ocpp_version=query["version"],
        held=query["state"] == "held",
        faulted_only=query["state"] == "faulted",
        connection=_CONNECTIONS.get(query["state"], STATION_CONNECTION_UNSPECIFIED),
    )
    if query["location"] or query["group"] or query["label"]:
        key, _separator, value = query["label"].partition("=")
        request.stations.CopyFrom(
            StationSelector(
                location_ids=[query["location"]] if query["location"] else [],
                groups=[query["group"]] if query["group"] else [],
                labels={key: value} if key else {},
            )
        )
    return request


async def _table(visit: Visit) -> Mapping[str, object]:
    answer = await visit.citrine.stations.ListStations(_list_request(visit))
    ids = [station.station_id for station in answer.stations]
    connectors: dict[str, list[object]] = {}
    if ids and visit.may("ListConnectors"):
        request = ListConnectorsRequest(stations=StationSelector(station_ids=ids), page_size=1000)
        for connector in (await visit.citrine.availability.ListConnectors(request)).connectors:
            connectors.setdefault(connector.station_id, []).append(connector)
    return {"stations": answer.stations, "connectors": connectors, **paging(visit, answer.next_page_token)}


async def _filters(visit: Visit) -> Mapping[str, object]:
    locations = []
    if visit.may("ListLocations"):
        locations = [*(await visit.citrine.locations.ListLocations(ListLocationsRequest(page_size=1000))).locations]
    return {"locations": locations, "states": {key: _(name) for key, name in _STATES.items()}}


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

ACTIONS: list[Action] = [dialog.action() for dialog in station_actions.DIALOGS]
