"""The messages of a load station, in the OCPP version that it speaks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from citrine_simulator.clock import format_time
from citrine_simulator.ids import new_id

__all__ = ["Message", "Wording", "stamp", "wording"]

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

_METER_VALUES = (
    b'[2,"%b","MeterValues",{"connectorId":1,"transactionId":%b,"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":"%d.5","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":"11000.0","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"},'
    b'{"value":"%d.0","context":"Sample.Periodic","measurand":"SoC","location":"EV","unit":"Percent"}]}]}]'
)
"""The same in OCPP 1.6; the arguments are message id, transactionId, time, Wh and %."""


def stamp() -> str:
    """Return the current time as a dateTime of OCPP."""
    return format_time(datetime.now(UTC))


class Wording(ABC):
    """The messages of one station with one transaction, whose register grows by ENERGY_STEP with each of them."""

    transaction_id: str

    def __init__(self, token: str) -> None:
        self._token = token
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

    def _next(self) -> int:
        """Return the number of the next event, from 0 on."""
        self._events += 1
        return self._events - 1


class _Wording2(Wording):
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
        now, number = stamp().encode(), self._next()
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
        now, number = stamp(), self._next()
        energy = {"value": number * ENERGY_STEP + 0.5, "measurand": "Energy.Active.Import.Register"}
        return "TransactionEvent", {
            "eventType": event_type,
            "timestamp": now,
            "triggerReason": trigger,
            "seqNo": number,
            "transactionInfo": {"transactionId": self.transaction_id, **info},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": self._token, "type": "ISO14443"},
            "meterValue": [{"timestamp": now, "sampledValue": [energy]}],
        }


class _Wording16(Wording):
    """OCPP 1.6: the transaction has its id from the answer to its start on."""

    transaction_id = ""

    def boot(self) -> Message:
        return "BootNotification", {
            "chargePointVendor": "Citrine", "chargePointModel": "Load", "firmwareVersion": "1.0.0",
        }  # fmt: skip

    def status(self, status: str) -> Message:
        named = "Charging" if status == "Occupied" else status
        return "StatusNotification", {
            "connectorId": 1, "errorCode": "NoError", "status": named, "timestamp": stamp(),
        }  # fmt: skip

    def started(self) -> Message:
        start = {"connectorId": 1, "idTag": self._token, "meterStart": self._next() * ENERGY_STEP, "timestamp": stamp()}
        return "StartTransaction", start

    def is_started(self, answer: Mapping[str, Any]) -> None:
        self.transaction_id = str(answer["transactionId"])

    def updated(self, message_id: bytes) -> bytes:
        number = self._next()
        return _METER_VALUES % (
            message_id,
            self.transaction_id.encode(),
            stamp().encode(),
            number * ENERGY_STEP,
            20 + number % 80,
        )

    def ended(self) -> Message:
        register = (self._next() + 1) * ENERGY_STEP
        stop = {"transactionId": int(self.transaction_id), "meterStop": register, "timestamp": stamp()}
        return "StopTransaction", stop | {"reason": "Local", "idTag": self._token}


def wording(version: str, token: str) -> Wording:
    """Return the messages of a station that speaks an OCPP version and has a token."""
    return _Wording16(token) if version == "1.6" else _Wording2(token)
