"""Stations built on the `ocpp` package charge through real edge and core processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import ocpp.v21
import ocpp.v201
import pytest
from ocpp.routing import on
from websockets.asyncio.client import connect

from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.common_pb2 import CommandState, CommandTarget
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest
from citrine.api.v1.provisioning_pb2 import GetVariablesRequest, ListVariablesRequest
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest, UnlockConnectorRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionEventsRequest
from citrine.ocpp.v2 import provisioning_pb2, remote_control_pb2, types_pb2
from citrine_sdk import Citrine
from tests.support.deployment import Deployment
from tests.support.raw_station import basic

pytestmark = pytest.mark.timeout(120)

PASSWORD = "correct-horse-battery"
BEGAN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def charge_point(version: ModuleType, station_id: str, websocket: Any) -> Any:
    """Return a charge point of the `ocpp` package that answers some commands."""

    class Station(version.ChargePoint):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__(station_id, websocket)
            self.heard: list[tuple[str, dict[str, Any]]] = []

        @on("RequestStartTransaction")  # type: ignore[untyped-decorator]  # the package has no types
        def on_start(self, **payload: Any) -> Any:
            self.heard.append(("RequestStartTransaction", payload))
            return version.call_result.RequestStartTransaction(status="Accepted", transaction_id="T-9")

        @on("UnlockConnector")  # type: ignore[untyped-decorator]
        def on_unlock(self, **payload: Any) -> Any:
            self.heard.append(("UnlockConnector", payload))
            return version.call_result.UnlockConnector(status="UnknownConnector")

        @on("GetVariables")  # type: ignore[untyped-decorator]
        def on_get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> Any:
            results = [
                {"attribute_status": "Accepted", "attribute_value": "42", **asked} for asked in get_variable_data
            ]
            return version.call_result.GetVariables(get_variable_result=results)

    return Station()


@contextlib.asynccontextmanager
async def connected(deployment: Deployment, version: ModuleType, station_id: str) -> AsyncIterator[Any]:
    """Connect a charge point that has booted."""
    name = version.__name__.removeprefix("ocpp.v")
    subprotocol: Any = {"201": "ocpp2.0.1", "21": "ocpp2.1"}[name]
    async with connect(
        f"{deployment.url()}/{station_id}", subprotocols=[subprotocol], additional_headers=basic(station_id, PASSWORD)
    ) as websocket:
        station = charge_point(version, station_id, websocket)
        loop = asyncio.create_task(station.start())
        boot = await station.call(
            version.call.BootNotification(charging_station={"model": "M", "vendor_name": "V"}, reason="PowerUp")
        )
        assert boot.status == "Accepted"
        yield station
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop


async def register(citrine: Citrine, station_id: str) -> None:
    """Register a station and make sure that there is a token."""
    await citrine.stations.CreateStation(
        CreateStationRequest(station=Station(station_id=station_id), password=PASSWORD)
    )
    await citrine.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=f"CARD-{station_id}", type="Central")))


def event(version: ModuleType, event_type: str, seq_no: int, register: float, **more: Any) -> Any:
    """Return a TransactionEvent with an energy register."""
    time = BEGAN + timedelta(minutes=seq_no)
    return version.call.TransactionEvent(
        event_type=event_type,
        timestamp=time.isoformat(),
        trigger_reason="MeterValuePeriodic",
        seq_no=seq_no,
        transaction_info={"transaction_id": "T-1", "charging_state": "Charging"},
        evse={"id": 1, "connector_id": 1},
        meter_value=[
            {
                "timestamp": time.isoformat(),
                "sampled_value": [
                    {"value": register, "unit_of_measure": {"unit": "kWh"}},
                    {"value": 11000.0, "measurand": "Power.Active.Import"},
                    {"value": 55.0, "measurand": "SoC"},
                ],
            }
        ],
        **more,
    )


@pytest.mark.in_turn
@pytest.mark.parametrize("version", [ocpp.v201, ocpp.v21], ids=["2.0.1", "2.1"])
async def test_a_station_charges(shared: Deployment, version: ModuleType) -> None:
    """What the station says is stored, and read back through the API, energy in Wh."""
    async with shared.client() as citrine:
        await register(citrine, "OTHER-1")
        async with connected(shared, version, "OTHER-1") as station:
            await station.call(
                version.call.StatusNotification(
                    timestamp=BEGAN.isoformat(), connector_status="Occupied", evse_id=1, connector_id=1
                )
            )
            id_token = {"id_token": "card-OTHER-1", "type": "Central"}
            authorized = await station.call(version.call.Authorize(id_token=id_token))
            started = await station.call(event(version, "Started", 0, 1000.5, id_token=id_token))
            await station.call(event(version, "Updated", 1, 1001.25))
            await station.call(event(version, "Ended", 2, 1002.75))

        transaction = await citrine.transactions.GetTransaction(
            GetTransactionRequest(station_id="OTHER-1", transaction_id="T-1")
        )
        events = await citrine.transactions.ListTransactionEvents(
            ListTransactionEventsRequest(station_id="OTHER-1", transaction_id="T-1")
        )
        samples = await citrine.meter_values.ListSamples(ListSamplesRequest(station_id="OTHER-1"))
        connectors = await citrine.availability.ListConnectors(ListConnectorsRequest(station_id="OTHER-1"))

    assert authorized.id_token_info["status"] == "Accepted"
    assert started.id_token_info["status"] == "Accepted"
    assert transaction.energy_wh == pytest.approx(2250.0)
    assert transaction.start_time.ToDatetime(UTC) == BEGAN
    assert transaction.end_time.ToDatetime(UTC) == BEGAN + timedelta(minutes=2)
    assert not transaction.has_gap
    assert [e.request.seq_no for e in events.events] == [0, 1, 2]
    assert len(events.events[1].request.meter_value[0].sampled_value) == 3
    assert len(samples.samples) == 9
    assert len(connectors.connectors) == 1


@pytest.mark.in_turn
@pytest.mark.parametrize("version", [ocpp.v201, ocpp.v21], ids=["2.0.1", "2.1"])
async def test_a_backend_commands_the_station(shared: Deployment, version: ModuleType) -> None:
    """The caller gets the station's own answer, a refusal of something unknown included."""
    async with shared.client() as citrine:
        await register(citrine, "OTHER-2")
        target = CommandTarget(station_id="OTHER-2")
        async with connected(shared, version, "OTHER-2") as station:
            started = await citrine.remote_control.RequestStartTransaction(
                RequestStartTransactionRequest(
                    target=target,
                    request=remote_control_pb2.RequestStartTransactionRequest(
                        remote_start_id=7, id_token=types_pb2.IdToken(id_token="CARD", type="Central")
                    ),
                )
            )
            unlocked = await citrine.remote_control.UnlockConnector(
                UnlockConnectorRequest(
                    target=target, request=remote_control_pb2.UnlockConnectorRequest(evse_id=99, connector_id=1)
                )
            )
            await citrine.provisioning.GetVariables(
                GetVariablesRequest(
                    target=target,
                    request=provisioning_pb2.GetVariablesRequest(
                        get_variable_data=[
                            provisioning_pb2.GetVariableData(
                                component=types_pb2.Component(name="OCPPCommCtrlr"),
                                variable=types_pb2.Variable(name="HeartbeatInterval"),
                            )
                        ]
                    ),
                )
            )
        variables = await citrine.provisioning.ListVariables(ListVariablesRequest(station_id="OTHER-2"))

    assert started.response.transaction_id == "T-9"
    assert started.command.state == CommandState.COMMAND_STATE_ANSWERED
    assert unlocked.response.status == remote_control_pb2.UNLOCK_STATUS_ENUM_UNKNOWN_CONNECTOR
    assert [action for action, _ in station.heard] == ["RequestStartTransaction", "UnlockConnector"]
    assert station.heard[0][1]["remote_start_id"] == 7
    assert [v.value for v in variables.variables] == ["42"]
