"""Block G: ChangeAvailability."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.connection import Answer
from citrine_simulator.parts import Parts

__all__ = ["AvailabilityAnswers"]


class AvailabilityAnswers:
    """ChangeAvailability of the station, an EVSE or a connector."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @answers("ChangeAvailability")
    async def change_availability(self, payload: dict[str, Any]) -> Answer:
        """Change the availability now, or after the end of the transaction (G03, G04)."""
        charging = self._parts.charging
        evse = payload.get("evse", {})
        evse_id, connector_id = evse.get("id"), evse.get("connectorId")
        known = evse_id is None or (
            evse_id in charging.evses and connector_id in (None, *charging.evses[evse_id].connectors)
        )
        if not known:
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}})
        operative = payload["operationalStatus"] == "Operative"
        # StatusNotifications of the changed connectors follow this answer (G03.FR.04).
        return Answer({"status": charging.change_availability(evse_id, connector_id, operative)})
