"""The fold of a transaction's moments."""

import random
from dataclasses import replace

import orjson
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
    accrual = accrue(rules, [moment("00:00", charging=True), moment("00:00", charging=False)])
    assert accrual is not None

    total = total_of(rules, accrual.until(rules, accrual.start + 28 * 86_400_000_000))[1]

    assert total == 8 * 24 + 20 * 12
    assert pb.DAY_OF_WEEK_SUNDAY == 7


WHOLE = tariff(
    element(
        component("ENERGY", "1"),
        component("FLAT", "10"),
        component("CHARGING_TIME", "60"),
        component("IDLE_TIME", "600"),
    )
)
"""A euro a kWh, a minute of charging; ten a minute of parking, and as a fee."""

UNDER_GRACE = tariff(element(component("IDLE_TIME", "60"), min_idle_time=600))


def plugged(time: str, kwh: float | None = None, **fields: bool) -> Moment:
    """Return a moment from which on nothing is asked for, unless `charging` says so."""
    return replace(moment(time, kwh, charging=fields.pop("charging", False)), **fields)  # type: ignore[arg-type]


def silent(time: str, kwh: float | None = None, authorized: bool | None = None) -> Moment:
    """Return a moment of a station that says nothing of the vehicle."""
    return replace(moment(time, kwh), authorized=authorized)


@pytest.mark.parametrize(
    ("moments", "total"),
    [
        pytest.param(
            [
                plugged("10:00", 0),
                plugged("11:00", authorized=True),
                plugged("11:00", charging=True),
                plugged("11:05", 2),
                silent("11:06"),
            ],
            # The fee, five minutes, two kWh, and one minute of parking.
            10 + 5 + 2 + 10,
            id="an hour of waiting for the authorisation",
        ),
        pytest.param(
            [plugged("10:00", 0, authorized=True), plugged("11:00", charging=True), silent("11:05", 2)],
            10 + 5 + 2,
            id="an hour of waiting for power",
        ),
        pytest.param(
            [plugged("10:00", 0), plugged("10:01", authorized=False), silent("12:00", 1)], 0, id="refused, plugged in"
        ),
        pytest.param(
            [plugged("10:00", 0, charging=True, authorized=False), silent("10:10", 5)], 0, id="refused while charging"
        ),
        pytest.param(
            [plugged("10:00", 0, charging=True), plugged("10:10", 5, charging=True, authorized=False), silent("10:20")],
            0,
            id="refused after charging began",
        ),
        pytest.param(
            [
                plugged("10:00", 0, charging=True, authorized=False),
                plugged("10:10", 5, charging=True, authorized=True),
                silent("10:12", 7),
            ],
            10 + 2 + 2,
            id="refused, and then another token accepted",
        ),
        pytest.param(
            [
                plugged("10:00", 0, charging=True, authorized=True),
                plugged("10:10", 5, charging=True, authorized=False),
                silent("10:12", 7),
            ],
            10 + 12 + 7,
            id="accepted, and then another token refused",
        ),
        pytest.param(
            [plugged("10:00", 0), plugged("10:30", charging=True), silent("10:40", 3)],
            10 + 10 + 3,
            id="free vending: authorised where it charges",
        ),
        pytest.param([silent("10:00", 0), silent("10:10", 3)], 10 + 10 + 3, id="a station that says nothing charges"),
        pytest.param(
            [silent("10:00", 0), silent("11:00", authorized=True), silent("11:10", 3)],
            10 + 10 + 3,
            id="a token later, and no charging before",
        ),
        pytest.param(
            [silent("10:00", 0), silent("10:10", 2), silent("10:20", authorized=True), silent("10:30", 3)],
            10 + 30 + 3,
            id="a token later, and energy before",
        ),
        pytest.param([silent("10:00"), plugged("10:01"), silent("12:00")], 0, id="plugged in and out"),
        pytest.param(
            [
                plugged("10:00", 0),
                plugged("10:30", authorized=True),
                plugged("10:40", charging=True, offered=False),
                plugged("10:50"),
                silent("11:00"),
            ],
            10 + 10,
            id="no power offered: no idle time follows, as charging never happened",
        ),
        pytest.param(
            [plugged("10:00", 0, charging=True, authorized=True), plugged("10:10"), silent("10:20", 4)],
            10 + 10 + 4 + 100,
            id="parking after charging",
        ),
    ],
)
def test_prices_apply_from_the_authorisation_and_idle_time_after_charging(moments: list[Moment], total: int) -> None:
    """Whether the moments come at once or one by one, each stored in between."""
    rules = read_rules(WHOLE)
    accrual: Accrual | None = None
    for one in moments:
        accrual = accrue(rules, [one], accrual)
        assert accrual is not None
        accrual = Accrual.load(accrual.dump())
    whole = accrue(rules, moments)
    assert whole is not None
    assert accrual == whole

    assert total_of(rules, whole.until(rules, moments[-1].time))[1] == total


def test_a_grace_begins_once_charging_happened() -> None:
    rules = read_rules(UNDER_GRACE)
    moments = [plugged("10:00", authorized=True), plugged("11:00", charging=True), plugged("11:10"), silent("11:25")]
    accrual = accrue(rules, moments)
    assert accrual is not None

    assert total_of(rules, accrual.until(rules, accrual.seen))[1] == 5


def test_durations_count_from_the_authorisation() -> None:
    rules = read_rules(
        tariff(element(component("CHARGING_TIME", "0"), max_duration=1800), element(component("CHARGING_TIME", "60")))
    )
    moments = [plugged("10:00"), plugged("11:00", charging=True, authorized=True), silent("11:40")]
    accrual = accrue(rules, moments)
    assert accrual is not None

    assert total_of(rules, accrual.until(rules, accrual.seen))[1] == 10


@pytest.mark.parametrize(
    ("needs_energy", "kwh", "authorized", "total"),
    [
        pytest.param(False, 0, True, 5, id="due"),
        pytest.param(True, 0, True, 0, id="not due without energy"),
        pytest.param(True, 1, True, 5, id="due with energy"),
        pytest.param(False, 1, False, 0, id="not due from who was refused"),
    ],
)
def test_a_tariff_says_whether_its_minimum_is_due(needs_energy: bool, kwh: float, authorized: bool, total: int) -> None:
    rules = read_rules(
        tariff(
            element(component("ENERGY", "1")),
            min_price=pb.Amount(after_tax="5"),
            min_price_needs_energy=needs_energy,
        )
    )
    accrual = accrue(rules, [replace(moment("10:00", 0), authorized=authorized), moment("10:10", kwh)])

    assert total_of(rules, accrual)[1] == total


def test_an_accrual_of_an_earlier_version_goes_on_as_it_was() -> None:
    """All counted from the beginning then, and so it does to the end."""
    rules = read_rules(WHOLE)
    accrual = accrue(rules, [replace(moment("10:00", 0, charging=True), authorized=True), moment("10:10", 1)])
    assert accrual is not None
    stored = orjson.loads(accrual.dump())
    for name in ("authorized", "by_token", "refused", "has_charged"):
        del stored[name]
    stored["charging"], stored["changes"] = True, [[stored["at"] + 60_000_000, False]]

    read = Accrual.load(orjson.dumps(stored))

    read.add_moment(rules, moment("10:12", 1))
    # The fee, eleven minutes, one of parking, and a kWh.
    assert total_of(rules, read)[1] == 10 + 11 + 10 + 1
