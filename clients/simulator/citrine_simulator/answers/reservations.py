"""Block H: reservations of EVSEs. A reservation ends when it is used, cancelled or expired."""

from functools import partial
from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.clock import parse_time, sleep_or
from citrine_simulator.connection import Answer
from citrine_simulator.evse import Evse, Reservation
from citrine_simulator.parts import Parts

__all__ = ["ReservationAnswers"]


class ReservationAnswers:
    """ReserveNow and CancelReservation. Each reservation is for one EVSE."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @answers("ReserveNow")
    async def reserve_now(self, payload: dict[str, Any]) -> Answer:
        """Reserve an EVSE for a token (H01)."""
        evse = self._parts.charging.evses.get(payload.get("evseId", 0))
        if evse is None or not self._parts.model.flag("ReservationCtrlr.Enabled"):
            # H01.FR.01, H01.FR.19: this station does not support reservations without an EVSE.
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "UnspecifiedEvse"}})
        old = self._find(payload["id"])
        status = self._status(evse, old)
        if status != "Available":
            # H01.FR.11, H01.FR.12, H01.FR.14
            return Answer({"status": status})
        if old is not None:
            # H01.FR.02
            self._release(old)
        token, group = payload["idToken"], payload.get("groupIdToken", {})
        reservation = Reservation(payload["id"], token["idToken"], group.get("idToken"))
        evse.reservation = reservation
        end = payload["expiryDateTime"]
        return Answer({"status": "Accepted"}, partial(self._run_out, evse, reservation, end))

    @answers("CancelReservation")
    async def cancel_reservation(self, payload: dict[str, Any]) -> Answer:
        """Cancel a reservation (H02)."""
        evse = self._find(payload["reservationId"])
        if evse is None:
            # H02.FR.01
            return Answer({"status": "Rejected"})
        return Answer({"status": "Accepted"}, partial(self._cancel, evse))

    def _find(self, reservation_id: int) -> Evse | None:
        evses = self._parts.charging.evses.values()
        return next(
            (one for one in evses if one.reservation and one.reservation.reservation_id == reservation_id), None
        )

    def _status(self, evse: Evse, old: Evse | None) -> str:
        if evse.reservation is not None and evse is not old:
            return "Occupied"
        if evse.transaction is not None:
            return "Occupied"
        reservation, evse.reservation = evse.reservation, None
        statuses = {evse.status(one, self._parts.charging.operative) for one in evse.connectors.values()}
        evse.reservation = reservation
        if "Available" in statuses:
            return "Available"
        return "Occupied" if statuses & {"Occupied", "Reserved"} else statuses.pop()

    def _release(self, evse: Evse) -> None:
        if evse.reservation is not None:
            evse.reservation.over.set()
            evse.reservation = None

    async def _cancel(self, evse: Evse) -> None:
        self._release(evse)
        self._parts.charging.refresh()

    async def _run_out(self, evse: Evse, reservation: Reservation, end: str) -> None:
        # H01.FR.23
        self._parts.charging.refresh()
        seconds = (parse_time(end) - self._parts.now()).total_seconds()
        await sleep_or(self._parts.clock, max(0.0, seconds), reservation.over)
        if evse.reservation is not reservation:
            # The reservation was used, cancelled or replaced.
            return
        # H01.FR.16, H01.FR.17, H04.FR.01
        status = "Removed" if reservation.over.is_set() else "Expired"
        evse.reservation = None
        self._parts.charging.refresh()
        await self._parts.call(
            "ReservationStatusUpdate",
            {"reservationId": reservation.reservation_id, "reservationUpdateStatus": status},
        )
