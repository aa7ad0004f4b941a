"""A station that answers ReserveNow and CancelReservation, and those who ask it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from citrine.api.v1 import reservation_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.reservation_pb2_grpc import ReservationServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum, StatusNotificationRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from tests.support.blocks import events, stamp
from tests.support.core import RunningCore
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeSession

__all__ = ["Desk", "in_an_hour", "reserve_now"]

ACCEPTED = ocpp.RESERVE_NOW_STATUS_ENUM_ACCEPTED


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def reserve_now(**fields: Any) -> ocpp.ReserveNowRequest:
    """Return a request that has what every one must have, besides the given fields."""
    fields = {"expiry_date_time": stamp(in_an_hour()), "id_token": IdToken(id_token="AA", type="Central"), **fields}
    return ocpp.ReserveNowRequest(**fields)


@dataclass
class Desk:
    """The API of reservations, and the one station that they are made at."""

    core: RunningCore
    session: FakeSession
    status: ocpp.ReserveNowStatusEnum.ValueType | None = ACCEPTED
    """What the station answers. None: nothing in time."""
    cancel_status: ocpp.CancelReservationStatusEnum.ValueType = ocpp.CANCEL_RESERVATION_STATUS_ENUM_ACCEPTED
    sent: list[Any] = field(default_factory=list)
    """What the station was sent."""

    def __post_init__(self) -> None:
        self.api = self.core.stub(ReservationServiceStub)
        self.session.edge.on_command = self._answer

    def _answer(self, command: Any) -> Any:
        message = unwrap(command.request)
        self.sent.append(message)
        if isinstance(message, ocpp.CancelReservationRequest):
            return ocpp.CancelReservationResponse(status=self.cancel_status)
        if self.status is None:
            return link.CommandFailure(reason=link.CommandFailure.REASON_TIMEOUT)
        return ocpp.ReserveNowResponse(status=self.status)

    async def reserve(self, target: CommandTarget | None = None, **fields: Any) -> pb.Reservation:
        """Have an EVSE reserved, and return the reservation."""
        request = pb.ReserveNowRequest(target=target or CommandTarget(station_id="CS-1"), request=reserve_now(**fields))
        response = await self.api.ReserveNow(request)
        reservation: pb.Reservation = response.reservation
        return reservation

    async def cancel(self, reservation_id: int) -> pb.CancelReservationResponse:
        request = ocpp.CancelReservationRequest(reservation_id=reservation_id)
        target = CommandTarget(station_id="CS-1")
        return await self.api.CancelReservation(pb.CancelReservationRequest(target=target, request=request))

    async def update(self, reservation_id: int, status: str) -> None:
        """Have the station tell how a reservation ended."""
        value = ocpp.ReservationUpdateStatusEnum.Value(f"RESERVATION_UPDATE_STATUS_ENUM_{status}")
        request = ocpp.ReservationStatusUpdateRequest(reservation_id=reservation_id, reservation_update_status=value)
        await self.session.call(request)

    async def connector(self, evse_id: int, status: str) -> None:
        """Have the station tell the status of a connector."""
        await self.session.call(
            StatusNotificationRequest(
                timestamp=stamp(datetime.now(UTC)),
                evse_id=evse_id,
                connector_id=1,
                connector_status=ConnectorStatusEnum.Value(f"CONNECTOR_STATUS_ENUM_{status}"),
            )
        )

    async def get(self, reservation_id: int) -> pb.Reservation:
        return await self.api.GetReservation(pb.GetReservationRequest(station_id="CS-1", reservation_id=reservation_id))

    async def state(self, reservation_id: int) -> str:
        """Return the state of a reservation as a word."""
        found = await self.get(reservation_id)
        return pb.ReservationState.Name(found.state).removeprefix("RESERVATION_STATE_")

    async def told(self) -> list[str]:
        """Return the states that events told, in their order."""
        found = await events(self.core.core.unit_of_work)
        return [name_in(event.reservation_changed, "state") for event in found if event.HasField("reservation_changed")]
