"""Plots: nothing that matters is left out of what they draw."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from citrine.api.v1.meter_values_pb2 import Sample
from citrine.api.v1.statistics_pb2 import Revenue, SeriesPoint
from citrine.api.v1.tariffs_pb2 import Amount
from citrine.events.v1.events_pb2 import ChargingPlanChanged, ChargingShareGiven, Event
from citrine.ocpp.v2.types_pb2 import LocationEnum, PhaseEnum, SampledValue
from citrine_console.pages.overview import energy_today, revenue_bars
from citrine_console.pages.plan_history import plan_series
from citrine_console.pages.transaction_cost import energy_series
from citrine_console.plots import Series, lines

BEGIN = datetime(2026, 11, 30, tzinfo=UTC)


def test_a_plot_of_many_points_keeps_the_least_and_the_most_of_them() -> None:
    values = [10.0] * 5000
    values[1234], values[4321] = 22.5, 0.5
    points = [(BEGIN + timedelta(seconds=place), value) for place, value in enumerate(values)]

    plot = str(lines("Power", [Series("power", points, "kW")], UTC))

    assert plot.count("00:20:34  power 22.5 kW") == 1
    assert plot.count("01:12:01  power 0.5 kW") == 1
    assert plot.count("power 10.0 kW") < 600
    assert "<td>22.5 kW</td>" in plot
    assert "<td>0.5 kW</td>" in plot


def test_revenue_is_plotted_in_each_currency() -> None:
    revenues = [
        Revenue(currency="EUR", amount=Amount(after_tax="12.10")),
        Revenue(currency="CHF", amount=Amount(after_tax="7.70")),
    ]

    plot = str(revenue_bars([SeriesPoint(revenues=revenues)], [BEGIN], UTC, "%H:%M"))

    assert "Revenue in CHF" in plot
    assert "7.70 CHF" in plot
    assert "Revenue in EUR" in plot
    assert "12.10 EUR" in plot


def _register(second: int, wh: int, **said: object) -> Sample:
    sample = Sample(value=str(wh), sampled_value=SampledValue(value=wh, **said))  # type: ignore[arg-type]
    sample.time.FromDatetime(BEGIN + timedelta(seconds=second))
    return sample


def test_the_energy_of_a_transaction_is_that_of_all_phases_at_its_outlet() -> None:
    others = [
        _register(20, 400, phase=PhaseEnum.PHASE_ENUM_L1, location=LocationEnum.LOCATION_ENUM_OUTLET),
        _register(20, 9000, location=LocationEnum.LOCATION_ENUM_INLET),
    ]
    outlet = [_register(60, 2500, location=LocationEnum.LOCATION_ENUM_OUTLET), _register(0, 1000)]

    energy = energy_series([*others, *outlet])

    assert energy is not None
    assert energy.points == [(BEGIN, 0.0), (BEGIN + timedelta(seconds=60), 1.5)]
    assert energy_series(others) is None


def _plan(minute: int, **said: object) -> Event:
    event = Event(charging_plan_changed=ChargingPlanChanged(**said))  # type: ignore[arg-type]
    event.time.FromDatetime(BEGIN + timedelta(minutes=minute))
    return event


def test_the_line_of_a_share_of_the_plan_ends_with_it_and_one_of_no_limit_is_broken() -> None:
    changes = [
        _plan(0, max_current_a=32, shares=[ChargingShareGiven(evse_id=1, given_a=16)]),
        _plan(5),
        _plan(10, max_current_a=20),
    ]

    limit, share = plan_series(changes, BEGIN + timedelta(minutes=20))
    plot = str(lines("Current", [limit, share], UTC))

    assert [value for _time, value in limit.points] == [32, None, 20, 20]
    assert [value for _time, value in share.points] == [16, None]
    assert 'class="plot-line plot-0" d="M0.0 60.0L250.0 60.0M500.0 150.0L1000.0 150.0L1000.0 150.0"' in plot
    assert 'class="plot-line plot-1" d="M0.0 180.0L250.0 180.0"' in plot
    assert plot.count('class="plot-area"') == 2
    assert "<td>EVSE 1</td><td>\u2013</td>" in plot


def test_the_energy_of_today_is_that_since_midnight_of_who_looks() -> None:
    points = [SeriesPoint(energy_kwh=kwh) for kwh in ("4", "2.5", "1")]
    for hour, point in zip((22, 23, 24), points, strict=True):
        point.start_time.FromDatetime(BEGIN + timedelta(hours=hour))
    now = BEGIN + timedelta(hours=25)

    assert energy_today(points, now.astimezone(ZoneInfo("Europe/Berlin"))) == 3.5
    assert energy_today(points, now) == 1
