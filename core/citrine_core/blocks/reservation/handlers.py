"""Handlers of ReservationStatusUpdate, and of the answers of stations to ReserveNow and CancelReservation."""

from collections.abc import Callable, Sequence
from datetime import datetime

from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.blocks.reservation.record import change, enter, replace_active, replace_at_evse
from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.blocks.reservation.requests import new_row
from citrine_core.blocks.reservation.states import Says, meant, state_after_answer, state_after_update
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, handles, handles_answer, handles_failure
from citrine_core.services import Services

__all__ = ["ReservationHandlers"]

_REQUESTED = ReservationState.RESERVATION_STATE_REQUESTED
_ACTIVE = ReservationState.RESERVATION_STATE_ACTIVE
_REMOVED = ReservationState.RESERVATION_STATE_REMOVED
_FAILED = ReservationState.RESERVATION_STATE_FAILED


class ReservationHandlers:
    """Handles messages and answers of stations about reservations (functional block H).

    Args:
        services: Clock of the core.
        wake: Makes the block's job run at once.
    """

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._clock = services.clock
        self._wake = wake

    @handles(ocpp.ReservationStatusUpdateRequest, batched=True)
    async def status_updates(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.ReservationStatusUpdateRequest]]
    ) -> Sequence[ocpp.ReservationStatusUpdateResponse]:
        """Record how reservations ended (H01.FR.16, H01.FR.17, H04.FR.01).

        An update that is resent, or is of an unknown reservation, changes nothing.
        """
        now = self._clock()
        keys = {(call.station_id, call.message.reservation_id) for call in calls}
        found = await ReservationRepository(work.session).find_for_update(calls[0].tenant_id, keys)
        for call in calls:
            row = meant(found[call.station_id, call.message.reservation_id])
            state = state_after_update(call.message.reservation_update_status)
            if row is not None and state is not None:
                _apply_update(work, row, state, call, now)
        return [ocpp.ReservationStatusUpdateResponse()] * len(calls)

    @handles_answer(ocpp.ReserveNowResponse)
    async def reserve_now_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.ReserveNowRequest, ocpp.ReserveNowResponse]
    ) -> None:
        """Record whether a station accepted a reservation (H01)."""
        now, status = self._clock(), answered.response.status
        rows = await _rows_of(work, answered.tenant_id, answered.station_id, answered.request.id)
        row = _asked(rows)
        if row is not None and row.state != _REQUESTED:
            # A message that the station sent after the answer was handled before it: the reservation has ended.
            row.status = status
            work.stamp(row)
            if state_after_answer(status) == _ACTIVE:
                row.accept_time, row.bill_time = answered.receive_time, now
            return
        state = state_after_answer(status)
        if state == _ACTIVE:
            await replace_active(work, rows, row, time=answered.receive_time, now=now)
            accepted = row or new_row(answered.tenant_id, answered.station_id, answered.request, state, now, now)
            await replace_at_evse(work, accepted, time=answered.receive_time, now=now)
        info = answered.response.status_info
        detail = f"{info.reason_code} {info.additional_info}".strip()
        if row is None:
            # It was sent by CallStation, which records no reservation.
            row = new_row(answered.tenant_id, answered.station_id, answered.request, state, now, now)
            row.status, row.detail, row.state_time = status, detail, answered.receive_time
            row.accept_time = answered.receive_time if state == _ACTIVE else None
            enter(work, row)
            return
        row.status = status
        if row.resends and state != _ACTIVE:
            # The station had accepted it before, and refuses it now.
            state, detail = _REMOVED, f"{row.detail}, and refused it: {detail}".removesuffix(": ")
        if state == _ACTIVE and row.accept_time is None:
            # A reservation that is sent again is billed from its first acceptance on.
            row.accept_time = answered.receive_time
        change(work, row, state, Says.STATION, time=answered.receive_time, now=now, detail=detail)

    @handles_failure(ocpp.ReserveNowRequest)
    async def reserve_now_failed(self, work: UnitOfWork, failed: Failed[ocpp.ReserveNowRequest]) -> None:
        """Record that a station did not answer a reservation."""
        now = self._clock()
        row = _asked(await _rows_of(work, failed.tenant_id, failed.station_id, failed.request.id))
        if row is None or row.state != _REQUESTED:
            return
        state = ReservationState.RESERVATION_STATE_CANCELLED if failed.withdrawn else _FAILED
        if row.resends:
            # The station had accepted it before. Whether it still has it is not known.
            state = ReservationState.RESERVATION_STATE_EXPIRED if now >= row.expire_time else _REMOVED
        detail = f"{row.detail}: {failed.text}" if row.resends else failed.text
        change(work, row, state, Says.BELIEF, time=failed.time, now=now, detail=detail)
        if failed.may_have_arrived or row.resends:
            row.clean_up_time = now
            work.after_commit(self._wake)

    @handles_answer(ocpp.CancelReservationResponse)
    async def cancel_reservation_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.CancelReservationRequest, ocpp.CancelReservationResponse]
    ) -> None:
        """Record that a station cancelled a reservation (H02.FR.02), or has no such reservation (H02.FR.01)."""
        row = meant(await _rows_of(work, answered.tenant_id, answered.station_id, answered.request.reservation_id))
        if row is None:
            return
        now, time = self._clock(), answered.receive_time
        accepted = ocpp.CancelReservationStatusEnum.CANCEL_RESERVATION_STATUS_ENUM_ACCEPTED
        row.clean_up_time = None
        if answered.response.status == accepted:
            change(work, row, ReservationState.RESERVATION_STATE_CANCELLED, Says.STATION, time=time, now=now)
        elif row.state == _ACTIVE:
            detail = "the station was asked to cancel it, and has no such reservation"
            removed = ReservationState.RESERVATION_STATE_REMOVED
            # An inference, because an update of the station with the reason may still arrive.
            change(work, row, removed, Says.BELIEF, time=time, now=now, detail=detail)


async def _rows_of(work: UnitOfWork, tenant_id: str, station_id: str, reservation_id: int) -> list[Reservation]:
    key = (station_id, reservation_id)
    return (await ReservationRepository(work.session).find_for_update(tenant_id, {key}))[key]


def _asked(rows: Sequence[Reservation]) -> Reservation | None:
    """Return the reservation whose command has not ended."""
    return next((row for row in rows if row.status is None and row.state != _FAILED), None)


def _apply_update(
    work: UnitOfWork, row: Reservation, state: int, call: Call[ocpp.ReservationStatusUpdateRequest], now: datetime
) -> None:
    content = call.message.SerializeToString()
    if row.status_update != content:
        row.status_update = content
        work.stamp(row)
    if row.state == state:
        # The station confirms the state that the core inferred.
        row.is_told = True
    change(work, row, state, Says.STATION, time=call.receive_time, now=now)
