"""A simulator of OCPP 1.6 from npm charges and is commanded through real edge and core processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from citrine.api.v1.availability_pb2 import ConnectorDetail
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2 import ListVariablesRequest, ResetRequest, SetVariablesRequest
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest, RequestStopTransactionRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, GetStationRequest, Station
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest, Transaction
from citrine.ocpp.v2 import provisioning_pb2, remote_control_pb2, types_pb2
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.transactions_pb2 import REASON_ENUM_LOCAL
from citrine_sdk import Citrine
from tests.support.deployment import Deployment
from tests.support.npm_simulator import NpmSimulator, install, npm_simulator
from tests.support.proxy import Proxy, proxied
from tests.support.waiting import WAIT

pytestmark = pytest.mark.timeout(180)

STATION = "NPM-1"
PASSWORD = "correct-horse-battery"
TOKEN = types_pb2.IdToken(id_token="CAFE0116", type="ISO14443")
METER_STEP = 14.0
"""Wh by which the simulator's register grows each time it is read, connected or not."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("npm"))


@dataclass
class Site:
    """The simulator, the network that it connects by, and what the core says of it."""

    simulator: NpmSimulator
    network: Proxy
    citrine: Citrine
    log: Path

    @property
    def target(self) -> CommandTarget:
        return CommandTarget(station_id=STATION)

    async def station(self) -> Station:
        return await self.citrine.stations.GetStation(GetStationRequest(station_id=STATION))

    async def transactions(self) -> list[Transaction]:
        """Return its transactions, the latest first."""
        request = ListTransactionsRequest(station_id=STATION)
        return list((await self.citrine.transactions.ListTransactions(request)).transactions)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(WAIT):
                while not await condition():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"{await self.station()}\n{await self.transactions()}\n{self.log.read_text()[-4000:]}")

    async def until_connector(self, status: str, state: str = "STATE_UNSPECIFIED") -> None:
        """Wait until its connector has a status, and the finer state of OCPP 1.6 beside it."""

        async def reached() -> bool:
            station = await self.station()
            found = [one for evse in station.evses if evse.evse_id == 1 for one in evse.connectors]
            said = [
                (ConnectorStatusEnum.Name(one.status), ConnectorDetail.State.Name(one.detail.state)) for one in found
            ]
            return station.connected and said == [(f"CONNECTOR_STATUS_ENUM_{status}", state)]

        await self.until(reached)

    async def until_connected(self, connected: bool) -> None:
        async def reached() -> bool:
            return (await self.station()).connected == connected

        await self.until(reached)

    async def until_transaction(self, right: Callable[[Transaction], bool]) -> Transaction:
        """Wait until its latest transaction is right, and return it."""

        async def reached() -> bool:
            found = await self.transactions()
            return bool(found) and right(found[0])

        await self.until(reached)
        return (await self.transactions())[0]


@contextlib.asynccontextmanager
async def site(deployment: Deployment, program: Path, log: Path) -> AsyncIterator[Site]:
    """Run the simulator as a station that the core knows, booted."""
    async with deployment.client() as citrine, proxied(deployment.edge_addresses[0]) as network:
        station = Station(station_id=STATION)
        await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))
        token = Token(id_token=TOKEN.id_token, type=TOKEN.type)
        await citrine.tokens.CreateToken(CreateTokenRequest(token=token))
        url = deployment.url().replace(deployment.edge_addresses[0], f"{STATION}:{PASSWORD}@{network.address}")
        async with npm_simulator(program, url, STATION, TOKEN.id_token, log) as simulator:
            running = Site(simulator, network, citrine, log)
            await running.until_connector("AVAILABLE")
            yield running


async def test_it_charges_goes_offline_and_delivers_the_end_later(
    shared: Deployment, program: Path, tmp_path: Path
) -> None:
    """What its meter counted while nobody heard it is in the energy of the same transaction."""
    async with site(shared, program, tmp_path / "screen") as running:
        running.simulator.press("a")
        await running.until_connector("OCCUPIED", "STATE_PREPARING")
        running.simulator.press("t")
        await running.until_connector("OCCUPIED", "STATE_CHARGING")
        running.simulator.press("m")
        started = await running.until_transaction(lambda one: one.energy_wh >= METER_STEP)

        running.network.refuse()
        await running.until_connected(False)
        running.simulator.press("mm")
        running.network.heal()
        # It boots whenever it connects.
        await running.until_connector("AVAILABLE")
        running.simulator.press("e")
        ended = await running.until_transaction(lambda one: one.HasField("end_time"))
        await running.until_connector("OCCUPIED", "STATE_FINISHING")
        transactions = await running.transactions()

    assert not started.HasField("end_time")
    assert started.id_token == TOKEN
    assert ended.transaction_id == started.transaction_id
    # It also reads its meter by itself, every ten seconds.
    assert ended.energy_wh >= 3 * METER_STEP
    assert ended.energy_wh % METER_STEP == 0
    assert ended.stopped_reason == REASON_ENUM_LOCAL
    assert not ended.anomalies
    assert len(transactions) == 1


async def test_a_backend_starts_stops_configures_and_resets_it(
    shared: Deployment, program: Path, tmp_path: Path
) -> None:
    """Commands of OCPP 2.x reach it in its own words, and what it does then is stored."""
    async with site(shared, program, tmp_path / "screen") as running:
        remote_control, provisioning = running.citrine.remote_control, running.citrine.provisioning
        start = remote_control_pb2.RequestStartTransactionRequest(remote_start_id=7, id_token=TOKEN, evse_id=1)
        await remote_control.RequestStartTransaction(
            RequestStartTransactionRequest(target=running.target, request=start)
        )
        await running.until_connector("OCCUPIED", "STATE_CHARGING")
        charging = (await running.transactions())[0]
        stop = remote_control_pb2.RequestStopTransactionRequest(transaction_id=charging.transaction_id)
        await remote_control.RequestStopTransaction(RequestStopTransactionRequest(target=running.target, request=stop))
        ended = await running.until_transaction(lambda one: one.HasField("end_time"))

        data = provisioning_pb2.SetVariableData(attribute_value="77")
        data.component.name, data.variable.name = "OCPPCommCtrlr", "HeartbeatInterval"
        change = provisioning_pb2.SetVariablesRequest(set_variable_data=[data])
        changed = await provisioning.SetVariables(SetVariablesRequest(target=running.target, request=change))
        listed = await provisioning.ListVariables(ListVariablesRequest(station_id=STATION, page_size=500))

        booted = (await running.station()).boot_time
        at_once = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE)
        reset = await provisioning.Reset(ResetRequest(target=running.target, request=at_once))

        async def again() -> bool:
            return (await running.station()).boot_time != booted

        await running.until(again)
        await running.until_connector("AVAILABLE")

    assert (charging.id_token, charging.remote_start_id) == (TOKEN, 7)
    assert ended.transaction_id == charging.transaction_id
    (result,) = changed.response.set_variable_result
    assert result.attribute_status == provisioning_pb2.SET_VARIABLE_STATUS_ENUM_ACCEPTED
    assert [one.value for one in listed.variables if one.variable.name == "HeartbeatInterval"] == ["77"]
    assert reset.response.status == provisioning_pb2.RESET_STATUS_ENUM_ACCEPTED
