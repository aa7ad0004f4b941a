"""Block N: monitors, logs and customer information. Uploads of logs are only simulated."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from citrine_simulator.answers.base import answers
from citrine_simulator.clock import format_time
from citrine_simulator.connection import Answer
from citrine_simulator.parts import Parts

__all__ = ["DiagnosticsAnswers"]

ACCEPTED = {"status": "Accepted"}

STEP = 1.0
"""Seconds that an upload takes."""

NOWHERE = ".invalid"
"""Top-level domain (RFC 2606). Uploads to its hosts fail."""

PART = 20
"""Most monitors in one NotifyMonitoringReport."""

_CRITERIA = {
    "ThresholdMonitoring": ("UpperThreshold", "LowerThreshold"),
    "DeltaMonitoring": ("Delta",),
    "PeriodicMonitoring": ("Periodic", "PeriodicClockAligned"),
}
"""Types of monitors by MonitoringCriterionEnumType (N02.FR.12 to N02.FR.14)."""


class DiagnosticsAnswers:
    """Monitors, GetLog and CustomerInformation."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._upload: asyncio.Event | None = None
        """Set to cancel the upload in progress. None: there is none."""

    @answers("SetVariableMonitoring")
    async def set_variable_monitoring(self, payload: dict[str, Any]) -> Answer:
        """Set monitors (N04)."""
        results = [self._parts.monitors.set(data) for data in payload["setMonitoringData"]]
        return Answer({"setMonitoringResult": results})

    @answers("ClearVariableMonitoring")
    async def clear_variable_monitoring(self, payload: dict[str, Any]) -> Answer:
        """Clear monitors (N06)."""
        results = [
            {"id": monitor_id, "status": "Accepted" if self._parts.monitors.clear(monitor_id) else "NotFound"}
            for monitor_id in payload["id"]
        ]
        return Answer({"clearMonitoringResult": results})

    @answers("SetMonitoringBase")
    async def set_monitoring_base(self, payload: dict[str, Any]) -> Answer:
        """Clear all monitors, unless the base is All: the station has no preconfigured monitors (N03)."""
        if payload["monitoringBase"] != "All":
            self._parts.monitors.clear_all()
        return Answer(ACCEPTED)

    @answers("SetMonitoringLevel")
    async def set_monitoring_level(self, payload: dict[str, Any]) -> Answer:
        """Report only events of this severity or worse (N05)."""
        if not 0 <= payload["severity"] <= 9:
            # N05.FR.02
            return Answer({"status": "Rejected"})
        self._parts.monitors.set_level(payload["severity"])
        return Answer(ACCEPTED)

    @answers("GetMonitoringReport")
    async def get_monitoring_report(self, payload: dict[str, Any]) -> Answer:
        """Report monitors in parts (N02)."""
        kinds = [kind for one in payload.get("monitoringCriteria", ()) for kind in _CRITERIA[one]]
        chosen = payload.get("componentVariable", ())
        found = [
            one
            for one in self._parts.monitors.all
            if (not kinds or one["type"] in kinds) and (not chosen or any(_is_of(one, of) for of in chosen))
        ]
        if not found:
            # N02.FR.10
            return Answer({"status": "EmptyResultSet"})
        return Answer(ACCEPTED, partial(self._report, payload["requestId"], found))

    @answers("GetLog")
    async def get_log(self, payload: dict[str, Any]) -> Answer:
        """Upload a log; this cancels an upload in progress (N01, N01.FR.12)."""
        status = "Accepted"
        if self._upload is not None:
            status = "AcceptedCanceled"
            self._upload.set()
        self._upload = asyncio.Event()
        name = f"{self._parts.config.station_id}-{payload['requestId']}.log"[:255]
        return Answer({"status": status, "filename": name}, partial(self._run, self._upload, payload))

    @answers("CustomerInformation")
    async def customer_information(self, payload: dict[str, Any]) -> Answer:
        """Report the cache entry and the transactions of a token, or clear the cache entry, or both (N09, N10)."""
        references = ("idToken", "customerCertificate", "customerIdentifier")
        if sum(name in payload for name in references) != 1:
            # N09.FR.09
            return Answer({"status": "Invalid"})
        if not payload["report"] and not payload["clear"]:
            # N09.FR.07
            return Answer({"status": "Rejected"})
        token = payload.get("idToken", {}).get("idToken")
        records = [] if token is None else self._records_of(token)
        if payload["clear"] and token is not None:
            self._parts.authorization.forget(token)
        return Answer(
            ACCEPTED, partial(self._report_customer, payload["requestId"], records if payload["report"] else [])
        )

    def _records_of(self, token: str) -> list[str]:
        charging = [one for one in self._parts.charging.transactions if (one.id_token or {}).get("idToken") == token]
        cached = ["authorization cache"] if self._parts.authorization.knows(token) else []
        return [*cached, *(f"transaction {one.transaction_id}" for one in charging)]

    async def _report_customer(self, request_id: int, records: list[str]) -> None:
        # N09.FR.06, N10.FR.06: without data, one message with an empty text.
        for place, text in enumerate(records or [""]):
            await self._parts.call(
                "NotifyCustomerInformation",
                {
                    "data": text,
                    "seqNo": place,
                    "generatedAt": format_time(self._parts.now()),
                    "requestId": request_id,
                    "tbc": place < len(records) - 1,
                },
            )

    async def _report(self, request_id: int, monitors: list[dict[str, Any]]) -> None:
        parts = [monitors[start : start + PART] for start in range(0, len(monitors), PART)]
        for seq_no, part in enumerate(parts):
            await self._parts.call(
                "NotifyMonitoringReport",
                {
                    "requestId": request_id,
                    "seqNo": seq_no,
                    "generatedAt": format_time(self._parts.now()),
                    "tbc": seq_no < len(parts) - 1,
                    "monitor": [_monitoring_data(one, self._parts.config.version) for one in part],
                },
            )

    async def _run(self, replaced: asyncio.Event, payload: Mapping[str, Any]) -> None:
        request_id = payload["requestId"]
        await self._report_log(request_id, "Uploading")
        async with asyncio.TaskGroup() as tasks:
            upload = tasks.create_task(self._parts.clock.sleep(STEP))
            watch = tasks.create_task(replaced.wait())
            await asyncio.wait((upload, watch), return_when=asyncio.FIRST_COMPLETED)
            upload.cancel()
            watch.cancel()
        if replaced.is_set():
            # N01.FR.20
            await self._report_log(request_id, "AcceptedCanceled")
            return
        if self._upload is replaced:
            self._upload = None
        nowhere = (urlsplit(payload["log"]["remoteLocation"]).hostname or "").endswith(NOWHERE)
        await self._report_log(request_id, "UploadFailure" if nowhere else "Uploaded")

    async def _report_log(self, request_id: int, status: str) -> None:
        await self._parts.online.wait()
        await self._parts.call("LogStatusNotification", {"status": status, "requestId": request_id})


def _monitoring_data(monitor: Mapping[str, Any], version: str) -> dict[str, Any]:
    settings = {name: monitor[name] for name in ("id", "transaction", "value", "type", "severity")}
    if version == "2.1":
        settings["eventNotificationType"] = "CustomMonitor"
    return {
        "component": monitor["component"],
        "variable": monitor["variable"],
        "variableMonitoring": [settings],
    }


def _is_of(monitor: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    """Return whether a monitor is of a component, and of the variable if one is named (N02.FR.16)."""
    variable = chosen.get("variable")
    return monitor["component"] == chosen["component"] and variable in (None, monitor["variable"])
