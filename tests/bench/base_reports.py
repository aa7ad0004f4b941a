"""The base-report scenario: stations that are asked for their whole device model, all at once."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from citrine.api.v1 import reports_pb2 as reports
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2 import GetBaseReportRequest
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_sdk import Citrine
from citrine_simulator.load.tally import Latencies
from tests.bench.scenarios import Sut
from tests.support.raw_station import RawStation, raw_station

__all__ = ["BaseReports", "base_reports"]

VARIABLES = 2000
"""Variables of a station."""

PARTS = 100
"""Messages that they come in."""

REPORT_TIME = 600.0
"""Seconds in which all reports must be there."""


@dataclass(frozen=True)
class BaseReports:
    """What the reports of all stations cost."""

    stations: int
    seconds: float
    """From the first request until the core calls the last report complete."""
    latency_ms: Latencies
    """Of one part, until it was answered."""
    cpu: Mapping[str, float]
    """CPU seconds, user and system, by role."""

    @property
    def parts(self) -> int:
        """How many messages there were."""
        return self.stations * PARTS

    @property
    def variables(self) -> int:
        """How many variables they told."""
        return self.stations * VARIABLES

    def cpu_per_part(self, role: str) -> float:
        """Return µs of CPU per part."""
        return self.cpu[role] / self.parts * 1e6


async def base_reports(sut: Sut, stations: int) -> BaseReports:
    """Ask stations for a full inventory, each of which sends it as fast as it is answered.

    Raises:
        RuntimeError: When a part was answered with an error, or a report did not become complete.
    """
    names = list(sut.passwords)[:stations]
    waits: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        citrine = await stack.enter_async_context(sut.deployment.client())
        websockets = {
            name: await stack.enter_async_context(raw_station(sut.deployment.url(), name, sut.passwords[name]))
            for name in names
        }
        for websocket in websockets.values():
            await websocket.boot()
        meter = sut.meter("base reports")
        meter.open()
        began = time.perf_counter()
        async with asyncio.timeout(REPORT_TIME), asyncio.TaskGroup() as tasks:
            for name, websocket in websockets.items():
                tasks.create_task(_report(citrine, name, websocket, waits))
        seconds = time.perf_counter() - began
        meter.close()
    return BaseReports(stations, seconds, Latencies.of(waits), meter.cost.cpu)


async def _report(citrine: Citrine, station_id: str, websocket: RawStation, waits: list[float]) -> None:
    request = GetBaseReportRequest(
        target=CommandTarget(station_id=station_id),
        request=ocpp.GetBaseReportRequest(report_base=ocpp.REPORT_BASE_ENUM_FULL_INVENTORY),
    )
    asking = asyncio.ensure_future(citrine.provisioning.GetBaseReport(request))
    _, asked = await websocket.answer({"status": "Accepted"})
    await asking
    for part in list(_parts(asked["requestId"])):
        began = time.perf_counter()
        await websocket.send(part)
        answer = await websocket.receive()
        waits.append(time.perf_counter() - began)
        if answer[0] != 3:
            raise RuntimeError(f"a part was refused: {answer}")
    await _completed(citrine, station_id, asked["requestId"])


async def _completed(citrine: Citrine, station_id: str, request_id: int) -> None:
    watch = reports.WatchReportRunRequest(
        station_id=station_id, kind=reports.REPORT_KIND_DEVICE_MODEL, request_id=request_id
    )
    run = reports.ReportRun()
    async for run in citrine.reports.WatchReportRun(watch):  # noqa: B007
        pass
    if run.state != reports.REPORT_STATE_COMPLETE or run.items != VARIABLES:
        raise RuntimeError(f"a report is not complete: {run}")


def _parts(request_id: int) -> Iterator[str]:
    """Yield the frames of a report, made before they are timed."""
    each = VARIABLES // PARTS
    time_now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for seq_no in range(PARTS):
        payload = {
            "requestId": request_id,
            "generatedAt": time_now,
            "seqNo": seq_no,
            "tbc": seq_no < PARTS - 1,
            "reportData": [_data(seq_no * each + number) for number in range(each)],
        }
        yield json.dumps([2, f"part-{seq_no}", "NotifyReport", payload], separators=(",", ":"))


def _data(number: int) -> dict[str, Any]:
    return {
        "component": {"name": f"Component{number // 20}", "evse": {"id": 1 + number % 4}},
        "variable": {"name": f"Variable{number}"},
        "variableAttribute": [
            {"type": "Actual", "value": str(number), "mutability": "ReadWrite", "persistent": True, "constant": False}
        ],
        "variableCharacteristics": {
            "dataType": "integer", "unit": "s", "minLimit": 0.0, "maxLimit": 86400.0, "supportsMonitoring": True,
        },
    }  # fmt: skip
