"""The sequences of messages that paced stations send."""

import random
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from citrine_simulator.ids import new_id
from citrine_simulator.load.wording import Message, stamp

__all__ = ["Talk", "Talker", "talker"]

UPDATES_EACH = 6

ROUND = 5 + UPDATES_EACH
"""Messages of each transaction, see :class:`_Transactions`."""


class Talk(StrEnum):
    """The kind of messages that the stations of a measurement send."""

    HEARTBEATS = "heartbeats"
    METER_VALUES = "meter-values"
    """MeterValues with six sampled values."""
    UPDATES_3 = "updates-3"
    """TransactionEvents (Updated) of one transaction, with three sampled values."""
    UPDATES_6 = "updates-6"
    """The same with six sampled values."""
    TRANSACTIONS = "transactions"
    """Whole transactions: Authorize, StatusNotification, Started, six Updated, Ended, StatusNotification; in OCPP 1.6
    StartTransaction, six MeterValues and StopTransaction."""


class Talker:
    """The endless sequence of messages of one station."""

    lead = 0
    """Number of messages to send before the measurement, each when the previous one is answered."""

    listens = False
    """Whether it takes the answer to its last message during the measurement, too."""

    def say(self) -> Message:
        """Return the next message, with the current time."""
        raise NotImplementedError

    def heard(self, answer: Mapping[str, Any]) -> None:
        """Take the answer to the last message: each one before the measurement, and what it `listens` for."""


def talker(talk: Talk, number: int, token: str, version: str = "2.0.1") -> Talker:
    """Return the sequence for the station with this number and token, in its OCPP version."""
    is_16 = version == "1.6"
    match talk:
        case Talk.HEARTBEATS:
            return _Heartbeats()
        case Talk.METER_VALUES:
            return _MeterValues16() if is_16 else _MeterValues()
        case Talk.TRANSACTIONS:
            return (_Transactions16 if is_16 else _Transactions)(token, number % ROUND)
    samples = 3 if talk is Talk.UPDATES_3 else 6
    return (_Updates16 if is_16 else _Updates)(token, samples)


class _Heartbeats(Talker):
    def say(self) -> Message:
        return "Heartbeat", {}


class _MeterValues(Talker):
    def __init__(self) -> None:
        self._register = 0

    def say(self) -> Message:
        self._register += 10
        return "MeterValues", {"evseId": 1, "meterValue": [_meter_value(stamp(), self._register, 6)]}


class _Transaction:
    """The events of one transaction."""

    def __init__(self, token: str) -> None:
        self._token = {"idToken": token, "type": "ISO14443"}
        self._id = new_id()
        self._seq_no = 0

    def event(self, kind: str, trigger: str, samples: int, **info: str) -> Message:
        now = stamp()
        event = {
            "eventType": kind,
            "timestamp": now,
            "triggerReason": trigger,
            "seqNo": self._seq_no,
            "transactionInfo": {"transactionId": self._id, **info},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [_meter_value(now, 10 * self._seq_no, samples)],
        }
        if kind != "Updated":
            event["idToken"] = self._token
        self._seq_no += 1
        return "TransactionEvent", event

    def started(self) -> Message:
        return self.event("Started", "Authorized", 1, chargingState="Charging")

    def updated(self, samples: int) -> Message:
        return self.event("Updated", "MeterValuePeriodic", samples, chargingState="Charging")

    def ended(self) -> Message:
        return self.event("Ended", "StopAuthorized", 1, stoppedReason="Local")


class _Transaction16:
    """The messages of one transaction of OCPP 1.6, whose id is in the answer to its start."""

    def __init__(self, token: str, register: int = 0) -> None:
        self._token = token
        self.register = register
        self.number = 0

    def started(self) -> Message:
        start = {"connectorId": 1, "idTag": self._token, "meterStart": self.register, "timestamp": stamp()}
        return "StartTransaction", start

    def updated(self, samples: int) -> Message:
        self.register += 10
        value = _meter_value16(self.register, samples)
        return "MeterValues", {"connectorId": 1, "transactionId": self.number, "meterValue": [value]}

    def ended(self) -> Message:
        self.register += 10
        stop = {"transactionId": self.number, "meterStop": self.register, "timestamp": stamp(), "idTag": self._token}
        return "StopTransaction", {**stop, "reason": "Local"}


class _Updates(Talker):
    lead = 1

    def __init__(self, token: str, samples: int) -> None:
        self._transaction = _Transaction(token)
        self._samples = samples
        self._started = False

    def say(self) -> Message:
        if self._started:
            return self._transaction.updated(self._samples)
        self._started = True
        return self._transaction.started()


class _MeterValues16(Talker):
    def __init__(self) -> None:
        self._register = 0

    def say(self) -> Message:
        self._register += 10
        return "MeterValues", {"connectorId": 1, "meterValue": [_meter_value16(self._register, 6)]}


class _Updates16(Talker):
    """MeterValues of one transaction, whose id is in the answer to its start."""

    lead = 1

    def __init__(self, token: str, samples: int) -> None:
        self._transaction = _Transaction16(token)
        self._samples = samples

    def heard(self, answer: Mapping[str, Any]) -> None:
        self._transaction.number = answer["transactionId"]

    def say(self) -> Message:
        return self._transaction.updated(self._samples) if self._transaction.number else self._transaction.started()


class _Rounds(Talker):
    """Successive transactions. Different leads put the stations at different points of a transaction."""

    def __init__(self, token: str, lead: int) -> None:
        self.lead = lead
        self._token = token
        self._steps: Sequence[Callable[[], Message]] = ()
        self._next = 0

    def say(self) -> Message:
        if self._next == len(self._steps):
            self._steps, self._next = self._round(), 0
        self._next += 1
        return self._steps[self._next - 1]()

    def _round(self) -> Sequence[Callable[[], Message]]:
        """Return what to say of the next transaction."""
        raise NotImplementedError


class _Transactions(_Rounds):
    def _round(self) -> Sequence[Callable[[], Message]]:
        transaction = _Transaction(self._token)
        return (
            lambda: ("Authorize", {"idToken": {"idToken": self._token, "type": "ISO14443"}}),
            lambda: _status("Occupied"),
            transaction.started,
            *[lambda: transaction.updated(6)] * UPDATES_EACH,
            transaction.ended,
            lambda: _status("Available"),
        )


class _Transactions16(_Rounds):
    listens = True

    def __init__(self, token: str, lead: int) -> None:
        super().__init__(token, lead)
        self._transaction = _Transaction16(token)

    def heard(self, answer: Mapping[str, Any]) -> None:
        # Of all answers, that to the start alone has it.
        self._transaction.number = answer.get("transactionId", self._transaction.number)

    def _round(self) -> Sequence[Callable[[], Message]]:
        self._transaction = _Transaction16(self._token, self._transaction.register)
        return (
            lambda: ("Authorize", {"idTag": self._token}),
            lambda: _status16("Preparing"),
            self._transaction.started,
            *[lambda: self._transaction.updated(6)] * UPDATES_EACH,
            self._transaction.ended,
            lambda: _status16("Available"),
        )


def _status16(status: str) -> Message:
    return "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": stamp()}


def _status(status: str) -> Message:
    return "StatusNotification", {
        "timestamp": stamp(), "connectorStatus": status, "evseId": 1, "connectorId": 1,
    }  # fmt: skip


def _meter_value16(register: int, samples: int) -> dict[str, Any]:
    value = _meter_value(stamp(), register, samples)
    for sample in value["sampledValue"]:
        sample["value"] = str(sample["value"])
        sample["unit"] = sample.pop("unitOfMeasure")["unit"]
    return value


def _meter_value(now: str, register: int, samples: int) -> dict[str, Any]:
    """Return a MeterValue: register, power and state of charge, then the current of each phase."""
    values = [
        ("Energy.Active.Import.Register", register + 0.5, "Wh"),
        ("Power.Active.Import", 11000.0, "W"),
        ("SoC", 20.0 + register // 10 % 80, "Percent"),
        *[("Current.Import", 16.0 + random.random(), "A")] * 3,
    ]
    sampled: list[dict[str, Any]] = []
    for measurand, value, unit in values[:samples]:
        one: dict[str, Any] = {"value": value, "measurand": measurand, "unitOfMeasure": {"unit": unit}}
        if measurand == "Current.Import":
            one["phase"] = f"L{len(sampled) - 2}"
        sampled.append(one)
    return {"timestamp": now, "sampledValue": sampled}
