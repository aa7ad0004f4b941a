"""Charging profiles (chapters 5.5, 5.7 and 5.16)."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.answers.smart_charging import SmartChargingAnswers
from citrine_simulator.connection import Answer
from citrine_simulator.parts import Parts
from citrine_simulator.v16.connectors import STATION, ConnectorNumbers
from citrine_simulator.v16.numbers import TransactionNumbers

__all__ = ["SmartChargingAnswers16"]

REJECTED = {"status": "Rejected"}

_PURPOSES = {"ChargePointMaxProfile": "ChargingStationMaxProfile"}
"""Names of purposes in OCPP 2.x, where they differ."""


class SmartChargingAnswers16:
    """SetChargingProfile, ClearChargingProfile and GetCompositeSchedule."""

    def __init__(
        self,
        parts: Parts,
        profiles: SmartChargingAnswers,
        numbers: TransactionNumbers,
        connectors: ConnectorNumbers,
    ) -> None:
        self._parts = parts
        self._profiles = profiles
        self._numbers = numbers
        self._connectors = connectors

    def profile(self, profile: dict[str, Any]) -> dict[str, Any]:
        """Return a profile as OCPP 2.x has it, with the station's own id of its transaction."""
        purpose = profile["chargingProfilePurpose"]
        result = profile | {
            "id": profile["chargingProfileId"],
            "chargingProfilePurpose": _PURPOSES.get(purpose, purpose),
            "chargingSchedule": [profile["chargingSchedule"]],
        }
        del result["chargingProfileId"]
        if "transactionId" in profile:
            result["transactionId"] = self._numbers.transaction_id(profile["transactionId"]) or ""
        return result

    @answers("SetChargingProfile")
    async def set_profile(self, payload: dict[str, Any]) -> Answer:
        """Install a profile; it takes effect at once."""
        evse_id = self._evse_id(payload["connectorId"])
        profile = self.profile(payload["csChargingProfiles"])
        purpose = profile["chargingProfilePurpose"]
        if evse_id is None or (purpose == "ChargingStationMaxProfile" and evse_id != STATION):
            return Answer(REJECTED)
        transaction = None if evse_id == STATION else self._parts.charging.evse(evse_id).transaction
        if purpose == "TxProfile" and "transactionId" not in profile and transaction is not None:
            # 5.16.1: without a number it is for the transaction of the connector.
            profile["transactionId"] = transaction.transaction_id
        answer = await self._profiles.set_profile({"evseId": evse_id, "chargingProfile": profile})
        return Answer({"status": answer.payload["status"]})

    @answers("ClearChargingProfile")
    async def clear_profiles(self, payload: dict[str, Any]) -> Answer:
        """Remove profiles."""
        request: dict[str, Any] = {"chargingProfileCriteria": {}}
        if "id" in payload:
            request["chargingProfileId"] = payload["id"]
        if "connectorId" in payload:
            evse_id = self._evse_id(payload["connectorId"])
            if evse_id is None:
                return Answer({"status": "Unknown"})
            request["chargingProfileCriteria"]["evseId"] = evse_id
        if "chargingProfilePurpose" in payload:
            purpose = payload["chargingProfilePurpose"]
            request["chargingProfileCriteria"]["chargingProfilePurpose"] = _PURPOSES.get(purpose, purpose)
        if "stackLevel" in payload:
            request["chargingProfileCriteria"]["stackLevel"] = payload["stackLevel"]
        return await self._profiles.clear_profiles(request)

    @answers("GetCompositeSchedule")
    async def composite(self, payload: dict[str, Any]) -> Answer:
        """Return the limits of a connector, or of all together, from now on."""
        evse_id = self._evse_id(payload["connectorId"])
        if evse_id is None:
            return Answer(REJECTED)
        answer = await self._profiles.composite({**payload, "evseId": evse_id})
        schedule = answer.payload.get("schedule")
        if schedule is None:
            return Answer(REJECTED)
        own = ("duration", "chargingRateUnit", "chargingSchedulePeriod")
        return Answer({
            "status": "Accepted",
            "connectorId": payload["connectorId"],
            "scheduleStart": schedule["scheduleStart"],
            "chargingSchedule": {name: schedule[name] for name in own},
        })  # fmt: skip

    def _evse_id(self, number: int) -> int | None:
        """Return the EVSE of a connector, 0 for the station; None: there is no such connector."""
        if number == STATION:
            return STATION
        place = self._connectors.place(number)
        return None if place is None else place[0]
