"""The rpcs of LocationsService about EVSEs."""

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import locations_pb2 as pb
from citrine.api.v1.locations_pb2_grpc import LocationsServiceServicer
from citrine.events.v1.events_pb2 import LocationChanged
from citrine_core.db import UnitOfWork
from citrine_core.db.changes import change_time
from citrine_core.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound
from citrine_core.ids import new_id
from citrine_core.resources.locations.checks import check_location_id
from citrine_core.resources.locations.evse_checks import check_evse, public_key
from citrine_core.resources.locations.models import LocationEvse
from citrine_core.resources.locations.protos import assign_evse, open_filled, show_evses, stored_evse
from citrine_core.resources.locations.queries import location_changed
from citrine_core.resources.locations.ranges import span_of
from citrine_core.resources.locations.repository import EvseRepository, LocationRepository
from citrine_core.resources.stations.queries import find_station, lock_locations_of
from citrine_core.rpc import apply_mask, caller, open_page, required
from citrine_core.services import Services

__all__ = ["EvseRpcs"]

_OUTPUT = {"uid", "location_id", "status", "status_time", "stale_since", "filled", "delete_time"}
_TIMES = {"create_time", "update_time", "etag"}

CHANGEABLE = tuple(field.name for field in pb.LocationEvse.DESCRIPTOR.fields if field.name not in _OUTPUT | _TIMES)
"""Fields that UpdateLocationEvse may change."""


class EvseRpcs(LocationsServiceServicer):
    """EVSEs of locations as the API shows them."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def GetLocationEvse(
        self,
        request: pb.GetLocationEvseRequest,
        context: grpc.aio.ServicerContext[pb.GetLocationEvseRequest, pb.LocationEvse],
    ) -> pb.LocationEvse:
        uid, tenant_id = required("uid", request.uid), caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            row = await EvseRepository(work.session).get(tenant_id, uid)
            return await _shown(work, row)

    async def ListLocationEvses(
        self,
        request: pb.ListLocationEvsesRequest,
        context: grpc.aio.ServicerContext[pb.ListLocationEvsesRequest, pb.ListLocationEvsesResponse],
    ) -> pb.ListLocationEvsesResponse:
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await EvseRepository(work.session).list(
                tenant_id,
                open_page(request),
                changed=span_of(request.update_time) if request.HasField("update_time") else None,
                with_removed=request.include_deleted,
                location_id=request.location_id,
                station_id=request.station_id,
                public_key=public_key(request.public_id),
            )
            evses = await show_evses(work.session, tenant_id, rows)
        return pb.ListLocationEvsesResponse(evses=evses, next_page_token=token)

    async def CreateLocationEvse(
        self,
        request: pb.CreateLocationEvseRequest,
        context: grpc.aio.ServicerContext[pb.CreateLocationEvseRequest, pb.LocationEvse],
    ) -> pb.LocationEvse:
        given, tenant_id = request.evse, caller(context).tenant_id
        required("evse.location_id", given.location_id)
        if given.uid:
            check_location_id("evse.uid", given.uid)
        open_filled(given)
        check_evse(given, CHANGEABLE)
        row = LocationEvse(
            tenant_id=tenant_id,
            uid=given.uid or new_id(),
            location_id=given.location_id,
            create_time=self._clock(),
            version=1,
        )
        assign_evse(row, given, CHANGEABLE)
        async with self._unit_of_work() as work:
            await self._check_place(work, row, given)
            row.update_time = await change_time(work.session, self._clock)
            await EvseRepository(work.session).add(row)
            await self._changed(work, row, LocationChanged.KIND_CREATED)
            shown = await _shown(work, row)
            await work.commit()
        return shown

    async def UpdateLocationEvse(
        self,
        request: pb.UpdateLocationEvseRequest,
        context: grpc.aio.ServicerContext[pb.UpdateLocationEvseRequest, pb.LocationEvse],
    ) -> pb.LocationEvse:
        given, tenant_id = request.evse, caller(context).tenant_id
        required("evse.uid", given.uid)
        open_filled(given)
        fields = apply_mask(request.update_mask, given, CHANGEABLE)
        check_evse(given, fields)
        async with self._unit_of_work() as work:
            repository = EvseRepository(work.session)
            # Stations are locked before their EVSEs, as where they move: two that wait for each other would deadlock.
            stations = {(await repository.get(tenant_id, given.uid)).station_id or "", given.station_id} - {""}
            await lock_locations_of(work.session, tenant_id, stations)
            row = await repository.get(tenant_id, given.uid, for_update=True)
            if row.remove_time is not None:
                raise FailedPrecondition(f"EVSE {row.uid} was removed")
            if given.etag and given.etag != str(row.version):
                raise Conflict(f"EVSE {row.uid} was changed in between")
            assign_evse(row, given, fields)
            if bool(row.station_id) != (row.evse_id is not None):
                raise InvalidArgument("evse.evse_id", "must be given with station_id")
            await self._check_place(work, row, given)
            row.version += 1
            row.update_time = await change_time(work.session, self._clock)
            await repository.flush(row)
            await self._changed(work, row, LocationChanged.KIND_UPDATED)
            shown = await _shown(work, row)
            await work.commit()
        return shown

    async def DeleteLocationEvse(
        self,
        request: pb.DeleteLocationEvseRequest,
        context: grpc.aio.ServicerContext[pb.DeleteLocationEvseRequest, Empty],
    ) -> Empty:
        uid, tenant_id = required("uid", request.uid), caller(context).tenant_id
        async with self._unit_of_work() as work:
            row = await EvseRepository(work.session).get(tenant_id, uid, for_update=True)
            if row.remove_time is not None:
                raise NotFound("EVSE", uid)
            row.remove_time = row.update_time = await change_time(work.session, self._clock)
            row.version += 1
            await self._changed(work, row, LocationChanged.KIND_DELETED)
            await work.commit()
        return Empty()

    async def _changed(self, work: UnitOfWork, row: LocationEvse, kind: LocationChanged.Kind.ValueType) -> None:
        """Tell of a change of an EVSE, which is one of its location."""
        await LocationRepository(work.session).touch(row.tenant_id, [row.location_id], row.update_time)
        evse = None if kind == LocationChanged.KIND_DELETED else stored_evse(row)
        location_changed(
            work, row.tenant_id, row.location_id, kind, row.update_time, row.uid, row.station_id, evse=evse
        )

    async def _check_place(self, work: UnitOfWork, row: LocationEvse, given: pb.LocationEvse) -> None:
        """Refuse an EVSE without its location or parking place, or whose station stands elsewhere."""
        # Without autoflush: a violated constraint is to be named by the repository.
        with work.session.no_autoflush:
            await LocationRepository(work.session).retain(row.tenant_id, row.location_id)
            location = await LocationRepository(work.session).get(row.tenant_id, row.location_id)
            places = {one.parking_id for one in pb.Location.FromString(location.content).parking_places}
            for number, parking in enumerate(given.parking):
                if parking.parking_id not in places:
                    wanted = f"must be one of the parking_places of location {row.location_id}"
                    raise InvalidArgument(f"evse.parking[{number}].parking_id", wanted)
            if row.station_id is None:
                return
            if await find_station(work.session, row.tenant_id, row.station_id) is None:
                raise NotFound("station", row.station_id)
            placed = await lock_locations_of(work.session, row.tenant_id, [row.station_id])
            if placed.get(row.station_id) != row.location_id:
                raise FailedPrecondition(f"station {row.station_id} does not stand at location {row.location_id}")


async def _shown(work: UnitOfWork, row: LocationEvse) -> pb.LocationEvse:
    (shown,) = await show_evses(work.session, row.tenant_id, [row])
    return shown
