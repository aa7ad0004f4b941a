"""Counts and series on a whole core: they equal what is reckoned from transactions and charge records."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from citrine.api.v1 import statistics_pb2 as pb
from citrine.api.v1 import transactions_pb2
from citrine.api.v1.charge_records_pb2 import ChargeRecord, ListChargeRecordsRequest
from citrine.api.v1.charge_records_pb2_grpc import ChargeRecordsServiceStub
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.locations_pb2 import CreateLocationRequest, Location
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.stations_pb2 import Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.statistics_pb2_grpc import StatisticsServiceStub
from citrine.api.v1.tariffs_pb2 import AssignTariffRequest, CreateTariffRequest, TariffAssignment
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import BEGINNING, ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.counted import count_all
from tests.support.recording import record_all

PER_KWH = tariff(element(component("ENERGY", "0.37", "19"), component("FLAT", "0.55")), tariff_id="KWH")

STATIONS = {"CS-1": "L-1", "CS-2": "L-1", "CS-3": "L-2", "CS-4": ""}
"""Stations with their locations."""

SPAN = TimeRange()
SPAN.start.FromDatetime(BEGINNING - timedelta(days=2))
SPAN.end.FromDatetime(BEGINNING + timedelta(days=70))


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    settings = {"transaction_check_delay": timedelta(hours=1), "transaction_silence": None}
    async with running_core(database_url, tmp_path, station_clock_tolerance=None, **settings) as running:
        yield running


class Api:
    """The API as these tests need it."""

    def __init__(self, core: RunningCore) -> None:
        # Any: the types of stubs are those of synchronous channels.
        self.core = core
        self.statistics: Any = core.stub(StatisticsServiceStub)
        self.records: Any = core.stub(ChargeRecordsServiceStub)
        self.transactions: Any = core.stub(TransactionsServiceStub)
        self.stations: Any = core.stub(StationsServiceStub)

    async def prepare(self) -> None:
        """Have stations at locations, and a tariff for all of them."""
        locations: Any = self.core.stub(LocationsServiceStub)
        for name, zone in (("L-1", "Asia/Kolkata"), ("L-2", "America/New_York")):
            site = Location(location_id=name, name=name, address="1", city="X", country="NOR", time_zone=zone)
            site.coordinates.latitude, site.coordinates.longitude = "1.00000", "2.00000"
            await locations.CreateLocation(CreateLocationRequest(location=site))
        for station_id, location_id in STATIONS.items():
            await self.core.add_station(station_id, registration=1)
            await self.place(station_id, location_id)
        tokens: Any = self.core.stub(TokensServiceStub)
        await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="C0FFEE00", type="ISO14443")))
        tariffs: Any = self.core.stub(TariffsServiceStub)
        await tariffs.CreateTariff(CreateTariffRequest(tariff=PER_KWH))
        await tariffs.AssignTariff(AssignTariffRequest(assignment=TariffAssignment(tariff_id="KWH")))

    async def place(self, station_id: str, location_id: str) -> None:
        station = Station(station_id=station_id, location_id=location_id, groups=["all", f"of-{station_id}"])
        request = UpdateStationRequest(station=station)
        request.update_mask.paths.extend(["location_id", "groups"])
        await self.stations.UpdateStation(request)

    async def series(self, page_size: int = 7, **fields: Any) -> list[pb.SeriesPoint]:
        """Return all points of a series, page by page."""
        found: list[pb.SeriesPoint] = []
        request = pb.ListSeriesRequest(**{"time": SPAN, "page_size": page_size, **fields})
        while True:
            page = await self.statistics.ListSeries(request)
            found += page.points
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    async def latest_records(self) -> list[ChargeRecord]:
        response = await self.records.ListChargeRecords(ListChargeRecordsRequest(latest_only=True, page_size=1000))
        return list(response.records)

    async def all_transactions(self) -> list[transactions_pb2.Transaction]:
        response = await self.transactions.ListTransactions(transactions_pb2.ListTransactionsRequest(page_size=1000))
        return list(response.transactions)


@pytest.fixture
async def api(core: RunningCore) -> Api:
    found = Api(core)
    await found.prepare()
    return found


def begins(time: datetime, interval: str, zone: ZoneInfo) -> datetime:
    """Return when the interval of a time begins, as a calendar says."""
    local = time.astimezone(zone)
    day = local.replace(minute=0, second=0, microsecond=0)
    if interval != "HOUR":
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, day=1 if interval == "MONTH" else local.day)
    return day.astimezone(UTC)


def expected(
    records: Iterable[ChargeRecord], transactions: Iterable[transactions_pb2.Transaction], group_of: Any, cut: Any
) -> Counter[tuple[str, datetime, str]]:
    """Return what transactions and charge records say, by group, interval and measure."""
    found: Counter[tuple[str, datetime, str]] = Counter()
    for one in transactions:
        if one.HasField("start_time"):
            found[group_of(one.station_id), cut(one.start_time.ToDatetime(UTC)), "started"] += 1
    for record in records:
        group, at = group_of(record.station_id), cut(record.end_time.ToDatetime(UTC))
        found[group, at, "ended"] += 1
        found[group, at, "failed"] += record.energy_kwh == "0"
        found[group, at, "energy"] += Decimal(record.energy_kwh)  # type: ignore[assignment]
        found[group, at, record.currency] += Decimal(record.total.after_tax)  # type: ignore[assignment]
    return Counter({key: value for key, value in found.items() if value})


def returned(points: Iterable[pb.SeriesPoint]) -> Counter[tuple[str, datetime, str]]:
    found: Counter[tuple[str, datetime, str]] = Counter()
    for point in points:
        key = (point.group_key, point.start_time.ToDatetime(UTC))
        found[*key, "started"] += point.transactions_started
        found[*key, "ended"] += point.transactions_ended
        found[*key, "failed"] += point.transactions_failed
        found[*key, "energy"] += Decimal(point.energy_kwh)  # type: ignore[assignment]
        for revenue in point.revenues:
            found[*key, revenue.currency] += Decimal(revenue.amount.after_tax)  # type: ignore[assignment]
    return Counter({key: value for key, value in found.items() if value})


async def test_series_equal_what_transactions_and_charge_records_say_whatever_comes_late(api: Api) -> None:
    """Random transactions, events out of order and after the settlement, other prices, waivers and credits."""
    chance = random.Random(13)
    core = api.core
    async with core.edge() as edge:
        sessions = {station_id: await edge.connect(station_id, PASSWORD) for station_id in STATIONS}
        for number in range(14):
            station_id, at = chance.choice(list(STATIONS)), chance.randrange(60 * 24 * 60)
            fields: dict[str, Any] = {"transaction_id": f"T-{number}", "evse": (1, 1)}
            energy = 1000.0 * chance.randrange(5)
            events = [
                started(0, 0.0, minutes=at, id_token="C0FFEE00", **fields),
                updated(1, energy / 2, minutes=at + 10, **fields),
                ended(2, energy, minutes=at + chance.randrange(11, 600), **fields),
            ]
            chance.shuffle(events)
            for event in events:
                await sessions[station_id].call(event)
                if chance.random() < 0.2:
                    await count_all(core)
            await record_all(core)
            named: dict[str, Any] = {"station_id": station_id, "transaction_id": f"T-{number}", "reason": "because"}
            match chance.randrange(5) if energy else 4:
                case 0:
                    request: Any = transactions_pb2.WaiveTransactionCostRequest(**named)
                    await api.transactions.WaiveTransactionCost(request)
                case 1:
                    request = transactions_pb2.CreditTransactionCostRequest(amount="0.10", **named)
                    await api.transactions.CreditTransactionCost(request)
                case 2 | 3:
                    # The register was read later once more.
                    await sessions[station_id].call(ended(3, energy + 500, minutes=at + 700, **fields))
            if chance.random() < 0.3:
                await count_all(core)
        await record_all(core)
        await api.place("CS-4", "L-2")
        await count_all(core)

    records, transactions = await api.latest_records(), await api.all_transactions()
    assert len(records) == len(transactions) == 14
    for interval, name in (("HOUR", "Asia/Kathmandu"), ("DAY", "Asia/Kolkata"), ("MONTH", "Europe/Oslo")):
        zone = ZoneInfo(name)
        for grouping, group_of in (
            ("UNSPECIFIED", lambda _: ""),
            ("LOCATION", STATIONS.__getitem__),
            ("STATION", lambda station_id: station_id),
            ("GROUP", lambda station_id: f"of-{station_id}"),
            ("TARIFF", lambda _: "KWH"),
        ):
            if interval == "HOUR" and grouping != "UNSPECIFIED":
                continue
            points = await api.series(
                page_size=10_000 if interval == "HOUR" else 7,
                interval=f"SERIES_INTERVAL_{interval}",
                time_zone=name,
                group_by=f"STATISTICS_GROUPING_{grouping}",
            )
            places = [(point.group_key, point.start_time.ToDatetime()) for point in points]
            assert places == sorted(set(places))
            wanted = expected(records, transactions, group_of, lambda time: begins(time, interval, zone))  # noqa: B023
            found = Counter({key: value for key, value in returned(points).items() if key[0] != "all"})
            assert found == wanted, (interval, grouping)
