"""Reservations of connectors (chapters 5.1 and 5.13)."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.answers.reservations import ReservationAnswers
from citrine_simulator.connection import Answer
from citrine_simulator.messages import id_token
from citrine_simulator.v16.connectors import ConnectorNumbers

__all__ = ["ReservationAnswers16"]


class ReservationAnswers16:
    """ReserveNow and CancelReservation. Connector 0 can't be reserved (ReserveConnectorZeroSupported)."""

    def __init__(self, reservations: ReservationAnswers, connectors: ConnectorNumbers) -> None:
        self._reservations = reservations
        self._connectors = connectors

    @answers("ReserveNow")
    async def reserve_now(self, payload: dict[str, Any]) -> Answer:
        """Reserve a connector for a token or its parent."""
        place = self._connectors.place(payload["connectorId"])
        request: dict[str, Any] = {
            "id": payload["reservationId"],
            "evseId": 0 if place is None else place[0],
            "idToken": id_token(payload["idTag"]),
            "expiryDateTime": payload["expiryDate"],
        }
        if "parentIdTag" in payload:
            request["groupIdToken"] = id_token(payload["parentIdTag"])
        answer = await self._reservations.reserve_now(request)
        return Answer({"status": answer.payload["status"]}, answer.then)

    @answers("CancelReservation")
    async def cancel_reservation(self, payload: dict[str, Any]) -> Answer:
        """Cancel a reservation."""
        return await self._reservations.cancel_reservation(payload)
