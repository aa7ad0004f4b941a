"""Charging states that connectors report before their transactions are known, on a whole core and both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2 import GetTransactionCostRequest
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine.api.v1.tariffs_pb2 import AssignTariffRequest, CreateTariffRequest, TariffAssignment
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum
from citrine_core.db.tables import metadata
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import BEGINNING
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.unnumbered import UnnumberedStation

SUSPENDED_EV = ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EV
CHARGING = ChargingStateEnum.CHARGING_STATE_ENUM_CHARGING


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    async with running_core(database_url, tmp_path, station_clock_tolerance=timedelta(minutes=5)) as running:
        await running.add_station("CS-1", registration=1)
        await running.stub(TokensServiceStub).CreateToken(
            CreateTokenRequest(token=Token(id_token="CARD", type="Local"))
        )
        yield running


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[UnnumberedStation]:
    async with core.edge() as edge:
        yield UnnumberedStation(await edge.connect("CS-1", PASSWORD))


async def transaction(core: RunningCore, number: int) -> pb.Transaction:
    request = pb.GetTransactionRequest(transaction_id=str(number), station_id="CS-1")
    found: pb.Transaction = await core.stub(TransactionsServiceStub).GetTransaction(request)
    return found


async def stored(core: RunningCore) -> int:
    async with core.core.unit_of_work(read_only=True) as work:
        return await work.session.scalar(select(func.count()).select_from(_states())) or 0


def _states() -> Any:
    return metadata().tables["early_charging_states"]


@pytest.mark.in_turn
@pytest.mark.parametrize("received", [None, 600], ids=["at once", "queued"])
async def test_a_vehicle_that_waits_for_its_driver_is_billed_from_the_start(
    core: RunningCore, station: UnnumberedStation, received: float | None
) -> None:
    """It is plugged in 40 minutes before the card is shown, and stays for 30 minutes."""
    tariffs: Any = core.stub(TariffsServiceStub)
    idle = tariff(element(component("IDLE_TIME", "6.00", "0")), tariff_id="IDLE")
    await tariffs.CreateTariff(CreateTariffRequest(tariff=idle))
    await tariffs.AssignTariff(AssignTariffRequest(assignment=TariffAssignment(tariff_id="IDLE")))
    await station.status("OCCUPIED", -40, state="SUSPENDED_EV")
    number = await station.start(received=received)
    found = await transaction(core, number)
    await station.stop(number, 30, 4000, received=received)

    assert found.charging_state == SUSPENDED_EV
    found = await transaction(core, number)
    assert (found.HasField("clock_skew"), found.offline) == (False, received is not None)
    costs: Any = core.stub(TariffAndCostServiceStub)
    cost = (await costs.GetTransactionCost(GetTransactionCostRequest(transaction_id=str(number)))).cost
    assert cost.idle_time.ToTimedelta() == timedelta(minutes=30)
    assert [period.start_time.ToDatetime(UTC) for period in cost.periods] == [BEGINNING]


async def test_a_start_is_taken_however_many_states_are_stored(core: RunningCore, station: UnnumberedStation) -> None:
    """More than a statement of PostgreSQL has parameters."""
    place = {"tenant_id": "default", "station_id": "CS-1", "evse_id": 1, "connector_id": 1}
    rows = [
        {**place, "status_time": time, "receive_time": time, "charging_state": SUSPENDED_EV}
        for time in (BEGINNING - timedelta(seconds=number) for number in range(1, 12_001))
    ]
    async with core.core.unit_of_work() as work:
        await work.session.execute(insert(_states()), rows)
        await work.commit()

    number = await station.start()

    assert (await transaction(core, number)).events == 1
    assert await stored(core) == 0


async def test_the_newest_states_of_an_evse_remain(core: RunningCore, station: UnnumberedStation) -> None:
    """No transaction ever comes to them; those of another EVSE are not touched."""
    await station.status("OCCUPIED", -200, evse_id=2, state="SUSPENDED_EV")
    for minutes in range(60):
        await station.status("OCCUPIED", minutes, state="CHARGING" if minutes % 2 else "SUSPENDED_EV")

    assert await stored(core) == 51
    number = await station.start()
    found = await transaction(core, number)
    assert (found.events, found.charging_state) == (51, CHARGING)
    assert await stored(core) == 1
