"""The fold of a transaction's moments."""

import random

import pytest

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import Accrual, Moment, accrue
from citrine_core.blocks.tariff_and_cost.calculation import total_of
from citrine_core.blocks.tariff_and_cost.rules import read_rules
from tests.core.blocks.tariff_and_cost.tariffs import component, element, moment, tariff

EVERYTHING = tariff(
    element(component("ENERGY", "0.11"), component("IDLE_TIME", "1"), start_time="22:00", end_time="05:30"),
    element(component("ENERGY", "0.17"), min_power="20", days="Mon Tue"),
    element(component("CHARGING_TIME", "3"), min_kwh="5", max_charging_time=3000),
    element(component("IDLE_TIME", "7"), min_idle_time=300),
    element(component("ENERGY", "0.31"), component("FLAT", "0.5"), max_duration=7200),
    element(component("ENERGY", "0.47")),
    time_zone="Europe/Berlin",
)


def moments_of(seed: int) -> list[Moment]:
    """Return a transaction that somebody made up."""
    chance = random.Random(seed)
    time, mwh, found = moment("18:00", 0).time, 0, [moment("18:00", 0)]
    for _ in range(60):
        time += chance.randrange(1, 1200) * 1_000_000
        readings: list[tuple[int, int]] = []
        if chance.random() < 0.7:
            mwh += chance.choice((0, 1, chance.randrange(8_000_000)))
            readings = [(time - chance.choice((0, 0, 500_000)), mwh)]
        found.append(Moment(time, chance.choice((None, True, False)), readings, chance.choice((None, 16_000))))
    return found


@pytest.mark.parametrize("seed", range(10))
def test_stored_in_between_it_comes_to_the_same(seed: int) -> None:
    rules, moments = read_rules(EVERYTHING), moments_of(seed)
    whole = accrue(rules, moments)
    accrual: Accrual | None = None
    for one in moments:
        accrual = accrue(read_rules(EVERYTHING), [one], accrual)
        assert accrual is not None
        accrual = Accrual.load(accrual.dump())

    assert accrual == whole


@pytest.mark.parametrize("seed", range(10))
def test_all_time_and_energy_is_in_its_periods(seed: int) -> None:
    rules, moments = read_rules(EVERYTHING), moments_of(seed)
    accrual = accrue(rules, moments)
    assert accrual is not None

    whole = accrual.until(rules, accrual.seen)

    assert sum(one.mwh for one in whole.periods) == whole.mwh
    assert sum(one.length for one in whole.periods) == whole.seen - whole.start


def test_looking_ahead_changes_nothing() -> None:
    rules = read_rules(EVERYTHING)
    accrual = accrue(rules, [moment("18:00", 0), moment("18:30", 6, charging=False)])
    assert accrual is not None
    before = accrual.dump()

    later = accrual.until(rules, accrual.seen + 3_600_000_000)

    assert accrual.dump() == before
    assert total_of(rules, later) > total_of(rules, accrual)


def test_energy_is_taken_while_it_charges() -> None:
    """The reading at 19:00 is of what was taken until 18:30, when the vehicle stopped: all of it at the low price."""
    rules = read_rules(tariff(element(component("ENERGY", "1"), end_time="18:45"), element(component("ENERGY", "9"))))
    accrual = accrue(rules, [moment("18:00", 0), moment("18:30", charging=False), moment("19:00", 10)])

    assert total_of(rules, accrual)[1] == 10


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param([moment("18:00", 0), Moment(2**52, None, ((2**52, 10_000_000),))], id="a clock in the future"),
        pytest.param([moment("18:00", 0), Moment(0, None, ((0, 10_000_000),))], id="a clock in the past"),
        pytest.param([moment("18:00", 0), moment("18:00", 10)], id="no time at all"),
    ],
)
def test_energy_counts_whatever_the_clock_says(moments: list[Moment]) -> None:
    rules = read_rules(tariff(element(component("ENERGY", "1", "0"))))

    assert total_of(rules, accrue(rules, moments))[1] == 10


def test_time_that_a_clock_skips_when_it_is_set_is_not_billed() -> None:
    rules = read_rules(tariff(element(component("CHARGING_TIME", "6"))))
    years = 30 * 365 * 86_400_000_000
    begin = moment("18:00", 0).time
    late = [Moment(begin + years + minutes * 60_000_000, None, ()) for minutes in (0, 10)]
    set_to = Moment(late[0].time, readings=((late[0].time, 2),))
    accrual = accrue(rules, [moment("18:00", 0), moment("18:10", 1), set_to])
    assert accrual is not None

    assert total_of(rules, accrual.until(rules, late[1].time))[1] == 2


def test_a_vehicle_that_starts_and_stops_all_the_time_is_kept_short() -> None:
    rules = read_rules(tariff(element(component("CHARGING_TIME", "3600"), component("IDLE_TIME", "36000", step=4))))
    begin = moment("18:00", 0).time
    moments = [Moment(begin + n * 1_000_000, n % 2 == 0, ((begin + n * 1_000_000, n),)) for n in range(2001)]
    accrual = accrue(rules, moments)
    assert accrual is not None

    assert len(accrual.periods) <= 200
    assert sum(one.mwh for one in accrual.periods) == 2000
    # A thousand seconds of each; the step is met.
    assert total_of(rules, accrual)[1] == 1000 + 10_000


def test_a_month_of_parking_is_cut_in_time() -> None:
    rules = read_rules(
        tariff(element(component("IDLE_TIME", "1"), days="Sat Sun"), element(component("IDLE_TIME", "0.5")))
    )
    accrual = accrue(rules, [moment("00:00", charging=False)])
    assert accrual is not None

    total = total_of(rules, accrual.until(rules, accrual.start + 28 * 86_400_000_000))[1]

    assert total == 8 * 24 + 20 * 12
    assert pb.DAY_OF_WEEK_SUNDAY == 7
