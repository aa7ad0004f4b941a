"""The filter of the table of stations, as the request that lists what it finds."""

from collections.abc import Mapping

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import (
    STATION_CONNECTION_CLOSED,
    STATION_CONNECTION_NEVER,
    STATION_CONNECTION_OPEN,
    STATION_CONNECTION_UNSPECIFIED,
    STATION_ORDER_FIRMWARE,
    STATION_ORDER_ID,
    STATION_ORDER_LAST_SEEN,
    STATION_ORDER_MODEL,
    STATION_ORDER_STATE,
    ListStationsRequest,
    StationOrder,
)
from citrine_console.texts import noop
from citrine_console.visits import Visit

__all__ = ["STATES", "list_request"]

PAGE_SIZE = 50

STATES: Mapping[str, str] = {
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

_ORDERS: Mapping[str, StationOrder.ValueType] = {
    "state": STATION_ORDER_STATE,
    "model": STATION_ORDER_MODEL,
    "firmware": STATION_ORDER_FIRMWARE,
    "seen": STATION_ORDER_LAST_SEEN,
}
"""Columns of the table, besides the id, by which it is ordered."""


def list_request(visit: Visit) -> ListStationsRequest:
    """Return the request that lists a page of what the filter of a visit finds."""
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
        order=_ORDERS.get(query["order"], STATION_ORDER_ID),
        descending=bool(query["descending"]),
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
