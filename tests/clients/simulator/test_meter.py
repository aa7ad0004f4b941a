import pytest

from citrine_simulator.meter import Meter


def charging(soc: float, speed: float = 1) -> Meter:
    meter = Meter(register=1000, power=11_000, battery=60_000, speed=speed)
    meter.connect(soc)
    meter.advance(0)
    meter.charging = True
    return meter


def test_energy_is_the_integral_of_power() -> None:
    meter = charging(soc=20)

    meter.advance(3600)

    assert meter.register == pytest.approx(1000 + 11_000)
    assert meter.soc == pytest.approx(20 + 100 * 11 / 60)


def test_time_runs_faster_with_speed() -> None:
    meter = charging(soc=20, speed=60)

    meter.advance(60)

    assert meter.register == pytest.approx(1000 + 11_000)


def test_no_energy_flows_before_it_is_charging() -> None:
    meter = Meter(1000, 11_000, 60_000, 1)
    meter.connect(20)
    meter.advance(0)

    meter.advance(3600)

    assert meter.register == 1000
    assert meter.power == 0


def test_an_almost_full_battery_draws_less_and_a_full_one_nothing() -> None:
    meter = charging(soc=90)
    assert 0 < meter.power < 11_000

    meter.advance(24 * 3600)

    assert meter.soc == 100
    assert meter.power == 0
    assert meter.register == pytest.approx(1000 + 6000, abs=1)


def test_only_what_can_be_measured_is_sampled() -> None:
    samples = charging(soc=50).sample(["Power.Active.Import", "Frequency", "SoC", "Current.Import"], "Trigger")

    assert [(one["measurand"], one["value"]) for one in samples] == [
        ("Power.Active.Import", 11_000),
        ("SoC", 50),
        ("Current.Import", 15.94),
    ]
    assert {one["context"] for one in samples} == {"Trigger"}
