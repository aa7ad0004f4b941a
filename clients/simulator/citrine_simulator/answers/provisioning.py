"""Block B: variables, network profiles and reports."""

from functools import partial
from typing import Any

from citrine_simulator import messages
from citrine_simulator.answers.base import answers
from citrine_simulator.clock import format_time
from citrine_simulator.connection import Answer
from citrine_simulator.parts import Parts

__all__ = ["ProvisioningAnswers"]


class ProvisioningAnswers:
    """GetVariables, SetVariables, SetNetworkProfile, GetBaseReport and GetReport."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._password_changed = False
        parts.model.on_change("SecurityCtrlr.BasicAuthPassword", self._change_password)

    @answers("GetVariables")
    async def get_variables(self, payload: dict[str, Any]) -> Answer:
        """Read variables (B06)."""
        self._parts.model.assign("ClockCtrlr.DateTime", format_time(self._parts.now()))
        return Answer({"getVariableResult": [self._parts.model.get(one) for one in payload["getVariableData"]]})

    @answers("SetVariables")
    async def set_variables(self, payload: dict[str, Any]) -> Answer:
        """Set variables; they take effect at once and survive a power loss (B05)."""
        self._password_changed = False
        results = [self._parts.model.set(one) for one in payload["setVariableData"]]
        self._parts.store.remember("variables", self._parts.model.changed())
        # A01: after this answer the station reconnects with the new password.
        return Answer({"setVariableResult": results}, self._reconnect if self._password_changed else None)

    @answers("SetNetworkProfile")
    async def set_network_profile(self, payload: dict[str, Any]) -> Answer:
        """Store a network profile; it is used once its slot is first in the order, after a reboot (B09, B10)."""
        problem = self._parts.network_profiles.set(payload["configurationSlot"], payload["connectionData"])
        if problem is not None:
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": problem}})
        return Answer({"status": "Accepted"})

    @answers("GetBaseReport")
    async def get_base_report(self, payload: dict[str, Any]) -> Answer:
        """Send the device model in parts (B07)."""
        data = self._parts.model.report(payload["reportBase"])
        if data is None:
            return Answer({"status": "NotSupported"})
        return self._with_report(payload["requestId"], data)

    @answers("GetReport")
    async def get_report(self, payload: dict[str, Any]) -> Answer:
        """Send the selected part of the device model in parts (B08)."""
        data = self._parts.model.custom_report(
            payload.get("componentVariable", ()), payload.get("componentCriteria", ())
        )
        return self._with_report(payload["requestId"], data)

    def _with_report(self, request_id: int, data: list[dict[str, Any]]) -> Answer:
        if not data:
            return Answer({"status": "EmptyResultSet"})
        return Answer({"status": "Accepted"}, partial(self._report, request_id, data))

    async def _report(self, request_id: int, data: list[dict[str, Any]]) -> None:
        size = self._parts.config.report_part_size
        for report in messages.notify_reports(request_id, data, size, self._parts.now()):
            await self._parts.call("NotifyReport", report)

    def _change_password(self, password: str) -> None:
        self._parts.credentials.change(password)
        self._password_changed = True

    async def _reconnect(self) -> None:
        self._parts.link.hurry()
        await self._parts.link.close()
