"""The messages of a load station: what it says in any OCPP version, and how it says it in 2.0.1 and 2.1."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from citrine_simulator.clock import format_time
from citrine_simulator.ids import new_id

__all__ = ["ENERGY_STEP", "Message", "Wording", "Wording2", "stamp"]

Message = tuple[str, dict[str, Any]]
"""An action and its payload."""

ENERGY_STEP = 10
"""Energy between two messages, in Wh."""

_UPDATED = (
    b'[2,"%b","TransactionEvent",{"eventType":"Updated","timestamp":"%b","triggerReason":"MeterValuePeriodic",'
    b'"seqNo":%d,"transactionInfo":{"transactionId":"%b","chargingState":"Charging"},'
    b'"evse":{"id":1,"connectorId":1},"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":%d.5,"context":"Sample.Periodic","measurand":"Energy.Active.Import.Register",'
    b'"unitOfMeasure":{"unit":"Wh"}},'
    b'{"value":11000.0,"context":"Sample.Periodic","measurand":"Power.Active.Import","unitOfMeasure":{"unit":"W"}},'
    b'{"value":%d.0,"context":"Sample.Periodic","measurand":"SoC","location":"EV",'
    b'"unitOfMeasure":{"unit":"Percent"}}]}]}]'
)
"""An Updated with three sampled values; the arguments are message id, time, seqNo, transactionId, time, Wh and %."""


def stamp() -> str:
    """Return the current time as a dateTime of OCPP."""
    return format_time(datetime.now(UTC))


class Wording(ABC):
    """The messages of one station with one transaction, whose register grows by ENERGY_STEP with each of them."""

    transaction_id: str

    def __init__(self, token: str) -> None:
        self.token = token
        self._events = 0

    @abstractmethod
    def boot(self) -> Message:
        """Return a BootNotification."""

    @abstractmethod
    def status(self, status: str) -> Message:
        """Return the status of the only connector, as OCPP 2.x names it."""

    @abstractmethod
    def started(self) -> Message:
        """Return the start of the transaction."""

    @abstractmethod
    def updated(self, message_id: bytes) -> bytes:
        """Return the frame of meter values of the transaction."""

    @abstractmethod
    def ended(self) -> Message:
        """Return the end of the transaction."""

    @abstractmethod
    def is_started(self, answer: Mapping[str, Any]) -> None:
        """Take the answer to the start."""

    def next_number(self) -> int:
        """Return the number of the next event, from 0 on."""
        self._events += 1
        return self._events - 1


class Wording2(Wording):
    """OCPP 2.0.1 and 2.1."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.transaction_id = new_id()

    def boot(self) -> Message:
        station = {"model": "Load", "vendorName": "Citrine", "serialNumber": "1", "firmwareVersion": "1.0.0"}
        return "BootNotification", {"reason": "PowerUp", "chargingStation": station}

    def status(self, status: str) -> Message:
        return "StatusNotification", {
            "timestamp": stamp(), "connectorStatus": status, "evseId": 1, "connectorId": 1,
        }  # fmt: skip

    def started(self) -> Message:
        return self._event("Started", "Authorized", {"chargingState": "Charging"})

    def is_started(self, answer: Mapping[str, Any]) -> None:
        """Do nothing: the station has chosen the id."""

    def updated(self, message_id: bytes) -> bytes:
        now, number = stamp().encode(), self.next_number()
        return _UPDATED % (
            message_id,
            now,
            number,
            self.transaction_id.encode(),
            now,
            number * ENERGY_STEP,
            20 + number % 80,
        )

    def ended(self) -> Message:
        return self._event("Ended", "StopAuthorized", {"stoppedReason": "Local"})

    def _event(self, event_type: str, trigger: str, info: dict[str, str]) -> Message:
        now, number = stamp(), self.next_number()
        energy = {"value": number * ENERGY_STEP + 0.5, "measurand": "Energy.Active.Import.Register"}
        return "TransactionEvent", {
            "eventType": event_type,
            "timestamp": now,
            "triggerReason": trigger,
            "seqNo": number,
            "transactionInfo": {"transactionId": self.transaction_id, **info},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": self.token, "type": "ISO14443"},
            "meterValue": [{"timestamp": now, "sampledValue": [energy]}],
        }
