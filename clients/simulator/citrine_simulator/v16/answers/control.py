"""The core profile's commands: transactions, connectors, availability, reset, cache and vendor data (chapter 5)."""

from functools import partial
from typing import Any

from citrine_simulator.answers.availability import AvailabilityAnswers
from citrine_simulator.answers.base import answers
from citrine_simulator.answers.remote_control import RemoteControlAnswers
from citrine_simulator.answers.reset import ResetAnswers
from citrine_simulator.answers.vendor import VendorAnswers
from citrine_simulator.connection import Answer
from citrine_simulator.messages import id_token
from citrine_simulator.parts import Parts
from citrine_simulator.v16.answers.smart_charging import SmartChargingAnswers16
from citrine_simulator.v16.connectors import STATION, ConnectorNumbers
from citrine_simulator.v16.numbers import TransactionNumbers

__all__ = ["ControlAnswers16"]

REJECTED = {"status": "Rejected"}

REMOTE_START_ID = 0
"""1.6 has none; it is never sent."""


class ControlAnswers16:
    """RemoteStart- and RemoteStopTransaction, UnlockConnector, ChangeAvailability, Reset, ClearCache, DataTransfer."""

    def __init__(
        self,
        parts: Parts,
        remote_control: RemoteControlAnswers,
        reset: ResetAnswers,
        smart_charging: SmartChargingAnswers16,
        numbers: TransactionNumbers,
        connectors: ConnectorNumbers,
    ) -> None:
        self._parts = parts
        self._remote_control = remote_control
        self._reset = reset
        self._smart_charging = smart_charging
        self._numbers = numbers
        self._connectors = connectors
        self._availability = AvailabilityAnswers(parts)
        self._vendor = VendorAnswers(parts)

    @answers("RemoteStartTransaction")
    async def remote_start(self, payload: dict[str, Any]) -> Answer:
        """Start a transaction, after Authorize where AuthorizeRemoteTxRequests says so (5.11)."""
        request: dict[str, Any] = {"idToken": id_token(payload["idTag"]), "remoteStartId": REMOTE_START_ID}
        if "connectorId" in payload:
            place = self._connectors.place(payload["connectorId"])
            if place is None:
                return Answer(REJECTED)
            request["evseId"] = place[0]
        profile = payload.get("chargingProfile")
        if profile is not None:
            if profile["chargingProfilePurpose"] != "TxProfile":
                return Answer(REJECTED)
            request["chargingProfile"] = self._smart_charging.profile(profile)
        return _status(await self._remote_control.start(request))

    @answers("RemoteStopTransaction")
    async def remote_stop(self, payload: dict[str, Any]) -> Answer:
        """End an open transaction (5.12)."""
        transaction_id = self._numbers.transaction_id(payload["transactionId"])
        if transaction_id is None:
            return Answer(REJECTED)
        return _status(await self._remote_control.stop({"transactionId": transaction_id}))

    @answers("UnlockConnector")
    async def unlock(self, payload: dict[str, Any]) -> Answer:
        """Unlock a connector; this ends its transaction first (5.18)."""
        place = self._connectors.place(payload["connectorId"])
        if place is None:
            # Errata, on chapter 7.42.
            return Answer({"status": "NotSupported"})
        evse = self._parts.charging.evse(place[0])
        if evse.transaction is not None and evse.is_busy(place[1]):
            self._parts.charging.stop(evse.transaction, "UnlockCommand", "UnlockCommand")
        return await self._remote_control.unlock({"evseId": place[0], "connectorId": place[1]})

    @answers("ChangeAvailability")
    async def change_availability(self, payload: dict[str, Any]) -> Answer:
        """Change the availability of a connector, or of the station and all connectors (5.2)."""
        request: dict[str, Any] = {"operationalStatus": payload["type"]}
        if payload["connectorId"] != STATION:
            place = self._connectors.place(payload["connectorId"])
            if place is None:
                return Answer(REJECTED)
            request["evse"] = {"id": place[0], "connectorId": place[1]}
        return _status(await self._availability.change_availability(request))

    @answers("Reset")
    async def reset(self, payload: dict[str, Any]) -> Answer:
        """End all transactions, then reboot (5.14)."""
        return Answer({"status": "Accepted"}, partial(self._reset.stop_and_reset, f"{payload['type']}Reset"))

    @answers("ClearCache")
    async def clear_cache(self, payload: dict[str, Any]) -> Answer:
        """Clear the authorization cache (5.4)."""
        return await self._remote_control.clear_cache(payload)

    @answers("DataTransfer")
    async def data_transfer(self, payload: dict[str, Any]) -> Answer:
        """Echo the data of a known vendor (5.6)."""
        return await self._vendor.data_transfer(payload)


def _status(answer: Answer) -> Answer:
    """Return an answer with its status alone."""
    return Answer({"status": answer.payload["status"]}, answer.then)
