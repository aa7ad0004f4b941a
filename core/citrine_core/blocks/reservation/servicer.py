"""ReservationService: the gRPC face of functional block H."""

import grpc

from citrine.api.v1 import reservation_pb2 as pb
from citrine.api.v1 import reservation_pb2_grpc
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.blocks.reservation.requests import ReservationRequests
from citrine_core.errors import InvalidArgument, NotFound
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, changed_span, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["ReservationServicer"]


class ReservationServicer(reservation_pb2_grpc.ReservationServiceServicer):
    """Serves reservations, and the commands that make and cancel them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._requests = ReservationRequests(services.unit_of_work, services.clock)

    async def ReserveNow(
        self,
        request: pb.ReserveNowRequest,
        context: grpc.aio.ServicerContext[pb.ReserveNowRequest, pb.ReserveNowResponse],
    ) -> pb.ReserveNowResponse:
        tenant_id, target, asked = caller(context).tenant_id, request.target, request.request
        required("target.station_id", target.station_id)
        await self._requests.record(tenant_id, target, asked)
        try:
            response = await self._services.commands.call(context, request, pb.ReserveNowResponse)
        except (InvalidArgument, NotFound) as error:
            # If it was refused before a command was stored, no handler records the failure.
            await self._requests.give_back(tenant_id, target.station_id, asked.id, error)
            raise
        response.reservation.CopyFrom(await self._find(tenant_id, target.station_id, asked.id, latest=True))
        return response

    async def CancelReservation(
        self,
        request: pb.CancelReservationRequest,
        context: grpc.aio.ServicerContext[pb.CancelReservationRequest, pb.CancelReservationResponse],
    ) -> pb.CancelReservationResponse:
        if request.record_id:
            await self._name(caller(context).tenant_id, request)
        return await self._services.commands.call(context, request, pb.CancelReservationResponse)

    async def GetReservation(
        self,
        request: pb.GetReservationRequest,
        context: grpc.aio.ServicerContext[pb.GetReservationRequest, pb.Reservation],
    ) -> pb.Reservation:
        tenant_id = caller(context).tenant_id
        if request.record_id:
            async with self._services.unit_of_work(read_only=True) as work:
                return to_proto(await ReservationRepository(work.session).get_by_id(tenant_id, request.record_id))
        return await self._find(tenant_id, required("station_id", request.station_id), request.reservation_id)

    async def ListReservations(
        self,
        request: pb.ListReservationsRequest,
        context: grpc.aio.ServicerContext[pb.ListReservationsRequest, pb.ListReservationsResponse],
    ) -> pb.ListReservationsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await ReservationRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                state=request.state,
                open_only=request.open_only,
                id_token=request.id_token,
                evse_id=request.evse_id if request.HasField("evse_id") else None,
                group_id=request.group_id,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
                changed=changed_span(request),
            )
        return pb.ListReservationsResponse(reservations=[to_proto(row) for row in rows], next_page_token=token)

    async def _name(self, tenant_id: str, request: pb.CancelReservationRequest) -> None:
        """Fill in station and reservationId of the reservation to cancel."""
        async with self._services.unit_of_work(read_only=True) as work:
            row = await ReservationRepository(work.session).get_by_id(tenant_id, request.record_id)
        if request.target.station_id not in ("", row.station_id):
            raise InvalidArgument("target.station_id", f"reservation {row.id} is of station {row.station_id}")
        if request.HasField("request") and request.request.reservation_id != row.reservation_id:
            raise InvalidArgument("request.reservation_id", f"reservation {row.id} has {row.reservation_id}")
        request.target.station_id, request.request.reservation_id = row.station_id, row.reservation_id

    async def _find(
        self, tenant_id: str, station_id: str, reservation_id: int, *, latest: bool = False
    ) -> pb.Reservation:
        async with self._services.unit_of_work(read_only=True) as work:
            found = ReservationRepository(work.session).get(tenant_id, station_id, reservation_id, latest=latest)
            return to_proto(await found)


def to_proto(row: Reservation) -> pb.Reservation:
    """Return a reservation as the API shows it."""
    shown = pb.Reservation(
        tenant_id=row.tenant_id,
        station_id=row.station_id,
        request=ocpp.ReserveNowRequest.FromString(row.request),
        state=row.state,  # type: ignore[arg-type]  # stored as the number
        status=row.status,  # type: ignore[arg-type]  # stored as the number
        detail=row.detail,
        transaction_id=row.transaction_id,
        record_id=row.id,
    )
    if row.status_update is not None:
        shown.status_update.CopyFrom(ocpp.ReservationStatusUpdateRequest.FromString(row.status_update))
    shown.state_time.FromDatetime(row.state_time)
    if row.accept_time is not None:
        shown.accept_time.FromDatetime(row.accept_time)
    shown.create_time.FromDatetime(row.create_time)
    shown.update_time.FromDatetime(row.update_time)
    return shown
