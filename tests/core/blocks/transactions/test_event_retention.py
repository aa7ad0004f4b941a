"""What becomes of transactions whose events are removed, on a whole core with a station played by the test."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2
from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine_core.clock import utc_now
from citrine_core.config import read_settings
from citrine_core.housekeeping import Housekeeping
from citrine_process.settings import InvalidSetting
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import BEGINNING, ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeSession
from tests.support.settling import settle_all
from tests.support.unnumbered import UnnumberedStation

PER_KWH = tariff(element(component("ENERGY", "0.30")), tariff_id="KWH")


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    settings = {"transaction_check_delay": timedelta(hours=1), "transaction_silence": None}
    async with running_core(database_url, tmp_path, station_clock_tolerance=None, **settings) as running:
        yield running


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    tariffs: Any = core.stub(TariffsServiceStub)
    await tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=PER_KWH))
    assignment = tariffs_pb2.TariffAssignment(tariff_id=PER_KWH.tariff_id)
    await tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment))
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield await edge.connect("CS-1", PASSWORD)


@pytest.fixture
def api(core: RunningCore) -> Any:
    return core.stub(TransactionsServiceStub)


async def tidy(core: RunningCore, days: int, retention: str = "P30D") -> None:
    """Have housekeeping run as if so many days had passed."""
    settings = read_settings([f"--transaction-event-retention={retention}"], {})
    later = utc_now() + timedelta(days=days)
    await Housekeeping(core.core.unit_of_work, lambda: later, settings).tidy()


async def transaction(api: Any, transaction_id: str) -> pb.Transaction:
    found: pb.Transaction = await api.GetTransaction(pb.GetTransactionRequest(transaction_id=transaction_id))
    return found


async def events(api: Any, transaction_id: str) -> list[bool]:
    """Return of each stored event of a transaction whether it is late."""
    request = pb.ListTransactionEventsRequest(station_id="CS-1", transaction_id=transaction_id)
    return [one.late for one in (await api.ListTransactionEvents(request)).events]


async def cost(core: RunningCore, transaction_id: str) -> cost_pb.TransactionCost:
    stub: Any = core.stub(TariffAndCostServiceStub)
    found: cost_pb.TransactionCost = await stub.GetTransactionCost(
        cost_pb.GetTransactionCostRequest(transaction_id=transaction_id)
    )
    return found


async def corrections(core: RunningCore) -> int:
    stub: Any = core.stub(TariffAndCostServiceStub)
    return len((await stub.ListCostCorrections(cost_pb.ListCostCorrectionsRequest())).corrections)


async def test_events_go_some_time_after_the_settlement_and_the_transaction_and_its_cost_stay(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    await station.call_all([started(0, 0.0), updated(1, 500.0), ended(2, 10_000.0)])
    before, priced = await transaction(api, "T-1"), await cost(core, "T-1")

    await tidy(core, 29)
    assert len(await events(api, "T-1")) == 3
    await tidy(core, 31)

    assert await events(api, "T-1") == []
    after = await transaction(api, "T-1")
    assert after.HasField("events_removed_time")
    after.ClearField("events_removed_time")
    assert after == before
    assert await cost(core, "T-1") == priced


async def test_a_transaction_that_may_change_keeps_its_events_however_old_they_are(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    await station.call_all([started(0, 0.0, transaction_id="OPEN")])
    await station.call_all([started(0, 0.0, transaction_id="GAP"), ended(2, 10_000.0, transaction_id="GAP")])

    await tidy(core, 36)

    assert await events(api, "OPEN") == [False]
    assert await events(api, "GAP") == [False, False]
    # What is missing comes after all.
    await station.call(updated(1, 9_000.0, transaction_id="GAP"))
    assert (await transaction(api, "GAP")).settlement == cost_pb.SETTLEMENT_COMPLETE


async def test_events_stay_for_ever_by_default(core: RunningCore, station: FakeSession, api: Any) -> None:
    await station.call_all([started(0, 0.0), ended(1, 10_000.0)])

    await tidy(core, 36, "none")

    assert await events(api, "T-1") == [False, False]


@pytest.mark.parametrize("closed", [False, True], ids=["ended", "closed without an end"])
async def test_what_comes_after_that_is_stored_and_changes_nothing(
    core: RunningCore, station: FakeSession, api: Any, closed: bool
) -> None:
    """Its cost can't be computed anew, and whether it came before can't be told."""
    await station.call_all([started(0, 0.0), updated(1, 5_000.0)])
    if closed:
        request = pb.CloseTransactionRequest(station_id="CS-1", transaction_id="T-1")
        await api.CloseTransaction(request)
    else:
        await station.call(ended(3, 10_000.0))
        await settle_all(core)
    before, priced, made = await transaction(api, "T-1"), await cost(core, "T-1"), await corrections(core)
    await tidy(core, 31)

    # A repetition, one that was missing, an end.
    await station.call_all([updated(1, 5_000.0), updated(2, 7_000.0), ended(4, 20_000.0)])

    after = await transaction(api, "T-1")
    assert await events(api, "T-1") == [True, True, True]
    assert (after.late_events, after.energy_wh, after.settle_time) == (3, before.energy_wh, before.settle_time)
    assert (after.end_time, after.missing_events) == (before.end_time, before.missing_events)
    assert (await cost(core, "T-1")).cost == priced.cost
    assert await corrections(core) == made


async def test_an_operator_is_told_that_it_is_final(core: RunningCore, station: FakeSession, api: Any) -> None:
    await station.call_all([started(0, 0.0), ended(1, 10_000.0)])
    await tidy(core, 31)
    names: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1"}

    for call, request in (
        (api.ReopenTransaction, pb.ReopenTransactionRequest(**names, reason="a queue was found")),
        (api.RepriceTransaction, pb.RepriceTransactionRequest(**names, reason="wrong tariff")),
        (api.ConfirmReading, pb.ConfirmReadingRequest(**names, reason="it is right", register_wh=5.0)),
    ):
        with pytest.raises(grpc.aio.AioRpcError, match="no longer retained") as refused:
            await call(request)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    waived = await api.WaiveTransactionCost(pb.WaiveTransactionCostRequest(**names, reason="sorry"))
    assert waived.number == 1


async def test_an_id_that_is_used_again_is_another_transaction_all_the_same(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    await station.call_all([started(0, 0.0), ended(1, 10_000.0)])
    await tidy(core, 31)

    await station.call_all([started(0, 0.0, minutes=100_000), ended(1, 2_000.0, minutes=100_010)])

    assert (await transaction(api, "T-1")).energy_wh == 10_000
    again = await transaction(api, "T-1#2")
    assert (again.energy_wh, again.settlement) == (2_000, cost_pb.SETTLEMENT_COMPLETE)


async def test_many_transactions_go_in_small_steps(
    core: RunningCore, station: FakeSession, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.housekeeping.MAX_ROWS", 3)
    ids = [f"T-{number}" for number in range(5)]
    for name in ids:
        await station.call_all([started(0, 0.0, transaction_id=name), ended(1, 1_000.0, transaction_id=name)])

    await tidy(core, 31)

    assert [await events(api, name) for name in ids] == [[]] * 5


def test_events_are_retained_for_a_month_at_least() -> None:
    with pytest.raises(InvalidSetting, match="transaction_event_retention"):
        read_settings(["--transaction-event-retention=P29D"], {})
    assert read_settings(["--transaction-event-retention=none"], {}).transaction_event_retention is None


async def test_ends_of_transactions_that_nobody_began_are_removed_like_events(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    await UnnumberedStation(station).stop("4711", 30, 4000, received=0)

    for days, left in ((1, 1), (40, 0)):
        later = BEGINNING + timedelta(days=days) - utc_now()
        await tidy(core, later // timedelta(days=1))
        assert len((await api.ListUnmatchedEnds(pb.ListUnmatchedEndsRequest())).ends) == left
