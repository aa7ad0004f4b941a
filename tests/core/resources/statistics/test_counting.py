"""What is counted behind the commit on a whole core: a few stations at a time, whatever cannot be counted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from citrine.api.v1 import statistics_pb2 as pb
from citrine.api.v1.charge_records_pb2 import ChargeRecord
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.statistics_pb2_grpc import StatisticsServiceStub
from citrine.events.v1.events_pb2 import (
    ConnectorStatusChanged,
    Event,
    TokenAuthorized,
    TransactionSummary,
    TransactionUpdated,
)
from citrine.ocpp.v2 import availability_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_INVALID
from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.tables import metadata
from citrine_core.events import OutboxRepository
from citrine_core.resources.statistics import counting, jobs
from citrine_core.resources.statistics.repository import StatisticsRepository
from tests.support.blocks import services_of
from tests.support.charging import BEGINNING, ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.counted import count_all
from tests.support.fake_edge import timestamp
from tests.support.recording import record_all

LONG = 60.0

STATIONS = [f"CS-{number}" for number in range(1, 6)]


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    settings = {"transaction_check_delay": timedelta(hours=1), "transaction_silence": None}
    async with running_core(database_url, tmp_path, station_clock_tolerance=None, **settings) as running:
        yield running


async def count_before(core: RunningCore) -> None:
    """Have what is stored counted anew as after an upgrade."""
    async with core.core.unit_of_work() as work:
        connection = await work.session.connection()
        cursor = metadata().tables["statistics_cursor"]
        await connection.execute(update(cursor).values(stage=1, due_time=datetime.now(UTC)))
        await work.commit()
    await count_all(core)


async def cursor_of(unit_of_work: UnitOfWorkFactory) -> int:
    """Return the event up to which it is stored that all are counted."""
    async with unit_of_work(read_only=True) as work:
        return (await StatisticsRepository(work.session).find_cursor()).event_id


async def point_of(core: RunningCore, start: datetime) -> pb.SeriesPoint:
    """Return all that happened from a time on."""
    # Any: the types of stubs are those of synchronous channels.
    api: Any = core.stub(StatisticsServiceStub)
    request = pb.ListSeriesRequest(time=TimeRange(start=timestamp(start)))
    (point,) = (await api.ListSeries(request)).points
    assert isinstance(point, pb.SeriesPoint)
    return point


async def test_stations_that_come_back_after_days_are_counted_a_few_at_a_time(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_STATIONS", 2)
    monkeypatch.setattr(counting, "MOST_SUMS", 50)
    now = datetime.now(UTC)
    records, connectors = metadata().tables["connection_records"], metadata().tables["connector_statuses"]
    async with core.edge() as edge:
        for station_id in STATIONS:
            await core.add_station(station_id, registration=1)
            station = await edge.connect(station_id, PASSWORD)
            report = ocpp.StatusNotificationRequest(
                evse_id=1, connector_id=1, connector_status=ocpp.CONNECTOR_STATUS_ENUM_AVAILABLE, timestamp=timestamp()
            )
            await station.call(report)
        async with core.core.unit_of_work() as work:
            connection = await work.session.connection()
            came = now - timedelta(days=3)
            await connection.execute(
                records.insert(),
                [
                    {
                        **{"tenant_id": "default", "station_id": one, "epoch": 0, "edge_id": "edge-0"},
                        **{"ocpp_version": 3, "remote_address": "", "open_time": came},
                        "close_time": came + timedelta(days=1),
                    }
                    for one in STATIONS
                ],
            )
            await connection.execute(update(connectors).values(create_time=came))
            changed = ConnectorStatusChanged(evse_id=1, connector_id=1)
            changed.time.seconds = 10**15
            # No time: nobody can read it, and it must not keep the others.
            work.emit(Event(tenant_id="default", station_id="CS-1", connector_status_changed=changed))
            await work.commit()
        await count_before(core)
        found = await point_of(core, now - timedelta(days=4))

    hours = timedelta(hours=1)
    in_service, offline = found.in_service_time.ToTimedelta() / hours, found.offline_time.ToTimedelta() / hours
    assert (round(in_service), round(offline)) == (5 * 72, 5 * 48)


FAILS_AT = 1500

FAILING = {
    "sqlite": [
        f"""CREATE TRIGGER failing BEFORE UPDATE ON statistics_cursor WHEN NEW.event_id - OLD.event_id > {FAILS_AT}
        BEGIN SELECT RAISE(ABORT, 'too much at once'); END"""
    ],
    "postgresql": [
        """CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''too much at once''; END'""",
        f"""CREATE TRIGGER failing BEFORE UPDATE ON statistics_cursor FOR EACH ROW
        WHEN (NEW.event_id - OLD.event_id > {FAILS_AT}) EXECUTE FUNCTION fail()""",
    ],
}
"""Has the transaction fail that counts more than so many events."""


async def all_go_and_come_back(core: RunningCore, stations: Sequence[str], now: datetime) -> None:
    """Store that all stations were offline for 40 minutes, with the events of it."""
    step, tables = timedelta(minutes=20), metadata().tables
    of_all: list[dict[str, Any]] = [{"tenant_id": "default", "station_id": one} for one in stations]
    connector: dict[str, Any] = {"evse_id": 1, "connector_id": 1, "status": ocpp.CONNECTOR_STATUS_ENUM_AVAILABLE}
    times = ("status_time", "order_time", "create_time")
    connector |= dict.fromkeys(times, now - 10 * step)
    session = {"edge_id": "edge-1", "ocpp_version": 3, "remote_address": ""}
    first = {"epoch": 1, "open_time": now - 10 * step, "close_time": now - 6 * step}
    second = {"epoch": 2, "open_time": now - 4 * step, "close_time": None}
    rows = {
        "stations": [one | {"create_time": now - 10 * step} for one in of_all],
        "connectors": [one | connector for one in of_all],
        "connector_statuses": [one | connector for one in of_all],
        "connection_records": [one | session | which for one in of_all for which in (first, second)],
    }
    async with core.core.unit_of_work() as work:
        connection = await work.session.connection()
        for name, values in rows.items():
            columns = tables[name].c.keys()
            some = [{key: value for key, value in one.items() if key in columns} for one in values]
            await connection.execute(tables[name].insert(), some)
        for station_id in stations:
            event = Event(tenant_id="default", station_id=station_id)
            event.station_disconnected.epoch = 1
            work.emit(event)
        for station_id in stations:
            event = Event(tenant_id="default", station_id=station_id)
            event.station_connected.epoch = 2
            work.emit(event)
        await work.commit()


async def is_counted(core: RunningCore) -> bool:
    """Return whether all events are counted."""
    async with core.core.unit_of_work(read_only=True) as work:
        cursor = await StatisticsRepository(work.session).find_cursor()
        return cursor.event_id >= await OutboxRepository(work.session).head()


async def test_two_thousand_stations_that_go_and_come_back_at_once_are_counted_also_where_a_large_batch_fails(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that fails is halved until it does not, and counted once."""
    monkeypatch.setattr(jobs, "MOST_STATIONS", 2000)
    async with core.core.engine.begin() as connection:
        for statement in FAILING[core.core.engine.dialect.name]:
            await connection.execute(text(statement))
    now = datetime.now(UTC)
    await all_go_and_come_back(core, [f"CS-{number}" for number in range(2000)], now)

    job = jobs.Counting(core.core.services)
    with pytest.raises(DBAPIError, match="too much at once"):
        await job.run()
    async with asyncio.timeout(LONG):
        while not await is_counted(core):
            with contextlib.suppress(DBAPIError):
                await job.run()

    found = await point_of(core, now - timedelta(days=1))
    assert found.offline_time.ToTimedelta() == 2000 * timedelta(minutes=40)


async def test_a_transaction_that_cannot_be_counted_keeps_no_other(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        for transaction_id in ("T-1", "T-2"):
            await station.call(started(0, 0.0, transaction_id=transaction_id))
            await station.call(ended(1, 700.0, transaction_id=transaction_id))
        await record_all(core)
    async with core.core.unit_of_work() as work:
        connection = await work.session.connection()
        table = metadata().tables["charge_records"]
        content = ChargeRecord(transaction_id="T-1", energy_kwh="much").SerializeToString()
        await connection.execute(update(table).where(table.c.transaction_id == "T-1").values(content=content))
        for name in ("rollups", "counted_transactions"):
            await connection.execute(metadata().tables[name].delete())
        await work.commit()
    await count_before(core)

    found = await point_of(core, BEGINNING - timedelta(days=1))

    assert (found.transactions_ended, found.energy_kwh) == (1, "0.7")


async def test_what_counts_is_counted_once_however_much_is_passed_over(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a job that begins anew nor another one that has counted meanwhile counts anything twice."""
    monkeypatch.setattr(jobs, "MOST_PASSED", 3)
    monkeypatch.setattr(jobs, "MOST_EVENTS", 2)
    counter, other = jobs.Counting(core.core.services), jobs.Counting(core.core.services)
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        for number in range(3):
            transaction_id = f"T-{number}"
            await station.call(started(0, 0.0, transaction_id=transaction_id))
            for seq_no in range(1, 8):
                await station.call(updated(seq_no, 100.0 * seq_no, transaction_id=transaction_id))
            await (counter if number else other).run()
            await station.call(ended(8, 800.0, transaction_id=transaction_id))
        await record_all(core)
        await counter.run()
        await other.run()
        await count_all(core)

    found = await point_of(core, BEGINNING - timedelta(days=1))

    assert (found.transactions_started, found.transactions_ended, found.energy_kwh) == (3, 3, "2.4")


async def test_what_gets_ids_that_were_given_before_an_outage_is_counted(unit_of_work: UnitOfWorkFactory) -> None:
    """As where a replica takes over that lacks the last events, which counted nothing and were passed over."""
    services = services_of(unit_of_work)
    counter = jobs.Counting(services)
    async with unit_of_work() as work:
        for _ in range(3):
            nothing = TransactionUpdated(transaction=TransactionSummary(transaction_id="T-1"))
            work.emit(Event(tenant_id="default", station_id="CS-1", transaction_updated=nothing))
        await work.commit()
    await counter.run()
    outbox, rollups = metadata().tables["outbox"], metadata().tables["rollups"]

    async with unit_of_work() as work:
        await (await work.session.connection()).execute(text("ALTER TABLE statistics_cursor RENAME TO gone"))
        await work.commit()
    with pytest.raises(DBAPIError):
        await counter.run()
    refused = TokenAuthorized(status=AUTHORIZATION_STATUS_ENUM_INVALID)
    event = Event(tenant_id="default", station_id="CS-1", time=timestamp(services.clock()), token_authorized=refused)
    async with unit_of_work() as work:
        connection = await work.session.connection()
        await connection.execute(text("ALTER TABLE gone RENAME TO statistics_cursor"))
        first = select(func.min(outbox.c.id)).scalar_subquery()
        again = {"kind": "token_authorized", "payload": event.SerializeToString()}
        await connection.execute(update(outbox).where(outbox.c.id == first).values(**again))
        await work.commit()
    await counter.run()

    async with unit_of_work(read_only=True) as work:
        counted = await work.session.scalar(select(func.max(rollups.c.rejected_authorizations)))
    assert counted == 1


async def test_events_that_count_nothing_are_passed_over_without_a_write_until_no_more_come(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    counter = jobs.Counting(services_of(unit_of_work))
    stored = [await cursor_of(unit_of_work)]
    for seq_no in range(3):
        async with unit_of_work() as work:
            summary = TransactionSummary(transaction_id="T-1", seq_no=seq_no)
            updated_event = TransactionUpdated(transaction=summary)
            work.emit(Event(tenant_id="default", station_id="CS-1", transaction_updated=updated_event))
            await work.commit()
        await counter.run()
        stored.append(await cursor_of(unit_of_work))

    await counter.run()

    assert len(set(stored)) == 1
    async with unit_of_work(read_only=True) as work:
        assert await cursor_of(unit_of_work) == await OutboxRepository(work.session).head() > stored[0]
