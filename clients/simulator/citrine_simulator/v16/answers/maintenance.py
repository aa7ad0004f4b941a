"""Firmware, signed or not, diagnostics and logs (chapters 5.9 and 5.19, whitepaper L01 and N01)."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.answers.diagnostics import DiagnosticsAnswers
from citrine_simulator.answers.firmware import FirmwareAnswers
from citrine_simulator.connection import Answer
from citrine_simulator.v16.requests import TO_DIAGNOSTICS, UNSIGNED

__all__ = ["MaintenanceAnswers16"]


class MaintenanceAnswers16:
    """UpdateFirmware, SignedUpdateFirmware, GetDiagnostics and GetLog."""

    def __init__(self, firmware: FirmwareAnswers, diagnostics: DiagnosticsAnswers) -> None:
        self._firmware = firmware
        self._diagnostics = diagnostics

    @answers("UpdateFirmware")
    async def update_firmware(self, payload: dict[str, Any]) -> Answer:
        """Begin an update; this cancels an update in progress."""
        firmware = {"location": payload["location"], "retrieveDateTime": payload["retrieveDate"]}
        answer = await self._firmware.update_firmware({"requestId": UNSIGNED, "firmware": firmware})
        return Answer({}, answer.then)

    @answers("SignedUpdateFirmware")
    async def signed_update_firmware(self, payload: dict[str, Any]) -> Answer:
        """Begin an update with a signature; this cancels an update in progress."""
        return await self._firmware.update_firmware(payload)

    @answers("GetDiagnostics")
    async def get_diagnostics(self, payload: dict[str, Any]) -> Answer:
        """Upload the diagnostics; this cancels an upload in progress."""
        request = {"requestId": TO_DIAGNOSTICS, "log": {"remoteLocation": payload["location"]}}
        answer = await self._diagnostics.get_log(request)
        return Answer({"fileName": f"diagnostics-{answer.payload['filename']}"[:255]}, answer.then)

    @answers("GetLog")
    async def get_log(self, payload: dict[str, Any]) -> Answer:
        """Upload a log; this cancels an upload in progress."""
        return await self._diagnostics.get_log(payload)
