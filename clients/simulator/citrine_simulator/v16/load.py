"""The messages of a load station in OCPP 1.6."""

from collections.abc import Mapping
from typing import Any

from citrine_simulator.load.wording import ENERGY_STEP, Message, Wording, stamp

__all__ = ["Wording16"]

_METER_VALUES = (
    b'[2,"%b","MeterValues",{"connectorId":1,"transactionId":%b,"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":"%d.5","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":"11000.0","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"},'
    b'{"value":"%d.0","context":"Sample.Periodic","measurand":"SoC","location":"EV","unit":"Percent"}]}]}]'
)
"""MeterValues with three sampled values; the arguments are message id, transactionId, time, Wh and %."""


class Wording16(Wording):
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
        start = {
            "connectorId": 1,
            "idTag": self.token,
            "meterStart": self.next_number() * ENERGY_STEP,
            "timestamp": stamp(),
        }
        return "StartTransaction", start

    def is_started(self, answer: Mapping[str, Any]) -> None:
        self.transaction_id = str(answer["transactionId"])

    def updated(self, message_id: bytes) -> bytes:
        number = self.next_number()
        return _METER_VALUES % (
            message_id,
            self.transaction_id.encode(),
            stamp().encode(),
            number * ENERGY_STEP,
            20 + number % 80,
        )

    def ended(self) -> Message:
        register = (self.next_number() + 1) * ENERGY_STEP
        stop = {"transactionId": int(self.transaction_id), "meterStop": register, "timestamp": stamp()}
        return "StopTransaction", stop | {"reason": "Local", "idTag": self.token}
