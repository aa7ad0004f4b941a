"""The time zone of what a page is about: that of the location of a station, where it stands at one that says it."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import grpc

from citrine.api.v1.locations_pb2 import GetLocationRequest
from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine_console.visits import Visit

__all__ = ["station_zone", "zone_of"]


def zone_of(name: str, visit: Visit) -> ZoneInfo:
    """Return a time zone by its name, and that of the browser where there is none."""
    try:
        return ZoneInfo(name) if name else visit.zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return visit.zone


async def station_zone(visit: Visit, station_id: str) -> ZoneInfo:
    """Return the time zone of a station, and that of the browser where it is not known."""
    if not visit.may("GetStation", "GetLocation"):
        return visit.zone
    try:
        station = await visit.citrine.stations.GetStation(GetStationRequest(station_id=station_id))
        if not station.location_id:
            return visit.zone
        request = GetLocationRequest(location_id=station.location_id)
        return zone_of((await visit.citrine.locations.GetLocation(request)).time_zone, visit)
    except grpc.aio.AioRpcError as error:
        # Transactions outlive stations and locations.
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return visit.zone
