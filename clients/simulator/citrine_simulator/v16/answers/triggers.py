"""TriggerMessage and ExtendedTriggerMessage: messages that the CSMS requests (chapter 5.17, whitepaper F06)."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from citrine_simulator import messages
from citrine_simulator.answers.base import answers
from citrine_simulator.answers.firmware import last_status
from citrine_simulator.authorization import CallCsms
from citrine_simulator.connection import Answer
from citrine_simulator.evse import Evse
from citrine_simulator.parts import Parts
from citrine_simulator.registration import Status
from citrine_simulator.v16.connectors import STATION, ConnectorNumbers
from citrine_simulator.v16.requests import UNSIGNED

__all__ = ["TriggerAnswers16"]

REJECTED = {"status": "Rejected"}

_LAST_REPORTED = {"DownloadScheduled": "Idle", "InstallScheduled": "Downloaded", "InstallRebooting": "Installing"}
"""Statuses of updates without a signature that 1.6 does not have, each with the last that it has."""

Send = Callable[[], Awaitable[None]]


class TriggerAnswers16:
    """Sends a message after its request was accepted."""

    def __init__(self, parts: Parts, connectors: ConnectorNumbers, send: CallCsms) -> None:
        self._parts = parts
        self._connectors = connectors
        self._send = send

    @answers("TriggerMessage")
    async def trigger(self, payload: dict[str, Any]) -> Answer:
        """Send the message that the CSMS requests; those about firmware are the unsigned ones."""
        match payload["requestedMessage"]:
            case "FirmwareStatusNotification":
                last = last_status(self._parts.store)
                status = last["status"] if last.get("requestId", UNSIGNED) == UNSIGNED else "Idle"
                report = {"status": _LAST_REPORTED.get(status, status)}
                return _accepted(partial(self._say, "FirmwareStatusNotification", report))
            case "DiagnosticsStatusNotification":
                return _accepted(partial(self._say, "DiagnosticsStatusNotification", {"status": "Idle"}))
        return self._common(payload)

    @answers("ExtendedTriggerMessage")
    async def extended_trigger(self, payload: dict[str, Any]) -> Answer:
        """Send the message that the CSMS requests; those about firmware are the signed ones."""
        match payload["requestedMessage"]:
            case "FirmwareStatusNotification":
                last = last_status(self._parts.store)
                signed = last if last.get("requestId", UNSIGNED) != UNSIGNED else {"status": "Idle"}
                return _accepted(partial(self._say, "SignedFirmwareStatusNotification", signed))
            case "LogStatusNotification":
                return _accepted(partial(self._say, "LogStatusNotification", {"status": "Idle"}))
            case "SignChargePointCertificate":
                return _accepted(partial(self._parts.certificate_order.place, with_new_key=True))
        return self._common(payload)

    def _common(self, payload: dict[str, Any]) -> Answer:
        number = payload.get("connectorId")
        if number not in (None, STATION) and self._connectors.place(number) is None:
            return Answer(REJECTED)
        match payload["requestedMessage"]:
            case "BootNotification":
                return _accepted(self._boot)
            case "Heartbeat":
                return _accepted(self._parts.heartbeats.beat)
            case "StatusNotification":
                return _accepted(partial(self._report_statuses, number))
            case "MeterValues":
                return _accepted(partial(self._report_meters, self._evses(number)))
        return Answer({"status": "NotImplemented"})

    def _evses(self, number: int | None) -> Sequence[Evse]:
        charging = self._parts.charging
        place = None if number is None else self._connectors.place(number)
        return list(charging.evses.values()) if place is None else [charging.evse(place[0])]

    async def _say(self, action: str, payload: dict[str, Any]) -> None:
        await self._send(action, payload)

    async def _boot(self) -> None:
        if self._parts.registration.status is not Status.ACCEPTED:
            self._parts.registration.triggered.set()
            return
        await self._parts.call("BootNotification", messages.boot_notification(self._parts.config, "Triggered"))

    async def _report_statuses(self, number: int | None) -> None:
        """Report the status of a connector, or of the station and all its connectors."""
        for connector, status in list(self._parts.statuses.current()):
            if number in (None, self._connectors.of(connector.evse_id, connector.connector_id)):
                await self._parts.statuses.report(connector, status)

    async def _report_meters(self, evses: Sequence[Evse]) -> None:
        """Report the meters, with the transaction where there is one."""
        measurands = self._parts.model.members("SampledDataCtrlr.TxUpdatedMeasurands")
        for evse in evses:
            if evse.transaction is not None:
                self._parts.charging.meter(evse.transaction, "Trigger")
                continue
            evse.meter.advance(self._parts.clock.monotonic())
            samples = evse.meter.sample(measurands, "Trigger")
            if samples:
                await self._parts.call("MeterValues", messages.meter_values(evse.evse_id, samples, self._parts.now()))


def _accepted(send: Send) -> Answer:
    return Answer({"status": "Accepted"}, send)
