"""Charge records on a whole core, with stations played by the test."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import delete, insert, select, update

from citrine.api.v1 import charge_records_pb2 as pb
from citrine.api.v1 import tariffs_pb2, transactions_pb2
from citrine.api.v1.charge_records_pb2_grpc import ChargeRecordsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget, TimeRange
from citrine.api.v1.locations_pb2 import CreateLocationEvseRequest, CreateLocationRequest, Location, LocationEvse
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.remote_control_pb2 import GetRemoteStartRequest, RequestStartTransactionRequest
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import DeleteStationRequest, Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_COMPLETE, SETTLEMENT_OPERATOR, CostCorrection
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, DeleteTokenRequest, Token, UpdateTokenRequest
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.events.v1.events_pb2 import ChargeRecordMade, Event
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.provisioning_pb2 import BOOT_REASON_ENUM_POWER_UP, BootNotificationRequest, ChargingStation
from citrine.ocpp.v2.remote_control_pb2 import REQUEST_START_STOP_STATUS_ENUM_ACCEPTED, RequestStartTransactionResponse
from citrine.ocpp.v2.types_pb2 import IdToken, SampledValue, SignedMeterValue
from citrine_core.db.tables import metadata
from citrine_core.events import OutboxEvent
from citrine_core.resources.charge_records.contents import charges_the_same
from citrine_core.resources.charge_records.jobs import Backfill
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import at, ended, sampled, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.recording import record_all
from tests.support.statements import statements
from tests.support.waiting import WAIT

PER_KWH = tariff(
    element(component("ENERGY", "0.30", "19"), component("FLAT", "0.50", "7"), component("IDLE_TIME", "6")),
    tariff_id="KWH",
)


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    settings = {"transaction_check_delay": timedelta(hours=1), "transaction_silence": None}
    async with running_core(database_url, tmp_path, station_clock_tolerance=None, **settings) as running:
        yield running


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield edge


@pytest.fixture
async def station(edge: FakeEdge) -> FakeSession:
    return await edge.connect("CS-1", PASSWORD)


class Records:
    """The API as these tests need it."""

    def __init__(self, core: RunningCore) -> None:
        self.core = core
        # Any: the types of stubs are those of synchronous channels.
        self.records: Any = core.stub(ChargeRecordsServiceStub)
        self.transactions: Any = core.stub(TransactionsServiceStub)
        self.tariffs: Any = core.stub(TariffsServiceStub)
        self.tokens: Any = core.stub(TokensServiceStub)
        self.locations: Any = core.stub(LocationsServiceStub)

    async def assign(self, wanted: tariffs_pb2.Tariff) -> None:
        await self.tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=wanted))
        assignment = tariffs_pb2.TariffAssignment(tariff_id=wanted.tariff_id)
        await self.tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment))

    async def place(self, station_id: str, evse_id: int) -> None:
        """Have a station stand at a location, where its EVSE is known."""
        site = Location(location_id="L-1", name="Harbour", address="Quay 1", city="Bergen", country="NOR")
        site.time_zone, site.coordinates.latitude, site.coordinates.longitude = "Europe/Oslo", "60.39299", "5.32415"
        await self.locations.CreateLocation(CreateLocationRequest(location=site))
        placed = UpdateStationRequest(station=Station(station_id=station_id, location_id="L-1"))
        placed.update_mask.paths.append("location_id")
        stations: Any = self.core.stub(StationsServiceStub)
        await stations.UpdateStation(placed)
        evse = LocationEvse(uid="E-1", location_id="L-1", station_id=station_id, evse_id=evse_id)
        evse.public_id = "NO*ABC*E1"
        await self.locations.CreateLocationEvse(CreateLocationEvseRequest(evse=evse))

    async def get(self, transaction_id: str = "T-1", revision: int = 0) -> pb.ChargeRecord:
        await record_all(self.core)
        request = pb.GetChargeRecordRequest(station_id="CS-1", transaction_id=transaction_id, revision=revision)
        found: pb.ChargeRecord = await self.records.GetChargeRecord(request)
        return found

    async def read(self, **fields: Any) -> list[pb.ChargeRecord]:
        """Return all pages of a list, of two records each."""
        found: list[pb.ChargeRecord] = []
        request = pb.ListChargeRecordsRequest(page_size=2, **fields)
        while True:
            page = await self.records.ListChargeRecords(request)
            found += page.records
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    async def unsettled(self, **fields: Any) -> dict[str, list[int]]:
        """Return what unsettled transactions wait for, by transaction."""
        request = pb.ListUnsettledTransactionsRequest(**fields)
        response = await self.records.ListUnsettledTransactions(request)
        return {one.transaction_id: list(one.waits_for) for one in response.transactions}

    async def events(self) -> list[ChargeRecordMade]:
        async with self.core.core.unit_of_work(read_only=True) as work:
            payloads = await work.session.scalars(select(OutboxEvent.payload).order_by(OutboxEvent.id))
            found = [Event.FromString(payload) for payload in payloads]
        return [one.charge_record_made for one in found if one.WhichOneof("body") == "charge_record_made"]

    def named(self, **fields: Any) -> dict[str, Any]:
        return {"station_id": "CS-1", "transaction_id": "T-1", "reason": "because", **fields}


@pytest.fixture
def api(core: RunningCore) -> Records:
    return Records(core)


def signed(value: float, data: str, context: str) -> SampledValue:
    found = sampled(value, context=context)
    found.signed_meter_value.CopyFrom(
        SignedMeterValue(signed_meter_data=data, signing_method="ECDSA", encoding_method="OCMF", public_key="key")
    )
    return found


async def test_a_settled_transaction_has_a_record_that_no_later_revision_changes(
    api: Records, station: FakeSession
) -> None:
    """It has all that a bill needs, and each correction is another revision, with an event."""
    await api.assign(PER_KWH)
    token = Token(id_token="C0FFEE00", type="ISO14443", group_id="fleet", contract_id="NL-ABC-C12345678-X")
    await api.tokens.CreateToken(CreateTokenRequest(token=token))
    hardware = ChargingStation(vendor_name="Acme", model="One", serial_number="7", firmware_version="1.2")
    await station.call(BootNotificationRequest(charging_station=hardware, reason=BOOT_REASON_ENUM_POWER_UP))

    await api.place("CS-1", evse_id=1)

    begin, end = signed(1000, "begin", "TRANSACTION_BEGIN"), signed(11000, "end", "TRANSACTION_END")
    await station.call_all([started(0, begin, id_token="c0ffee00", evse=(1, 2)), updated(1), ended(2, end)])
    first = await api.get()
    await api.transactions.WaiveTransactionCost(transactions_pb2.WaiveTransactionCostRequest(**api.named()))
    waived = await api.get()
    request = transactions_pb2.RepriceTransactionRequest(**api.named())
    await api.transactions.RepriceTransaction(request)
    repriced = await api.get()
    credit = transactions_pb2.CreditTransactionCostRequest(**api.named(amount="1.00", refunded=True))
    await api.transactions.CreditTransactionCost(credit)
    refunded = await api.get()

    assert (first.revision, first.replaces, first.reason, first.correction, first.change) == (1, 0, 0, 0, 1)
    assert (first.evse_id, first.connector_id, first.settlement) == (1, 2, SETTLEMENT_COMPLETE)
    assert first.token == pb.ChargeRecordToken(
        id_token=IdToken(id_token="c0ffee00", type="ISO14443"), group_id="fleet", contract_id="NL-ABC-C12345678-X"
    )
    assert first.station == pb.ChargeRecordStation(
        vendor_name="Acme", model="One", serial_number="7", firmware_version="1.2"
    )
    assert (first.location.name, first.location.city, first.location.evse_uid) == ("Harbour", "Bergen", "E-1")
    assert (first.location.evse_public_id, first.location.coordinates.latitude) == ("NO*ABC*E1", "60.39299")
    assert first.authorization_method == pb.AUTHORIZATION_METHOD_CSMS
    assert [one.signed_meter_value.signed_meter_data for one in (*first.signed_start, *first.signed_end)] == [
        "begin",
        "end",
    ]
    assert (first.start_time, first.end_time, first.total_time.seconds) == (at(0), at(2), 120)
    assert (first.meter_start_wh, first.meter_last_wh, first.energy_kwh) == (1000, 11000, "10")
    assert (first.currency, first.total.before_tax, first.total.after_tax) == ("EUR", "3.50", "4.11")
    assert {one.dimension: (one.quantity, one.amount.before_tax) for one in first.totals} == {
        pb.CHARGE_DIMENSION_ENERGY: ("10", "3.00"),
        pb.CHARGE_DIMENSION_FLAT: ("1", "0.50"),
    }
    assert {one.percent: (one.base, one.amount) for one in first.taxes} == {
        "7": ("0.50", "0.035"),
        "19": ("3.00", "0.57"),
    }
    assert [(one.energy_kwh, one.energy_amount, one.amount) for one in first.periods] == [
        ("10", first.totals[0].amount, first.totals[0].amount)
    ]
    assert (first.tariff_id, first.tariff_version) == ("KWH", 1)

    assert (waived.revision, waived.replaces, waived.correction, waived.reason) == (
        2,
        1,
        1,
        CostCorrection.REASON_WAIVED,
    )
    assert (waived.detail, waived.total.after_tax, list(waived.lines)) == ("because", "0.00", [])
    assert (waived.energy_kwh, waived.signed_end) == ("10", first.signed_end)
    nothing = tariffs_pb2.Amount(before_tax="0.00", after_tax="0.00")
    assert [(one.energy_price, one.HasField("energy_amount"), one.amount) for one in waived.periods] == [
        ("0.30", False, nothing)
    ]
    assert (repriced.revision, repriced.reason, repriced.total) == (3, CostCorrection.REASON_REPRICED, first.total)
    assert (refunded.revision, refunded.reason) == (4, CostCorrection.REASON_REFUNDED)
    assert (refunded.total.before_tax, refunded.total.after_tax, refunded.energy_kwh) == ("2.65", "3.11", "10")
    assert refunded.totals[-1] == pb.ChargeTotal(
        dimension=pb.CHARGE_DIMENSION_CREDIT,
        quantity="1",
        amount=tariffs_pb2.Amount(before_tax="-0.851582", after_tax="-1.00"),
    )
    assert {one.percent: (one.base, one.amount) for one in refunded.taxes} == {
        "7": ("0.378345", "0.026484"),
        "19": ("2.270073", "0.431314"),
    }
    assert {first.record_id} == {waived.record_id, repriced.record_id}
    assert [await api.get(revision=number) for number in (1, 2, 3, 4)] == [first, waived, repriced, refunded]
    assert [(one.revision, one.change, one.reason, one.after_tax) for one in await api.events()] == [
        (1, 1, CostCorrection.REASON_UNSPECIFIED, "4.11"),
        (2, 2, CostCorrection.REASON_WAIVED, "0.00"),
        (3, 3, CostCorrection.REASON_REPRICED, "4.11"),
        (4, 4, CostCorrection.REASON_REFUNDED, "3.11"),
    ]


def test_a_record_of_a_version_that_said_no_amounts_of_periods_charges_the_same() -> None:
    period = tariffs_pb2.CostPeriod(energy_kwh="1", energy_price="0.3")
    before = pb.ChargeRecord(currency="EUR", periods=[period])
    amount = tariffs_pb2.Amount(before_tax="0.30", after_tax="0.30")
    period.energy_amount.CopyFrom(amount)
    period.amount.CopyFrom(amount)
    now = pb.ChargeRecord(currency="EUR", periods=[period])
    period.energy_kwh = "2"

    assert charges_the_same(now, before)
    assert not charges_the_same(pb.ChargeRecord(currency="EUR", periods=[period]), before)


async def test_a_record_says_where_the_station_stood_though_it_was_moved_or_removed_since(
    api: Records, station: FakeSession
) -> None:
    await api.place("CS-1", evse_id=1)
    await station.call(started(0, 1000, evse=(1, 2)))
    stations: Any = api.core.stub(StationsServiceStub)
    moved = UpdateStationRequest(station=Station(station_id="CS-1"))
    moved.update_mask.paths.append("location_id")
    await stations.UpdateStation(moved)
    await station.call(ended(1, 2000))
    of_moved = await api.get()
    await station.call_all([started(0, 1000, evse=(1, 2), transaction_id="T-2"), updated(1, transaction_id="T-2")])
    # Its transactions are settled then.
    await stations.DeleteStation(DeleteStationRequest(station_id="CS-1"))
    of_removed = await api.get("T-2")

    for record in (of_moved, of_removed):
        assert (record.location.name, record.location.evse_uid) == ("Harbour", "E-1")


@pytest.mark.parametrize("since", ["deleted", "sold", "unknown before"])
async def test_a_record_says_whose_the_token_was_when_charging_began(
    api: Records, edge: FakeEdge, station: FakeSession, since: str
) -> None:
    """Also of a start that the station was asked for, and where events that come in another order are folded anew."""
    partner = Token(id_token="C0FFEE00", type="ISO14443", country_code="NL", party_id="TNM", contract_id="NL-TNM-C1")
    if since != "unknown before":
        await api.tokens.CreateToken(CreateTokenRequest(token=partner))
    accepted = RequestStartTransactionResponse(status=REQUEST_START_STOP_STATUS_ENUM_ACCEPTED)
    edge.on_command = lambda _: accepted
    remote: Any = api.core.stub(RemoteControlServiceStub)
    request = remote_control_pb2.RequestStartTransactionRequest(evse_id=1)
    request.id_token.CopyFrom(IdToken(id_token="C0FFEE00", type="ISO14443"))
    asked = RequestStartTransactionRequest(target=CommandTarget(station_id="CS-1"), request=request)
    await remote.RequestStartTransaction(asked)
    sent: Any = unwrap(edge.commands[0].request)
    begun = {"remote_start_id": sent.remote_start_id}
    by_request = started(0, 0, transaction_id="T-2", evse=(1, 1), info=begun)
    await station.call_all([started(0, 0, id_token="C0FFEE00"), by_request, updated(3, 1500)])
    if since == "deleted":
        await api.tokens.DeleteToken(DeleteTokenRequest(id_token="C0FFEE00", type="ISO14443"))
    elif since == "sold":
        sold = Token(id_token="C0FFEE00", type="ISO14443", country_code="DE", party_id="NEW")
        await api.tokens.UpdateToken(UpdateTokenRequest(token=sold))
    else:
        # What is known when it is charged is the best that there is.
        await api.tokens.CreateToken(CreateTokenRequest(token=partner))
    await station.call_all([updated(2, 1000), updated(1, 500), ended(4, 2000), ended(1, 2000, transaction_id="T-2")])

    for transaction_id in ("T-1", "T-2"):
        token = (await api.get(transaction_id)).token
        assert (token.country_code, token.party_id, token.contract_id) == ("NL", "TNM", "NL-TNM-C1")


async def test_what_is_credited_counts_for_each_tax_by_what_it_is_levied_on(api: Records, station: FakeSession) -> None:
    """Also for one of nothing, and for one that is on others."""
    energy = component("ENERGY", "0.30")
    energy.taxes.add(type="GST", percent="5")
    energy.taxes.add(type="QST", percent="10", stack=1)
    await api.assign(tariff(element(energy, component("FLAT", "1.00", "0"))))
    await station.call_all([started(0, 0), ended(1, 40000, minutes=240)])
    first = await api.get()
    half = transactions_pb2.CreditTransactionCostRequest(**api.named(amount="7.43"))
    await api.transactions.CreditTransactionCost(half)
    credited = await api.get()

    assert [(first.total.after_tax, first.total.before_tax), credited.total.before_tax] == [("14.86", "13.00"), "6.50"]
    assert [
        {one.type: (float(one.base), float(one.amount)) for one in record.taxes} for record in (first, credited)
    ] == [
        {"VAT": (1.0, 0.0), "GST": (12.0, 0.6), "QST": (12.0, 1.26)},
        {"VAT": (0.5, 0.0), "GST": (6.0, 0.3), "QST": (6.0, 0.63)},
    ]


async def test_without_a_tariff_the_record_has_the_energy_and_late_data_makes_a_revision(
    api: Records, station: FakeSession
) -> None:
    await station.call_all([started(0, 0), updated(1, 1500), ended(3)])
    assert (await api.unsettled(), await api.read()) == ({"T-1": [pb.SETTLEMENT_WAIT_EVENTS]}, [])
    settle = transactions_pb2.SettleTransactionRequest(**api.named())
    await api.transactions.SettleTransaction(settle)
    first = await api.get()

    reopen = transactions_pb2.ReopenTransactionRequest(**api.named())
    await api.transactions.ReopenTransaction(reopen)
    waiting = await api.unsettled(over_only=True)
    await api.transactions.SettleTransaction(settle)
    same = await api.get()
    await station.call(updated(2, 2500))
    await api.transactions.ReopenTransaction(reopen)
    await api.transactions.SettleTransaction(settle)
    second = await api.get()

    assert (first.energy_kwh, first.currency, first.HasField("total")) == ("1.5", "", False)
    assert [(one.start_time, one.end_time, one.energy_kwh) for one in first.periods] == [(at(0), at(3), "1.5")]
    assert (first.settlement, first.missing_events) == (SETTLEMENT_OPERATOR, 1)
    assert waiting == {"T-1": [pb.SETTLEMENT_WAIT_EVENTS, pb.SETTLEMENT_WAIT_REOPENED]}
    assert same == first
    assert (second.revision, second.reason) == (2, CostCorrection.REASON_REOPENED)
    assert (second.energy_kwh, await api.unsettled()) == ("2.5", {})


async def test_what_is_reopened_and_settled_again_by_one_event_has_another_revision(
    api: Records, station: FakeSession
) -> None:
    await station.call_all([started(0, 0), updated(1, 1500)])
    await api.transactions.CloseTransaction(
        transactions_pb2.CloseTransactionRequest(station_id="CS-1", transaction_id="T-1")
    )
    first = await api.get()
    await station.call(ended(2, 2500))
    second = await api.get()

    assert (first.revision, first.energy_kwh, first.HasField("end_time")) == (1, "1.5", False)
    assert (second.revision, second.energy_kwh, second.end_time) == (2, "2.5", at(2))
    assert (second.reason, second.settlement) == (CostCorrection.REASON_CONTINUED, SETTLEMENT_COMPLETE)


async def test_what_is_not_settled_says_what_it_waits_for(
    core: RunningCore, api: Records, edge: FakeEdge, station: FakeSession
) -> None:
    await core.add_station("CS-2", registration=1)
    other = await edge.connect("CS-2", PASSWORD)
    await station.call_all([started(0, 0, evse=(1, 1)), ended(2, 5, transaction_id="T-2")])
    await station.call(started(0, transaction_id="T-3", evse=(2, 1)))
    await other.call(started(0, transaction_id="T-4", evse=(1, 1)))
    await station.call(started(0, transaction_id="T-5", evse=(1, 1), minutes=9))

    waits = await api.unsettled()

    goes_on = [pb.SETTLEMENT_WAIT_END]
    assert waits == {
        "T-5": goes_on,
        "T-4": goes_on,
        "T-3": goes_on,
        "T-2": [pb.SETTLEMENT_WAIT_BEGINNING],
        "T-1": [pb.SETTLEMENT_WAIT_OVER],
    }
    assert set(await api.unsettled(over_only=True)) == {"T-1", "T-2"}
    assert set(await api.unsettled(station_id="CS-2")) == {"T-4"}
    assert set(await api.unsettled(stations=StationSelector(station_ids=["CS-2"]))) == {"T-4"}


async def test_records_are_found_by_what_their_readers_look_for(
    core: RunningCore, api: Records, edge: FakeEdge, station: FakeSession
) -> None:
    await core.add_station("CS-2", registration=1)
    other = await edge.connect("CS-2", PASSWORD)
    for number, session in enumerate((station, other, station)):
        names = {"transaction_id": f"T-{number}", "id_token": f"AA{number}"}
        await session.call(started(0, 0, minutes=10 * number, **names))
        await session.call(ended(1, 10, minutes=10 * number + 5, **names))
        await record_all(core)

    all_of_them = await api.read()
    ids = {record.transaction_id: record.record_id for record in all_of_them}

    async def found(**fields: Any) -> list[str]:
        return [record.transaction_id for record in await api.read(**fields)]

    assert [(one.change, one.transaction_id) for one in all_of_them] == [(3, "T-2"), (2, "T-1"), (1, "T-0")]
    assert await found(after_change=0) == ["T-0", "T-1", "T-2"]
    assert await found(after_change=1) == ["T-1", "T-2"]
    assert await found(after_change=3) == []
    assert await found(station_id="CS-1") == ["T-2", "T-0"]
    assert await found(stations=StationSelector(station_ids=["CS-2"]), after_change=0) == ["T-1"]
    assert await found(id_token="aa:1") == ["T-1"]
    assert await found(transaction_id="T-2") == ["T-2"]
    assert await found(record_id=ids["T-0"], latest_only=True) == ["T-0"]
    assert await found(end_time=TimeRange(start=at(5), end=at(25))) == ["T-1", "T-0"]
    created = TimeRange(start=all_of_them[1].create_time)
    assert await found(create_time=created) == ["T-2", "T-1"]
    assert await found(create_time=created, after_change=2) == ["T-2"]
    by_id = await api.records.GetChargeRecord(pb.GetChargeRecordRequest(record_id=ids["T-1"]))
    assert by_id == all_of_them[1]


def credit_of(amount: str) -> transactions_pb2.CreditTransactionCostRequest:
    names: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1", "reason": "because"}
    return transactions_pb2.CreditTransactionCostRequest(amount=amount, **names)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        pytest.param(pb.GetChargeRecordRequest(), "record_id", id="no name"),
        pytest.param(pb.GetChargeRecordRequest(record_id="R", station_id="CS-1"), "record_id", id="two names"),
        pytest.param(pb.GetChargeRecordRequest(station_id="CS-1"), "transaction_id", id="half a name"),
        pytest.param(pb.GetChargeRecordRequest(record_id="R", revision=-1), "revision", id="no revision"),
        pytest.param(pb.ListChargeRecordsRequest(after_change=-1), "after_change", id="no change"),
        pytest.param(credit_of("0"), "amount", id="no amount"),
        pytest.param(credit_of("1.234567"), "amount", id="no decimal of a currency"),
        pytest.param(pb.ListChargeRecordsRequest(after_change=1, end_time=TimeRange()), "end_time", id="two orders"),
    ],
)
async def test_a_request_that_can_not_be_right_is_refused_by_its_field(
    sqlite_core: Records, request_: Any, field: str
) -> None:
    name = type(request_).__name__.removesuffix("Request")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(sqlite_core.transactions if "Credit" in name else sqlite_core.records, name)(request_)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (caught.value.details() or "").startswith(field)


@pytest.fixture
async def sqlite_core(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Records]:
    async with running_core(sqlite_url, tmp_path) as running:
        yield Records(running)


async def test_readers_see_each_change_once_in_order_and_without_gaps(
    core: RunningCore, api: Records, edge: FakeEdge
) -> None:
    """While several jobs make records of what several stations report, and a reader follows."""
    sessions = []
    for number in range(4):
        await core.add_station(f"CS-{number + 2}", registration=1)
        sessions.append(await edge.connect(f"CS-{number + 2}", PASSWORD))

    async def charge(session: FakeSession) -> None:
        for number in range(6):
            name = f"{session.station_id}-{number}"
            await session.call_all([started(0, 0, transaction_id=name), ended(1, 1, transaction_id=name)])
            await record_all(core, runs=2)

    read: list[pb.ChargeRecord] = []
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as tasks:
        for session in sessions:
            tasks.create_task(charge(session))
        while len(read) < 24:
            read += await api.read(after_change=read[-1].change if read else 0)

    assert [record.change for record in read] == list(range(1, 25))
    assert len({record.transaction_id for record in read}) == 24
    times = [(one.create_time.seconds, one.create_time.nanos) for one in read]
    assert times == sorted(times)
    assert sorted(event.change for event in await api.events()) == list(range(1, 25))


async def backfill(core: RunningCore, runs: int = 1) -> None:
    """Make the records of before that are due; the core's own job may be at it: then it is waited for."""
    backfills = metadata().tables["charge_record_backfills"]
    async with asyncio.timeout(WAIT):
        while True:
            await asyncio.gather(*(Backfill(core.core.services).run() for _ in range(runs)))
            async with core.core.unit_of_work(read_only=True) as work:
                due = select(backfills).where(backfills.c.due_time <= core.core.services.clock())
                if (await work.session.execute(due)).first() is None:
                    return


async def test_what_was_settled_before_there_were_records_is_recorded_without_events(
    core: RunningCore, api: Records, station: FakeSession
) -> None:
    """One that is corrected meanwhile is recorded with events."""
    await api.assign(PER_KWH)
    for name in ("T-1", "T-2", "T-3"):
        await station.call_all([started(0, 0, transaction_id=name), ended(1, 1000, transaction_id=name)])
    await record_all(core)
    tables = metadata().tables
    row = {"id": 1, "due_time": core.core.services.clock(), "tenant_id": "", "station_id": "", "transaction_id": ""}
    async with core.core.unit_of_work() as work:
        for name in ("charge_records", "charge_record_heads", "outbox"):
            await work.session.execute(delete(tables[name]))
        await work.commit()

    await api.transactions.WaiveTransactionCost(
        transactions_pb2.WaiveTransactionCostRequest(**api.named(transaction_id="T-2"))
    )
    # Due only now: the core's own job might record all of it before the correction.
    async with core.core.unit_of_work() as work:
        await work.session.execute(insert(tables["charge_record_backfills"]).values(row))
        await work.commit()
    await backfill(core, runs=2)
    await record_all(core)

    records = await api.read(after_change=0)
    assert [record.change for record in records] == [1, 2, 3, 4]
    assert sorted((one.transaction_id, one.revision, one.total.after_tax) for one in records) == [
        ("T-1", 1, "0.89"),
        ("T-2", 1, "0.89"),
        ("T-2", 2, "0.00"),
        ("T-3", 1, "0.89"),
    ]
    assert [(one.transaction_id, one.revision) for one in await api.events()] == [("T-2", 1), ("T-2", 2)]


async def test_what_an_old_core_settles_after_the_upgrade_is_recorded_an_hour_later(
    core: RunningCore, api: Records, station: FakeSession
) -> None:
    """Its records are not due: the old core knows of none."""
    await api.assign(PER_KWH)
    for name in ("T-1", "T-2"):
        await station.call_all([started(0, 0, transaction_id=name), ended(1, 1000, transaction_id=name)])
    await record_all(core)
    backfills = metadata().tables["charge_record_backfills"]
    now = core.core.services.clock()
    row = {"id": 1, "due_time": now, "tenant_id": "", "station_id": "", "transaction_id": ""}
    async with core.core.unit_of_work() as work:
        await work.session.execute(insert(backfills).values(row))
        await work.commit()
    await backfill(core)
    records = metadata().tables["charge_records"]
    async with core.core.unit_of_work() as work:
        due_time = (await work.session.execute(select(backfills.c.due_time))).scalar_one()
        await work.session.execute(delete(records).where(records.c.transaction_id == "T-1"))
        await work.session.execute(delete(metadata().tables["outbox"]))
        await work.session.execute(update(backfills).values(due_time=now))
        await work.commit()
    await backfill(core)

    assert due_time >= now + timedelta(hours=1)
    found = await api.read(after_change=0)
    assert [(one.transaction_id, one.revision, one.change) for one in found] == [("T-2", 1, 2), ("T-1", 1, 3)]
    assert [one.transaction_id for one in await api.events()] == ["T-1"]
    async with core.core.unit_of_work(read_only=True) as work:
        assert (await work.session.execute(select(backfills))).first() is None


async def test_a_record_that_can_not_be_made_stops_no_other_one_and_is_made_later(
    core: RunningCore, api: Records, station: FakeSession
) -> None:
    tables = metadata().tables
    events, due = tables["transaction_events"], tables["due_charge_records"]
    await station.call(started(0, 0))
    await station.call(started(0, 0, transaction_id="T-2"))
    first = events.c.transaction_id == "T-1"
    async with core.core.unit_of_work() as work:
        stored = await work.session.scalar(select(events.c.request).where(first))
        await work.session.execute(update(events).where(first).values(request=b"\xff"))
        await work.commit()
    await station.call(ended(1, 10))
    await station.call(ended(1, 20, transaction_id="T-2"))
    await record_all(core)
    made = [(one.transaction_id, one.change) for one in await api.read()]
    async with core.core.unit_of_work() as work:
        [waiting] = (await work.session.execute(select(due.c.transaction_id, due.c.due_time > due.c.create_time))).all()
        await work.session.execute(update(events).where(first).values(request=stored))
        await work.session.execute(update(due).values(due_time=core.core.services.clock()))
        await work.commit()
    await record_all(core)

    assert (made, tuple(waiting)) == ([("T-2", 1)], ("T-1", True))
    assert [(one.transaction_id, one.energy_kwh) for one in await api.read(after_change=1)] == [("T-1", "0.01")]


async def test_many_transactions_are_recorded_together(core: RunningCore, api: Records, station: FakeSession) -> None:
    await api.assign(PER_KWH)
    names = [f"T-{number}" for number in range(30)]
    events = [
        event for name in names for event in (started(0, 0, transaction_id=name), ended(1, 9, transaction_id=name))
    ]

    with statements(core.core.engine) as seen:
        await station.call_all(events)
        await record_all(core)

    texts = [statement for statement, _ in seen]
    for of in ("FROM cost_corrections", "FROM charge_records", "INSERT INTO charge_record_heads"):
        # The core's own job may have been at the first of them.
        assert 1 <= sum(of in text for text in texts) <= 6, of
    assert len(await api.read()) == 30


async def test_a_reference_goes_from_the_remote_start_to_the_charge_record(
    core: RunningCore, edge: FakeEdge, station: FakeSession, api: Records
) -> None:
    edge.on_command = lambda command: RequestStartTransactionResponse(status=REQUEST_START_STOP_STATUS_ENUM_ACCEPTED)
    token = IdToken(id_token="0A0B0C0D", type="ISO14443")
    asked = RequestStartTransactionRequest(
        target=CommandTarget(station_id="CS-1"),
        request=remote_control_pb2.RequestStartTransactionRequest(id_token=token, remote_start_id=7),
        reference="order 17",
    )
    await station.call(HeartbeatRequest())
    await core.stub(RemoteControlServiceStub).RequestStartTransaction(asked)
    await station.call(started(0, 0.0, info={"remote_start_id": 7}, trigger="REMOTE_START", id_token="0A0B0C0D"))
    await station.call(updated(1, 500.0))
    await station.call(started(0, 0.0, transaction_id="T-2", id_token="0A0B0C0D"))

    listed = await api.transactions.ListTransactions(transactions_pb2.ListTransactionsRequest(reference="order 17"))
    assert [(one.transaction_id, one.reference) for one in listed.transactions] == [("T-1", "order 17")]
    await station.call(ended(2, 1000.0))

    record = await api.get()
    assert record.reference == "order 17"
    assert await api.read(reference="order 17") == [record]
    assert await api.read(reference="order 18") == []
    assert [one.reference for one in await api.events()] == ["order 17"]
    start = await core.stub(RemoteControlServiceStub).GetRemoteStart(
        GetRemoteStartRequest(station_id="CS-1", remote_start_id=7)
    )
    assert start.reference == "order 17"
