"""Operations on simulated stations, through real edges and cores."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from citrine.api.v1 import operations_pb2 as pb
from citrine_sdk import Citrine
from citrine_simulator import Station, StationConfig
from tests.support.deployment import Deployment, deploy
from tests.support.load import PASSWORD, register

WAIT = 90.0

_VARIABLE: dict[str, Any] = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}

_LIMIT = [{"startPeriod": 0, "limit": 10}]

_PROFILE = {
    "id": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE",
    "chargingProfileKind": "CHARGING_PROFILE_KIND_ENUM_RELATIVE",
    "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "CHARGING_RATE_UNIT_ENUM_A", "chargingSchedulePeriod": _LIMIT},
    ],
}

_MESSAGE = {
    "id": 5,
    "priority": "MESSAGE_PRIORITY_ENUM_NORMAL_CYCLE",
    "message": {"format": "MESSAGE_FORMAT_ENUM_UTF8", "content": "Happy new year"},
}

ACTIONS: Mapping[str, tuple[dict[str, Any], str]] = {
    "changeAvailability": ({"operationalStatus": "OPERATIONAL_STATUS_ENUM_INOPERATIVE"}, "Accepted"),
    "triggerMessage": ({"requestedMessage": "MESSAGE_TRIGGER_ENUM_HEARTBEAT"}, "Accepted"),
    "unlockConnector": ({"evseId": 1, "connectorId": 1}, "Unlocked"),
    "setVariables": ({"setVariableData": [{**_VARIABLE, "attributeValue": "3600"}]}, "Accepted"),
    "getVariables": ({"getVariableData": [_VARIABLE]}, "Accepted"),
    "getBaseReport": ({"reportBase": "REPORT_BASE_ENUM_FULL_INVENTORY"}, "Accepted"),
    "setMonitoringBase": ({"monitoringBase": "MONITORING_BASE_ENUM_ALL"}, "Accepted"),
    "setMonitoringLevel": ({"severity": 5}, "Accepted"),
    "setVariableMonitoring": (
        {
            "setMonitoringData": [
                {"value": 10, "type": "MONITOR_ENUM_UPPER_THRESHOLD", "severity": 5, **_VARIABLE},
            ]
        },
        "Accepted",
    ),
    "clearVariableMonitoring": ({"id": [1]}, "Accepted"),
    "getLog": (
        {"logType": "LOG_ENUM_DIAGNOSTICS_LOG", "log": {"remoteLocation": "https://logs.example/up"}},
        "Accepted",
    ),
    "sendLocalList": ({"updateType": "UPDATE_ENUM_FULL"}, "Accepted"),
    "setDisplayMessage": ({"message": _MESSAGE}, "Accepted"),
    "clearDisplayMessage": ({"id": 5}, "Accepted"),
    "setChargingProfile": ({"evseId": 1, "chargingProfile": _PROFILE}, "Accepted"),
    "clearChargingProfile": ({"chargingProfileId": 7}, "Accepted"),
    "updateFirmware": ({"firmware": {"location": "https://firmware.example/2.bin"}}, "Accepted"),
    "reset": ({"type": "RESET_ENUM_IMMEDIATE"}, "Accepted"),
}
"""The message of each action, and what stations answer."""


@contextlib.asynccontextmanager
async def stations(deployment: Deployment, ids: Sequence[str], **fields: Any) -> AsyncIterator[list[Station]]:
    """Connect stations, half of them to each edge, that were accepted."""
    edges = len(deployment.edges)
    urls = [deployment.url(place % edges) for place in range(len(ids))]
    configs = [
        StationConfig(station_id=station_id, url=url, password=PASSWORD, **fields)
        for station_id, url in zip(ids, urls, strict=True)
    ]
    found = [Station(config) for config in configs]
    try:
        for station in found:
            accepted = station.expect("accepted", WAIT)
            await station.start()
            await accepted
        yield found
    finally:
        for station in found:
            await station.stop()


async def ended(citrine: Citrine, action: dict[str, Any], **fields: Any) -> pb.Operation:
    """Do an action on all stations, and return the operation once it has ended."""
    operation = pb.Operation(selection=pb.OperationSelection(all_stations=True), **fields)
    ParseDict(action, operation.action)
    created = await citrine.operations.CreateOperation(pb.CreateOperationRequest(operation=operation))
    return await until_ended(citrine, created.operation_id)


async def until_ended(citrine: Citrine, operation_id: str) -> pb.Operation:
    request = pb.GetOperationRequest(operation_id=operation_id)
    async with asyncio.timeout(WAIT):
        while True:
            operation = await citrine.operations.GetOperation(request)
            if operation.HasField("finish_time"):
                return operation
            await asyncio.sleep(0.1)


async def answers(citrine: Citrine, operation: pb.Operation) -> list[tuple[str, str, str]]:
    """Return state, status and reason of each station."""
    request = pb.ListOperationResultsRequest(operation_id=operation.operation_id)
    page = await citrine.operations.ListOperationResults(request)
    name, prefix = pb.OperationResultState.Name, "OPERATION_RESULT_STATE_"
    return [(name(one.state).removeprefix(prefix), one.status, one.reason) for one in page.results]


@pytest.mark.timeout(180)
async def test_each_action_is_done_on_all_stations(shared: Deployment) -> None:
    ids = ["SIM-1", "SIM-2"]
    async with shared.client() as citrine:
        await register(citrine, ids)
        async with stations(shared, ids):
            found = {
                name: await answers(citrine, await ended(citrine, {name: {"request": message}}))
                for name, (message, _) in ACTIONS.items()
                if name != "reset"
            }
            found["syncLocalList"] = await answers(citrine, await ended(citrine, {"syncLocalList": {"full": True}}))
            reset = {"reset": {"request": ACTIONS["reset"][0]}}
            found["reset"] = await answers(citrine, await ended(citrine, reset))

    wanted = {name: [("SUCCEEDED", status, "")] * 2 for name, (_, status) in ACTIONS.items()}
    assert found == {**wanted, "syncLocalList": [("SUCCEEDED", "Accepted", "")] * 2}


@pytest.mark.timeout(180)
async def test_an_operation_goes_on_after_its_core_was_killed(postgres_url: str, tmp_path: Path) -> None:
    """Each station gets its command once; what was under way may have arrived, and is not sent again."""
    ids = [f"SIM-{number:02}" for number in range(12)]
    heard: Counter[str] = Counter()

    def slowly(station_id: str) -> Any:
        async def answer(_: dict[str, Any]) -> dict[str, Any]:
            heard[station_id] += 1
            await asyncio.sleep(0.5)
            return {"status": "Accepted"}

        return answer

    async with deploy(postgres_url, tmp_path / "citrine", cores=2, edges=2, migrated=True) as cluster:
        async with cluster.client() as citrine:
            await register(citrine, ids)
        async with stations(cluster, ids) as found:
            for station in found:
                station.on_call("TriggerMessage", slowly(station.config.station_id))
            action = {"request": {"requestedMessage": "MESSAGE_TRIGGER_ENUM_HEARTBEAT"}, "target": {"timeout": "3s"}}
            operation = pb.Operation(
                operation_id="onwards", selection=pb.OperationSelection(all_stations=True), max_parallel=3
            )
            ParseDict({"triggerMessage": action}, operation.action)
            # The other core was there first, and looks for what is due for both.
            async with cluster.client(1) as citrine:
                await citrine.operations.CreateOperation(pb.CreateOperationRequest(operation=operation))
            async with asyncio.timeout(WAIT):
                while heard.total() < 4:
                    await asyncio.sleep(0.01)
            cluster.cores[1].kill()
            async with cluster.client(0) as citrine:
                shown = await until_ended(citrine, "onwards")
                results = await answers(citrine, shown)

    assert set(heard.values()) == {1}, results
    # What was under way may have arrived, and may be lost.
    assert len(ids) - len(heard) <= shown.progress.failed, results
    assert shown.progress.total == len(ids)
    assert shown.progress.succeeded >= len(ids) - 3, results
    assert shown.progress.failed <= 3, results
