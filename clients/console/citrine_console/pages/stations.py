"""Stations: the table of all, and the page of one."""

from collections.abc import Mapping

from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.commands_pb2 import ListCommandsRequest
from citrine.api.v1.connections_pb2 import ListConnectionRecordsRequest
from citrine.api.v1.locations_pb2 import ListLocationsRequest
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import (
    STATION_CONNECTION_CLOSED,
    STATION_CONNECTION_NEVER,
    STATION_CONNECTION_OPEN,
    STATION_CONNECTION_UNSPECIFIED,
    GetStationRequest,
    ListStationsRequest,
)
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine_console.live import Page, Region, of_station
from citrine_console.pages import station_actions
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

_STATION_EVENTS = ("station_connected", "station_disconnected", "station_changed", "station_held", "station_booted")


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


async def _head(visit: Visit) -> Mapping[str, object]:
    station = await visit.citrine.stations.GetStation(GetStationRequest(station_id=visit["station_id"]))
    return {
        "station": station,
        "buttons": station_actions.buttons(visit),
        "more_buttons": station_actions.more_buttons(visit),
    }


async def _running(visit: Visit) -> Mapping[str, object]:
    request = ListTransactionsRequest(station_id=visit["station_id"], active_only=True, page_size=50)
    answer = await visit.citrine.transactions.ListTransactions(request)
    return {"transactions": answer.transactions}


async def _commands(visit: Visit) -> Mapping[str, object]:
    request = ListCommandsRequest(station_id=visit["station_id"], page_size=10)
    return {"commands": (await visit.citrine.commands.ListCommands(request)).commands}


async def _connections(visit: Visit) -> Mapping[str, object]:
    request = ListConnectionRecordsRequest(station_id=visit["station_id"], page_size=10)
    return {"records": (await visit.citrine.connections.ListConnectionRecords(request)).records}


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
                kinds=(*_STATION_EVENTS, "connector_status_changed"),
                is_main=True,
                every=60,
            ),
        ],
    ),
    Page(
        path="/stations/{station_id}",
        title=lambda visit: visit["station_id"],
        template="stations/station.html",
        section="stations",
        needs=("GetStation",),
        regions=[
            Region(
                "head",
                "stations/head.html",
                _head,
                kinds=(*_STATION_EVENTS, "connector_status_changed", "availability_answered", "messages_refused"),
                concerns=of_station,
                is_main=True,
                every=60,
            ),
            Region(
                "running",
                "stations/running.html",
                _running,
                kinds=("transaction_started", "transaction_updated", "transaction_ended", "transaction_closed"),
                concerns=of_station,
                needs=("ListTransactions",),
            ),
            Region(
                "commands",
                "stations/commands.html",
                _commands,
                kinds=("command_finished",),
                concerns=of_station,
                needs=("ListCommands",),
                every=15,
            ),
            Region(
                "connections",
                "stations/connections.html",
                _connections,
                kinds=("station_connected", "station_disconnected"),
                concerns=of_station,
                needs=("ListConnectionRecords",),
            ),
        ],
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in station_actions.DIALOGS]
