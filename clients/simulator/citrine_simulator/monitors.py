"""The monitors of a station: variables that the CSMS monitors, and their events (block N)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from citrine_simulator.authorization import CallCsms
from citrine_simulator.clock import format_time
from citrine_simulator.device_model import DeviceModel
from citrine_simulator.errors import CallFailedError
from citrine_simulator.store import StationStore
from citrine_simulator.variables import Variable

__all__ = ["Monitors"]

logger = logging.getLogger(__name__)

LEVEL = 9
"""Monitoring level if the CSMS has set none: events up to this severity are reported."""

MOST_EVENTS = 1000
"""Most events that wait to be sent. Above it, the oldest are dropped."""

_TYPES = ("UpperThreshold", "LowerThreshold", "Delta")
"""Supported types of monitors."""


class Monitors:
    """Monitors variables and sends NotifyEvent. The monitors survive a power loss (N07.FR.13)."""

    def __init__(
        self,
        model: DeviceModel,
        store: StationStore,
        call: CallCsms,
        online: asyncio.Event,
        now: Callable[[], datetime],
    ) -> None:
        self._model = model
        self._store = store
        self._call = call
        self._online = online
        self._now = now
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._monitors: dict[int, dict[str, Any]] = {one["id"]: one for one in store.recall("monitors") or []}
        self._reported: dict[int, str] = {}
        """By monitor id: the last reported value of a delta monitor, "exceeded" or "" of a threshold monitor."""
        model.watch(self._changed)

    @property
    def all(self) -> list[dict[str, Any]]:
        """All monitors: their id, type, value, severity, transaction, component and variable."""
        return list(self._monitors.values())

    def set(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Set or replace a monitor, and return the SetMonitoringResult for a SetMonitoringData (N04)."""
        result = {name: data[name] for name in ("type", "severity", "component", "variable")}
        status, monitor_id = self._judge(data)
        if status != "Accepted":
            return {**result, "status": status}
        monitor = {**result, "id": monitor_id, "value": data["value"], "transaction": data.get("transaction", False)}
        self._monitors[monitor_id] = monitor
        self._reported.pop(monitor_id, None)
        self._save()
        return {**result, "status": "Accepted", "id": monitor_id}

    def clear(self, monitor_id: int) -> bool:
        """Remove a monitor; return False if it does not exist (N06)."""
        found = self._monitors.pop(monitor_id, None)
        self._save()
        return found is not None

    def clear_all(self) -> None:
        """Remove all monitors: the CSMS has set all of them (N03.FR.04, N03.FR.05)."""
        self._monitors.clear()
        self._save()

    def set_level(self, severity: int) -> None:
        """Report only events of this severity or worse (N05)."""
        self._store.remember("monitoring_level", severity)

    async def run(self) -> None:
        """Send events until cancelled. Events that happen offline are sent when online (N07.FR.04)."""
        while True:
            event = await self._events.get()
            await self._online.wait()
            notification = {"generatedAt": format_time(self._now()), "seqNo": 0, "eventData": [event]}
            try:
                await self._call("NotifyEvent", notification)
            except CallFailedError as failed:
                logger.info("event not sent", extra={"problem": str(failed)})

    def _judge(self, data: Mapping[str, Any]) -> tuple[str, int]:
        """Return the status of the request to set a monitor, and the monitor's id."""
        found = self._model.find(data)
        if isinstance(found, str):
            return found, 0
        is_number = found.data_type in ("integer", "decimal")
        if data["type"] not in _TYPES or (data["type"] != "Delta" and not is_number):
            # N04.FR.05
            return "UnsupportedMonitorType", 0
        monitor_id = data.get("id", max(self._monitors, default=0) + 1)
        if "id" in data and (monitor_id not in self._monitors or not _same(self._monitors[monitor_id], data)):
            # N04.FR.13, N04.FR.16
            return "Rejected", 0
        twins = (one for one in self._monitors.values() if one["id"] != monitor_id and _same(one, data))
        if any((one["type"], one["severity"]) == (data["type"], data["severity"]) for one in twins):
            # N04.FR.10
            return "Duplicate", 0
        return "Accepted", monitor_id

    def _changed(self, variable: Variable, before: str) -> None:
        for monitor in self._monitors.values():
            if self._model.find(monitor) is variable:
                self._look(monitor, variable, before)

    def _look(self, monitor: Mapping[str, Any], variable: Variable, before: str) -> None:
        monitor_id, value = monitor["id"], variable.value
        if monitor["type"] == "Delta":
            last = self._reported.get(monitor_id, before)
            if _differs(variable, last, value, monitor["value"]):
                self._reported[monitor_id] = value
                self._report(monitor, variable, "Delta")
            return
        number, limit = float(value), monitor["value"]
        exceeded = number > limit if monitor["type"] == "UpperThreshold" else number < limit
        was_exceeded = self._reported.get(monitor_id) == "exceeded"
        self._reported[monitor_id] = "exceeded" if exceeded else ""
        if exceeded != was_exceeded:
            # N07.FR.02, N07.FR.16, N07.FR.17
            self._report(monitor, variable, "Alerting", cleared=not exceeded)

    def _report(self, monitor: Mapping[str, Any], variable: Variable, trigger: str, *, cleared: bool = False) -> None:
        level = self._store.recall("monitoring_level")
        if monitor["severity"] > (LEVEL if level is None else level):
            # N07.FR.15
            return
        number = (self._store.recall("event_id") or 0) + 1
        self._store.remember("event_id", number)
        event = {
            "eventId": number,
            "timestamp": format_time(self._now()),
            "trigger": trigger,
            # N07.FR.10
            "actualValue": "" if variable.mutability == "WriteOnly" else variable.value,
            "component": monitor["component"],
            "variable": monitor["variable"],
            "variableMonitoringId": monitor["id"],
            "eventNotificationType": "CustomMonitor",
        }
        if cleared:
            event["cleared"] = True
        if self._events.qsize() >= MOST_EVENTS:
            self._events.get_nowait()
        self._events.put_nowait(event)

    def _save(self) -> None:
        self._store.remember("monitors", self.all)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(one["component"] == other["component"] and one["variable"] == other["variable"])


def _differs(variable: Variable, last: str, value: str, least: float) -> bool:
    if variable.data_type in ("integer", "decimal") and last and value:
        # N07.FR.18
        return abs(float(value) - float(last)) > least
    # N07.FR.19
    return last != value
