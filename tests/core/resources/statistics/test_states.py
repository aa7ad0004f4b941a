"""Stations by state, utilisation and uptime on a whole core, whose history is that of an upgraded database."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import insert, update

from citrine.api.v1 import statistics_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import DeleteStationRequest, Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.statistics_pb2_grpc import StatisticsServiceStub
from citrine.ocpp.v2 import availability_pb2 as ocpp
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.db.tables import metadata
from citrine_core.resources.statistics.downtimes import (
    FAULTED,
    OFFLINE,
    UNAVAILABLE,
    Downtime,
    Report,
    Service,
    downtimes_of,
)
from tests.support.charging import sampled, started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.counted import count_all
from tests.support.fake_edge import timestamp

AVAILABLE, OCCUPIED = ocpp.CONNECTOR_STATUS_ENUM_AVAILABLE, ocpp.CONNECTOR_STATUS_ENUM_OCCUPIED
BROKEN, CLOSED = ocpp.CONNECTOR_STATUS_ENUM_FAULTED, ocpp.CONNECTOR_STATUS_ENUM_UNAVAILABLE

NOW = datetime.now(UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = MIDNIGHT - timedelta(days=3)
"""The day on which the station was put into service."""


def at(hours: float) -> datetime:
    return FIRST + timedelta(hours=hours)


ALWAYS = ((at(0), None),)
"""Sessions of a station that is connected all the time."""


def spans(*reports: Report, sessions: Any = ALWAYS, end: float | None = 10) -> list[tuple[float, Any, int]]:
    """Return the downtimes of EVSE 1 from hour 1 on, in hours."""
    service = Service("default", "CS-1", 1, at(1), "", None if end is None else at(end))
    found = downtimes_of(service, at(1), sessions, reports)

    def hour(time: datetime | None) -> float | None:
        return None if time is None else (time - FIRST) / timedelta(hours=1)

    return [(hour(one.start_time) or 0.0, hour(one.end_time), one.kind) for one in found]


def test_an_evse_is_down_by_the_last_reports_of_its_connectors_and_the_sessions_of_its_station() -> None:
    up, down = Report(at(0), 1, 1, AVAILABLE), Report(at(2), 1, 1, BROKEN)
    assert spans(up) == []
    assert spans(up, down, Report(at(4), 1, 1, OCCUPIED)) == [(2, 4, FAULTED)]
    assert spans(up, down, end=None) == [(2, None, FAULTED)]
    # Another connector is enough to charge.
    assert spans(up, Report(at(0), 1, 2, AVAILABLE), down) == []
    # The station is down as a whole, until a connector reports again.
    assert spans(up, Report(at(3), 0, 0, CLOSED), Report(at(5), 1, 1, AVAILABLE)) == [(3, 5, UNAVAILABLE)]
    assert spans(up, Report(at(2), 2, 1, BROKEN)) == []
    sessions = [(at(0), at(3)), (at(6), at(8))]
    assert spans(up, sessions=sessions) == [(3, 6, OFFLINE), (8, 10, OFFLINE)]
    assert spans(up, down, sessions=sessions) == [(2, 3, FAULTED), (3, 6, OFFLINE), (6, 8, FAULTED), (8, 10, OFFLINE)]
    assert spans(up, Report(at(2), 1, 1, CLOSED), sessions=sessions) == [(2, 10, UNAVAILABLE)]


def test_what_is_not_retained_of_reports_is_known_by_the_downtimes_that_were_found() -> None:
    service = Service("default", "CS-1", 1, at(0), "", None)
    stored = [
        Downtime(*service[:3], at(2), FAULTED, "", at(4)),
        Downtime(*service[:3], at(4), OFFLINE, "", None),
    ]
    sessions = [(at(0), at(4)), (at(5), None)]
    reports = [Report(at(2), 0, 0, AVAILABLE), Report(at(7), 1, 1, AVAILABLE)]

    found = downtimes_of(service, at(2), sessions, reports, stored)

    assert [(one.start_time, one.end_time, one.kind) for one in found] == [
        (at(2), at(4), FAULTED),
        (at(4), at(5), OFFLINE),
        (at(5), at(7), FAULTED),
    ]


class States:
    """The API, and rows as they were before there were statistics."""

    def __init__(self, core: RunningCore) -> None:
        self.core = core
        # Any: the types of stubs are those of synchronous channels.
        self.api: Any = core.stub(StatisticsServiceStub)

    async def store(self, table: str, *rows: Mapping[str, Any]) -> None:
        async with self.core.core.unit_of_work() as work:
            connection = await work.session.connection()
            await connection.execute(
                insert(metadata().tables[table]), [{"tenant_id": "default", **row} for row in rows]
            )
            await work.commit()

    async def upgrade(self) -> None:
        """Have what is stored counted as after an upgrade."""
        async with self.core.core.unit_of_work() as work:
            connection = await work.session.connection()
            cursor = metadata().tables["statistics_cursor"]
            await connection.execute(update(cursor).values(stage=1, due_time=NOW))
            await work.commit()
        await count_all(self.core)

    async def hours(self, **fields: Any) -> list[tuple[float, ...]]:
        """Return the hours in service, unavailable, offline, faulted and occupied of each day from the first on."""
        await count_all(self.core)
        time = TimeRange(start=timestamp(FIRST), end=timestamp(MIDNIGHT))
        request = pb.ListSeriesRequest(time=time, interval=pb.SERIES_INTERVAL_DAY, **fields)
        points = (await self.api.ListSeries(request)).points
        names = ("in_service", "unavailable", "offline", "faulted", "occupied")
        return [
            tuple(round(getattr(one, f"{name}_time").ToTimedelta() / timedelta(hours=1), 3) for name in names)
            for one in points
        ]

    async def counts(self, **fields: Any) -> dict[str, dict[str, int]]:
        """Return the counts above 0 by group."""
        response = await self.api.CountStations(pb.CountStationsRequest(**fields))
        return {
            one.group_key: {field.name: value for field, value in one.ListFields() if field.name != "group_key"}
            for one in response.counts
        }


@pytest.fixture
def states(core: RunningCore) -> States:
    return States(core)


def change(hours: float, status: int) -> dict[str, Any]:
    """Return a row of the history of the connector."""
    time = at(hours)
    return {
        **{"station_id": "CS-1", "evse_id": 1, "connector_id": 1, "status": status},
        **{"status_time": time, "create_time": time},
    }


def session(epoch: int, opened: float, closed: float | None) -> dict[str, Any]:
    """Return a row of the history of connections."""
    return {
        **{"station_id": "CS-1", "epoch": epoch, "edge_id": "edge-0", "ocpp_version": 3, "remote_address": ""},
        **{"open_time": at(opened), "close_time": None if closed is None else at(closed)},
    }


async def test_the_history_of_an_upgraded_database_and_late_reports_are_in_utilisation_and_uptime(
    states: States,
) -> None:
    core = states.core
    await core.add_station("CS-1", registration=1)
    connector = {
        **{"station_id": "CS-1", "evse_id": 1, "connector_id": 1, "status": AVAILABLE},
        **{"status_time": at(36), "order_time": at(36), "receive_time": at(36)},
    }
    await states.store("connectors", connector)
    await states.store(
        "connector_statuses", change(6, AVAILABLE), change(12, CLOSED), change(18, BROKEN), change(36, AVAILABLE)
    )
    await states.store("connection_records", session(1, 4, 28), session(2, 30, 40))
    await states.upgrade()

    before = await states.hours()
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        # What it reports of the time in which it was offline was not known before.
        late = ocpp.StatusNotificationRequest(evse_id=1, connector_id=1, connector_status=CLOSED)
        late.timestamp.CopyFrom(timestamp(at(60)))
        await station.call(late)
        await station.call(started(0, minutes=0, evse=(1, 1)))
        later = await states.hours()
        of_station = await states.hours(group_by=pb.STATISTICS_GROUPING_STATION)
        selected = await states.hours(stations=StationSelector(station_ids=["CS-1"]))

    assert before == [(18, 6, 0, 6, 0), (24, 0, 10, 10, 0), (24, 0, 24, 0, 0)]
    # The transaction began long ago.
    assert later == [(18, 6, 0, 6, 24), (24, 0, 10, 10, 24), (24, 12, 12, 0, 24)]
    assert of_station == selected == later
    with pytest.raises(grpc.aio.AioRpcError, match="at most 10000 intervals"):
        await states.api.ListSeries(
            pb.ListSeriesRequest(time=TimeRange(start=timestamp(at(-50_000))), interval=pb.SERIES_INTERVAL_HOUR)
        )


async def test_an_evse_that_stays_faulted_is_so_once_and_as_long_whatever_clock_and_history_say(
    states: States,
) -> None:
    """CS-1 reports by a clock that is 40 days slow; what CS-2 reported is no longer retained as it recovers."""
    core = states.core
    statuses = metadata().tables["connector_statuses"]

    async def report(station: Any, status: int, days: int) -> None:
        time = datetime.now(UTC) - timedelta(days=days)
        request = ocpp.StatusNotificationRequest(evse_id=1, connector_id=1, connector_status=status)  # type: ignore[arg-type]
        request.timestamp.CopyFrom(timestamp(time))
        await station.call(request)

    for station_id in ("CS-1", "CS-2"):
        await core.add_station(station_id, registration=1)
    async with core.edge() as edge:
        for station_id, days in (("CS-1", 40), ("CS-2", 0)):
            for status in (AVAILABLE, BROKEN):
                # It comes back again and again.
                for _ in range(3):
                    await report(await edge.connect(station_id, PASSWORD), status, days)
                    await count_all(core)
        async with core.core.unit_of_work() as work:
            connection = await work.session.connection()
            await connection.execute(statuses.delete().where(statuses.c.station_id == "CS-2"))
            await work.commit()
        for station_id, days in (("CS-1", 40), ("CS-2", 0)):
            await report(await edge.connect(station_id, PASSWORD), AVAILABLE, days)
        await count_all(core)
        request = pb.ListSeriesRequest(
            time=TimeRange(start=timestamp(MIDNIGHT)), group_by=pb.STATISTICS_GROUPING_STATION
        )
        points = (await states.api.ListSeries(request)).points

    assert [(one.group_key, one.faults) for one in points] == [("CS-1", 1), ("CS-2", 1)]
    assert all(one.faulted_time.ToTimedelta() > timedelta(0) for one in points)


async def test_stations_are_counted_by_state_and_refused_tokens_by_the_time_of_the_refusal(states: States) -> None:
    core = states.core
    for station_id in ("CS-1", "CS-2", "CS-3"):
        await core.add_station(station_id, registration=1)
    await states.store("station_groups", *({"station_id": one, "group_name": "quay"} for one in ("CS-1", "CS-3")))
    async with core.edge() as edge:
        first = await edge.connect("CS-1", PASSWORD)
        second = await edge.connect("CS-2", PASSWORD)
        for station, connector_id, status in ((first, 1, AVAILABLE), (first, 2, OCCUPIED), (second, 1, BROKEN)):
            report = ocpp.StatusNotificationRequest(
                evse_id=1, connector_id=connector_id, connector_status=status, timestamp=timestamp()
            )
            await station.call(report)
        await first.call(started(0, 1000.0, evse=(1, 2)))
        power = sampled(11_000.0, measurand="POWER_ACTIVE_IMPORT")
        await first.call(updated(1, 3_500.0, power))
        await first.call(AuthorizeRequest(id_token=IdToken(id_token="DEADBEEF", type="ISO14443")))
        everything = await states.counts()
        of_groups = await states.counts(group_by=pb.STATISTICS_GROUPING_GROUP)
        selected = await states.counts(stations=StationSelector(station_ids=["CS-2"]))
        await count_all(core)
        request = pb.ListSeriesRequest(time=TimeRange(start=timestamp(MIDNIGHT)))
        (point,) = (await states.api.ListSeries(request)).points
        await second.close()
        # What follows on the link is handled after the close.
        await first.call(AuthorizeRequest(id_token=IdToken(id_token="CAFEBABE", type="ISO14443")))
        await core.core.lanes.drained()
        stations: Any = core.stub(StationsServiceStub)
        await stations.UpdateStation(UpdateStationRequest(station=Station(station_id="CS-3", enabled=False)))
        # By what is selected each station is looked at; all together are counted by indexes.
        each = StationSelector(station_ids=["CS-1", "CS-2", "CS-3"])
        later = await states.counts()
        assert later == await states.counts(stations=each)
        await stations.DeleteStation(DeleteStationRequest(station_id="CS-1"))
        assert await states.counts() == await states.counts(stations=each)

    names = ("online", "offline", "disabled", "faulted", "charging")
    assert [later[""].get(name) for name in names] == [1, 1, 1, None, 1]
    charging = {"transactions": 1, "power_w": 11_000.0, "energy_wh": 2_500.0}
    assert everything == {
        "": {
            **{
                "total": 3,
                "online": 2,
                "never_connected": 1,
                "charging": 1,
                "available": 1,
                "occupied": 1,
                "faulted": 1,
            },
            **charging,
        }
    }
    assert of_groups == {
        "quay": {
            "total": 2,
            "online": 1,
            "never_connected": 1,
            "charging": 1,
            "available": 1,
            "occupied": 1,
            **charging,
        }
    }
    assert selected == {"": {"total": 1, "online": 1, "faulted": 1}}
    assert (point.rejected_authorizations, point.faults) == (1, 1)
    for start, end in (
        ("9999-12-01T00:00:00Z", "9999-12-31T23:59:00Z"),
        ("0001-01-01T00:00:00Z", "0002-01-01T00:00:00Z"),
    ):
        wanted = TimeRange()
        wanted.start.FromJsonString(start)
        wanted.end.FromJsonString(end)
        request = pb.ListSeriesRequest(time=wanted, interval=pb.SERIES_INTERVAL_MONTH, time_zone="America/New_York")
        with pytest.raises(grpc.aio.AioRpcError, match="years 1970 to 9990"):
            await states.api.ListSeries(request)
    with pytest.raises(grpc.aio.AioRpcError, match="stations have no tariff"):
        await states.counts(group_by=pb.STATISTICS_GROUPING_TARIFF)
