"""What becomes of credits, refunds and waivers where a cost is reckoned anew, on a whole core with played stations."""

from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from citrine.api.v1 import charge_records_pb2, tariffs_pb2
from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.charge_records_pb2_grpc import ChargeRecordsServiceStub
from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection, GetCostCorrectionRequest
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_corrections import Bills
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.recording import record_all

PER_KWH = tariff(element(component("ENERGY", "1", "19")), tariff_id="KWH")
DEARER = tariff(element(component("ENERGY", "2", "19")), tariff_id="DEARER")
IN_DOLLARS = tariff(element(component("ENERGY", "2")), tariff_id="USD")
IN_DOLLARS.currency = "USD"
NAMES: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1", "reason": "because"}


class Credited(Bills):
    """The API as these tests need it."""

    async def credit(self, amount: str, **fields: Any) -> CostCorrection:
        request = pb.CreditTransactionCostRequest(**NAMES, amount=amount, **fields)
        found: CostCorrection = await self.transactions.CreditTransactionCost(request)
        return found

    async def waive(self) -> None:
        await self.transactions.WaiveTransactionCost(pb.WaiveTransactionCostRequest(**NAMES))

    async def reprice(self, tariff_id: str) -> CostCorrection:
        request = pb.RepriceTransactionRequest(**NAMES, tariff_id=tariff_id)
        found: CostCorrection = await self.transactions.RepriceTransaction(request)
        return found

    async def reopen_and_settle(self) -> None:
        await self.transactions.ReopenTransaction(pb.ReopenTransactionRequest(**NAMES))
        await self.transactions.SettleTransaction(pb.SettleTransactionRequest(**NAMES))

    async def totals(self) -> list[tuple[str, str]]:
        """Return reason and total of all corrections, the first first."""
        return [
            (CostCorrection.Reason.Name(one.reason).removeprefix("REASON_"), one.cost.total.after_tax)
            for one in await self.corrections()
        ]

    async def latest(self) -> CostCorrection:
        request = GetCostCorrectionRequest(station_id="CS-1", transaction_id="T-1")
        found: CostCorrection = await self.costs.GetCostCorrection(request)
        return found

    async def revision(self) -> int:
        """Return the number of the latest revision of the charge record."""
        await record_all(self.core)
        records: Any = self.core.stub(ChargeRecordsServiceStub)
        request = charge_records_pb2.GetChargeRecordRequest(station_id="CS-1", transaction_id="T-1")
        return int((await records.GetChargeRecord(request)).revision)


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    settings = {"transaction_check_delay": timedelta(hours=1), "transaction_silence": None}
    async with running_core(database_url, tmp_path, station_clock_tolerance=None, **settings) as running:
        yield running


@pytest.fixture
async def bills(core: RunningCore) -> Credited:
    found = Credited(core)
    await found.assign(PER_KWH)
    for other in (DEARER, IN_DOLLARS):
        await found.tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=other))
    return found


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield edge


@pytest.fixture
async def station(edge: FakeEdge) -> FakeSession:
    return await edge.connect("CS-1", PASSWORD)


def credits_of(correction: CostCorrection) -> list[str]:
    lines = correction.cost.lines
    return [one.amount.after_tax for one in lines if one.kind == tariffs_pb2.CostLine.KIND_CREDIT]


async def test_a_late_event_undoes_no_refund(bills: Credited, station: FakeSession) -> None:
    """One that changes nothing makes no correction; the others make corrections that keep what was given back."""
    await station.call_all([started(0, 0), updated(1, 10000), ended(4, 20000)])
    await bills.let_time_pass()
    await bills.credit("5.00", refunded=True)
    await bills.credit("0.80")
    refunded, revision = await bills.latest(), await bills.revision()

    await station.call(updated(1, 10000, minutes=1.5, offline=True))
    await station.call(updated(2, 20000, offline=True))
    same, same_revision = await bills.totals(), await bills.revision()
    await bills.reopen_and_settle()
    await station.call(updated(3, 30000, offline=True))
    dearer = await bills.latest()

    assert same == [("REFUNDED", "18.80"), ("CREDITED", "18.00")]
    assert same_revision == revision
    assert (await bills.totals())[2:] == [("LATE_EVENT", "29.90")]
    assert (dearer.number, dearer.replaced_total.after_tax) == (3, refunded.cost.total.after_tax)
    assert credits_of(dearer) == ["-5.00", "-0.80"]
    assert dearer.cost.total.before_tax == "25.13"
    (tax,) = dearer.cost.taxes
    assert round(float(tax.amount), 2) == 4.77


async def test_a_credit_is_kept_by_a_reprice_and_by_what_is_settled_again(
    bills: Credited, station: FakeSession
) -> None:
    await station.call_all([started(0, 0), ended(2, 10000)])
    await bills.transactions.SettleTransaction(pb.SettleTransactionRequest(**NAMES))
    await bills.credit("11.00")

    repriced = await bills.reprice("DEARER")
    with pytest.raises(grpc.aio.AioRpcError) as foreign:
        await bills.reprice("USD")
    await bills.reopen_and_settle()

    assert (credits_of(repriced), repriced.cost.total.after_tax) == (["-11.00"], "12.80")
    assert foreign.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert await bills.totals() == [("CREDITED", "0.90"), ("REPRICED", "12.80"), ("REOPENED", "0.90")]


async def test_a_cost_that_falls_below_its_credit_is_zero_and_rises_by_the_whole_credit_less(
    bills: Credited, station: FakeSession
) -> None:
    await station.call_all([started(0, 0), updated(1, 5000), ended(2, 5000)])
    await bills.reprice("DEARER")
    await bills.credit("7.00")

    cheaper = await bills.reprice("KWH")
    again = await bills.reprice("DEARER")

    assert (credits_of(cheaper), cheaper.cost.total.after_tax) == (["-5.95"], "0.00")
    assert (credits_of(again), again.cost.total.after_tax) == (["-7.00"], "4.90")


async def test_a_reading_confirmed_by_an_operator_undoes_no_credit(bills: Credited, station: FakeSession) -> None:
    await station.call_all([started(0, 1000), updated(1, 2000), ended(2, 102000)])
    await bills.credit("1.00")

    confirm = pb.ConfirmReadingRequest(**NAMES, register_wh=102000)
    await bills.transactions.ConfirmReading(confirm)

    assert await bills.totals() == [("CREDITED", "0.19"), ("READING_CONFIRMED", "119.19")]


async def test_what_goes_on_after_a_credit_keeps_it(bills: Credited, station: FakeSession) -> None:
    await station.call_all([started(0, 0), updated(1, 10000)])
    await bills.transactions.CloseTransaction(pb.CloseTransactionRequest(station_id="CS-1", transaction_id="T-1"))
    await bills.credit("1.90")

    await station.call(ended(2, 20000))

    assert await bills.totals() == [("CREDITED", "10.00"), ("CONTINUED", "21.90")]


async def test_only_operators_end_a_waiver(bills: Credited, station: FakeSession) -> None:
    """What its station sends does not, whatever it says; a new price has no credits of before the waiver."""
    await station.call_all([started(0, 0), ended(3, 10000)])
    await bills.transactions.SettleTransaction(pb.SettleTransactionRequest(**NAMES))
    await bills.credit("1.00")
    await bills.waive()
    revision = await bills.revision()

    await station.call(updated(1, 5000, offline=True))
    await station.call(updated(2, 30000, offline=True))
    waived, same_revision = await bills.totals(), await bills.revision()
    repriced = await bills.reprice("USD")

    assert waived == [("CREDITED", "10.90"), ("WAIVED", "0.00")]
    assert same_revision == revision
    assert (repriced.cost.currency, credits_of(repriced)) == ("USD", [])


async def test_a_credit_that_is_repeated_is_given_once(bills: Credited, station: FakeSession) -> None:
    """A request that names what it replaces is refused once it was carried out, or where others were in between."""
    await station.call_all([started(0, 0), ended(1, 10000)])

    first = await bills.credit("1.00", replaces=0)
    repeated = await status_of(bills.credit("1.00", replaces=0))
    second = await bills.credit("1.00", replaces=first.number)
    unknown = await status_of(bills.credit("1.00", replaces=9))
    negative = await status_of(bills.credit("1.00", replaces=-1))
    any_latest = await bills.credit("1.00")

    aborted, invalid = grpc.StatusCode.ABORTED, grpc.StatusCode.INVALID_ARGUMENT
    assert (repeated, unknown, negative) == (aborted, aborted, invalid)
    assert [one.number for one in (first, second, any_latest)] == [1, 2, 3]
    assert await bills.totals() == [("CREDITED", "10.90"), ("CREDITED", "9.90"), ("CREDITED", "8.90")]
    assert [number for *_, number in await bills.actions()] == [1, 2, 3]


async def status_of(call: Awaitable[CostCorrection]) -> grpc.StatusCode:
    """Return the status with which a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failed.value.code()
