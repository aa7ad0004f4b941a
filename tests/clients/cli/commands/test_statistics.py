"""`citrine statistics`: counts and series."""

import time

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import statistics_pb2 as pb
from citrine.api.v1.tariffs_pb2 import Amount
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

POINT = pb.SeriesPoint(
    group_key="L-1",
    start_time=Timestamp(seconds=1_893_452_400),
    end_time=Timestamp(seconds=1_893_538_800),
    transactions_started=3,
    transactions_ended=2,
    energy_kwh="12.5",
    revenues=[pb.Revenue(currency="EUR", amount=Amount(before_tax="4.00", after_tax="4.76"), transactions=2)],
    in_service_time=Duration(seconds=86_400),
    unavailable_time=Duration(seconds=3600),
    uptime=0.9975,
)


def test_stations_are_counted_and_series_shown_in_their_time_zone(citrine: Cli, core: ScriptedCore) -> None:
    counts = pb.StationCounts(group_key="L-1", total=4, online=3, charging=1)
    core.on("CountStations", pb.CountStationsResponse(counts=[counts]))
    core.on("ListSeries", pb.ListSeriesResponse(points=[POINT]))

    counted = citrine("statistics", "stations", "--by", "location", "--columns", "location,total,online,charging")
    options = ("--since", "2026-01-01", "--zone", "Europe/Oslo", "--by", "location", "--group", "quay", "--wide")
    series = citrine("statistics", "series", "--every", "month", *options)
    uptime = citrine("statistics", "uptime", *options)
    refused = citrine("statistics", "utilisation", "--zone", "location")

    assert counted.lines[1].split() == ["L-1", "4", "3", "1"]
    assert series.lines[1].split()[:9] == ["L-1", "2030-01-01", "00:00", "CET", "3", "2", "0", "12.5", "kWh"]
    assert "4.76 EUR" in series.lines[1]
    assert uptime.lines[1].split()[-2:] == ["99.75", "%"]
    assert "--zone location: is for --by location" in refused.err
    asked, _ = core.requests("ListSeries")
    assert (asked.interval, asked.group_by) == (pb.SERIES_INTERVAL_MONTH, pb.STATISTICS_GROUPING_LOCATION)
    assert (asked.time_zone, list(asked.stations.groups)) == ("Europe/Oslo", ["quay"])


def test_power_and_energy_are_shown_without_the_traces_of_binary_sums(citrine: Cli, core: ScriptedCore) -> None:
    counts = pb.StationCounts(total=2, power_w=21999.999999999996, energy_wh=184.2)
    core.on("CountStations", pb.CountStationsResponse(counts=[counts]))

    counted = citrine("statistics", "stations", "--columns", "power,energy so far")

    assert counted.lines[1].split() == ["22", "kW", "0.1842", "kWh"]


def test_a_series_begins_with_the_first_interval_that_has_anything(citrine: Cli, core: ScriptedCore) -> None:
    """Where nobody says when it begins; by hours, that is a day ago at most."""
    hours = [pb.SeriesPoint(start_time=Timestamp(seconds=3600 * hour), energy_kwh="0") for hour in range(4)]
    hours[2].transactions_started = 3
    core.on("ListSeries", pb.ListSeriesResponse(points=hours))

    shown = citrine("statistics", "series", "--every", "hour")
    asked = citrine("statistics", "series", "--every", "hour", "--since", "1970-01-01")
    raw = citrine("statistics", "series", "--every", "month", "--to", "2030-01-01", "--json")

    assert [line.split()[1] for line in shown.lines[1:]] == ["02:00", "03:00"]
    assert (len(asked.lines), len(raw.json)) == (5, 4)
    by_hours, _, by_months = core.requests("ListSeries")
    assert abs(time.time() - 86_400 - by_hours.time.start.seconds) < 60
    assert by_months.time.end.seconds - by_months.time.start.seconds == 366 * 86_400
