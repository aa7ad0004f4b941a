"""Stations of OCPP 1.6 built on the `ocpp` package charge and are commanded through real edge and core processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2 import GetVariablesRequest, ListVariablesRequest, ResetRequest, SetVariablesRequest
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest, RequestStopTransactionRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionsRequest
from citrine.ocpp.v2 import provisioning_pb2, remote_control_pb2, types_pb2
from citrine_sdk import Citrine
from tests.support.deployment import Deployment
from tests.support.raw_station import basic

pytestmark = pytest.mark.timeout(120)

PASSWORD = "correct-horse-battery"
BEGAN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
TOKEN = "CARD-16"


class Other(ChargePoint):  # type: ignore[misc]  # the package has no types
    """A charge point of the `ocpp` package that answers some commands."""

    def __init__(self, station_id: str, websocket: Any) -> None:
        super().__init__(station_id, websocket)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.keys = {"HeartbeatInterval": "300"}

    @on("RemoteStartTransaction")  # type: ignore[untyped-decorator]
    def on_remote_start(self, **payload: Any) -> Any:
        self.heard.append(("RemoteStartTransaction", payload))
        return call_result.RemoteStartTransaction(status="Accepted")

    @on("RemoteStopTransaction")  # type: ignore[untyped-decorator]
    def on_remote_stop(self, **payload: Any) -> Any:
        self.heard.append(("RemoteStopTransaction", payload))
        return call_result.RemoteStopTransaction(status="Accepted")

    @on("Reset")  # type: ignore[untyped-decorator]
    def on_reset(self, **payload: Any) -> Any:
        self.heard.append(("Reset", payload))
        return call_result.Reset(status="Accepted")

    @on("GetConfiguration")  # type: ignore[untyped-decorator]
    def on_get_configuration(self, key: list[str] | None = None) -> Any:
        known = [name for name in key or self.keys if name in self.keys]
        return call_result.GetConfiguration(
            configuration_key=[{"key": name, "readonly": False, "value": self.keys[name]} for name in known],
            unknown_key=[name for name in key or () if name not in self.keys],
        )

    @on("ChangeConfiguration")  # type: ignore[untyped-decorator]
    def on_change_configuration(self, key: str, value: str) -> Any:
        self.keys[key] = value
        return call_result.ChangeConfiguration(status="Accepted")


@contextlib.asynccontextmanager
async def connected(deployment: Deployment) -> AsyncIterator[Other]:
    """Connect a charge point."""
    async with connect(
        f"{deployment.url()}/OTHER-16",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers=basic("OTHER-16", PASSWORD),
    ) as websocket:
        station = Other("OTHER-16", websocket)
        loop = asyncio.create_task(station.start())
        yield station
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop


async def boot(station: Other) -> None:
    boot = await station.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
    assert boot.status == "Accepted"


async def register(citrine: Citrine) -> None:
    request = CreateStationRequest(station=Station(station_id="OTHER-16"), password=PASSWORD)
    await citrine.stations.CreateStation(request)
    await citrine.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=TOKEN, type="Central")))


def at(minutes: int) -> str:
    return (BEGAN + timedelta(minutes=minutes)).isoformat()


def values(minutes: int, kwh: str) -> list[dict[str, Any]]:
    return [{"timestamp": at(minutes), "sampled_value": [{"value": kwh, "unit": "kWh"}]}]


async def test_a_station_charges_goes_offline_and_delivers_the_rest(shared: Deployment) -> None:
    """The number of the start is that of all that follows, in whichever connection."""
    async with shared.client() as citrine:
        await register(citrine)
        async with connected(shared) as station:
            await boot(station)
            await station.call(
                call.StatusNotification(connector_id=1, error_code="NoError", status="Preparing", timestamp=at(-1))
            )
            authorized = await station.call(call.Authorize(id_tag=TOKEN.lower()))
            started = await station.call(
                call.StartTransaction(connector_id=1, id_tag=TOKEN, meter_start=1_000_500, timestamp=at(0))
            )
            number = started.transaction_id
            await station.call(
                call.MeterValues(connector_id=1, transaction_id=number, meter_value=values(1, "1001.25"))
            )
        async with connected(shared) as station:
            # No boot: it was never off.
            await station.call(call.MeterValues(connector_id=1, transaction_id=number, meter_value=values(2, "1002.5")))
            stopped = await station.call(
                call.StopTransaction(transaction_id=number, meter_stop=1_002_750, timestamp=at(3), id_tag=TOKEN)
            )
            await station.call(
                call.StatusNotification(connector_id=1, error_code="NoError", status="Finishing", timestamp=at(3))
            )

        transaction = await citrine.transactions.GetTransaction(
            GetTransactionRequest(station_id="OTHER-16", transaction_id=str(number))
        )
        connectors = await citrine.availability.ListConnectors(ListConnectorsRequest(station_id="OTHER-16"))

    assert authorized.id_tag_info["status"] == "Accepted"
    assert started.id_tag_info["status"] == stopped.id_tag_info["status"] == "Accepted"
    assert transaction.energy_wh == pytest.approx(2250.0)
    assert transaction.end_time.ToDatetime(UTC) == BEGAN + timedelta(minutes=3)
    assert not transaction.has_gap
    assert len(connectors.connectors) == 1


async def test_a_backend_starts_configures_and_resets_the_station(shared: Deployment) -> None:
    """Commands of OCPP 2.x reach it in its own words, and its answers come back in those of 2.x."""
    async with shared.client() as citrine:
        await register(citrine)
        target = CommandTarget(station_id="OTHER-16")
        component = types_pb2.Component(name="OCPPCommCtrlr")
        variable = types_pb2.Variable(name="HeartbeatInterval")
        async with connected(shared) as station:
            await boot(station)
            token = types_pb2.IdToken(id_token=TOKEN, type="Central")
            start = remote_control_pb2.RequestStartTransactionRequest(remote_start_id=7, id_token=token, evse_id=1)
            await citrine.remote_control.RequestStartTransaction(
                RequestStartTransactionRequest(target=target, request=start)
            )
            started = await station.call(
                call.StartTransaction(connector_id=1, id_tag=TOKEN, meter_start=0, timestamp=at(0))
            )
            stop = remote_control_pb2.RequestStopTransactionRequest(transaction_id=str(started.transaction_id))
            await citrine.remote_control.RequestStopTransaction(
                RequestStopTransactionRequest(target=target, request=stop)
            )
            data = provisioning_pb2.SetVariableData(attribute_value="120", component=component, variable=variable)
            changed = await citrine.provisioning.SetVariables(
                SetVariablesRequest(
                    target=target, request=provisioning_pb2.SetVariablesRequest(set_variable_data=[data])
                )
            )
            asked = provisioning_pb2.GetVariableData(component=component, variable=variable)
            await citrine.provisioning.GetVariables(
                GetVariablesRequest(
                    target=target, request=provisioning_pb2.GetVariablesRequest(get_variable_data=[asked])
                )
            )
            reset = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE)
            answer = await citrine.provisioning.Reset(ResetRequest(target=target, request=reset))
        variables = await citrine.provisioning.ListVariables(ListVariablesRequest(station_id="OTHER-16"))
        transactions = await citrine.transactions.ListTransactions(ListTransactionsRequest(station_id="OTHER-16"))

    assert station.heard == [
        ("RemoteStartTransaction", {"id_tag": TOKEN, "connector_id": 1}),
        ("RemoteStopTransaction", {"transaction_id": started.transaction_id}),
        ("Reset", {"type": "Hard"}),
    ]
    assert station.keys == {"HeartbeatInterval": "120"}
    result = changed.response.set_variable_result[0]
    assert result.attribute_status == provisioning_pb2.SET_VARIABLE_STATUS_ENUM_ACCEPTED
    assert answer.response.status == provisioning_pb2.RESET_STATUS_ENUM_ACCEPTED
    assert "120" in [one.value for one in variables.variables]
    assert [one.id_token.id_token for one in transactions.transactions] == [TOKEN]
