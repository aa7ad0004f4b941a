"""LocationsService: the operator's access to locations."""

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import locations_pb2 as pb
from citrine.events.v1.events_pb2 import LocationChanged
from citrine_core.db.changes import change_time
from citrine_core.errors import Conflict, FailedPrecondition
from citrine_core.ids import new_id
from citrine_core.resources.locations.checks import check_location_id
from citrine_core.resources.locations.evse_rpcs import EvseRpcs
from citrine_core.resources.locations.location_checks import check_location
from citrine_core.resources.locations.models import Location
from citrine_core.resources.locations.protos import assign_location, show_evses, show_location
from citrine_core.resources.locations.queries import location_changed
from citrine_core.resources.locations.ranges import span_of
from citrine_core.resources.locations.repository import EvseRepository, LocationRepository
from citrine_core.resources.stations.queries import location_has_stations
from citrine_core.rpc import apply_mask, caller, open_page, required

__all__ = ["LocationsServicer"]

_OUTPUT = {"location_id", "tenant_id", "evses", "create_time", "update_time", "etag"}

CHANGEABLE = tuple(field.name for field in pb.Location.DESCRIPTOR.fields if field.name not in _OUTPUT)
"""Fields that UpdateLocation may change."""

MOST_WITH_EVSES = 100
"""Locations of a page that shows their EVSEs."""


class LocationsServicer(EvseRpcs):
    """Locations and their EVSEs as the API shows them."""

    async def GetLocation(
        self, request: pb.GetLocationRequest, context: grpc.aio.ServicerContext[pb.GetLocationRequest, pb.Location]
    ) -> pb.Location:
        location_id, tenant_id = required("location_id", request.location_id), caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            row = await LocationRepository(work.session).get(tenant_id, location_id)
            rows = await EvseRepository(work.session).at(tenant_id, [location_id])
            return show_location(row, await show_evses(work.session, tenant_id, rows))

    async def ListLocations(
        self,
        request: pb.ListLocationsRequest,
        context: grpc.aio.ServicerContext[pb.ListLocationsRequest, pb.ListLocationsResponse],
    ) -> pb.ListLocationsResponse:
        tenant_id = caller(context).tenant_id
        page = open_page(request, most=MOST_WITH_EVSES) if request.include_evses else open_page(request)
        evses: dict[str, list[pb.LocationEvse]] = {}
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await LocationRepository(work.session).list(
                tenant_id,
                page,
                changed=span_of(request.update_time) if request.HasField("update_time") else None,
                published_only=request.published_only,
                country=request.country,
            )
            if request.include_evses:
                there = await EvseRepository(work.session).at(tenant_id, [row.location_id for row in rows])
                for one in await show_evses(work.session, tenant_id, there):
                    evses.setdefault(one.location_id, []).append(one)
        locations = [show_location(row, evses.get(row.location_id, ())) for row in rows]
        return pb.ListLocationsResponse(locations=locations, next_page_token=token)

    async def CreateLocation(
        self,
        request: pb.CreateLocationRequest,
        context: grpc.aio.ServicerContext[pb.CreateLocationRequest, pb.Location],
    ) -> pb.Location:
        given = request.location
        if given.location_id:
            check_location_id("location.location_id", given.location_id)
        check_location(given, CHANGEABLE)
        row = Location(
            tenant_id=caller(context).tenant_id,
            location_id=given.location_id or new_id(),
            create_time=self._clock(),
            version=1,
        )
        assign_location(row, given, CHANGEABLE)
        async with self._unit_of_work() as work:
            row.update_time = await change_time(work.session, self._clock)
            await LocationRepository(work.session).add(row)
            shown = show_location(row)
            location_changed(
                work, row.tenant_id, row.location_id, LocationChanged.KIND_CREATED, row.update_time, location=shown
            )
            await work.commit()
        return shown

    async def UpdateLocation(
        self,
        request: pb.UpdateLocationRequest,
        context: grpc.aio.ServicerContext[pb.UpdateLocationRequest, pb.Location],
    ) -> pb.Location:
        given, tenant_id = request.location, caller(context).tenant_id
        required("location.location_id", given.location_id)
        fields = apply_mask(request.update_mask, given, CHANGEABLE)
        async with self._unit_of_work() as work:
            row = await LocationRepository(work.session).get(tenant_id, given.location_id, for_update=True)
            if given.etag and given.etag != str(row.version):
                raise Conflict(f"location {row.location_id} was changed in between")
            assign_location(row, given, fields)
            # As a whole: what one field may be depends on others.
            check_location(pb.Location.FromString(row.content), CHANGEABLE)
            row.version += 1
            row.update_time = await change_time(work.session, self._clock)
            location_changed(
                work,
                tenant_id,
                row.location_id,
                LocationChanged.KIND_UPDATED,
                row.update_time,
                location=show_location(row),
            )
            rows = await EvseRepository(work.session).at(tenant_id, [row.location_id])
            shown = show_location(row, await show_evses(work.session, tenant_id, rows))
            await work.commit()
        return shown

    async def DeleteLocation(
        self, request: pb.DeleteLocationRequest, context: grpc.aio.ServicerContext[pb.DeleteLocationRequest, Empty]
    ) -> Empty:
        location_id, tenant_id = required("location_id", request.location_id), caller(context).tenant_id
        async with self._unit_of_work() as work:
            repository = LocationRepository(work.session)
            row = await repository.get(tenant_id, location_id, for_update=True)
            if await location_has_stations(work.session, tenant_id, location_id):
                raise FailedPrecondition(f"stations stand at location {location_id}")
            if await EvseRepository(work.session).are_at(tenant_id, location_id):
                raise FailedPrecondition(f"there are EVSEs at location {location_id}")
            await repository.remove(row)
            location_changed(work, tenant_id, location_id, LocationChanged.KIND_DELETED, self._clock())
            await work.commit()
        return Empty()
