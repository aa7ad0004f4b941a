"""What readings say of energy and cost: the register model alone, and on a whole core with both databases."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection
from citrine.api.v1.transactions_pb2 import ConfirmReadingRequest, SettlementAction, TransactionAnomaly
from citrine.ocpp.v2.transactions_pb2 import ReasonEnum, TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import LocationEnum, SampledValue
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState, apply, fold
from citrine_core.blocks.transactions.register_model import Reading, reckon
from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.db import UnitOfWorkFactory
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_corrections import Bills, core, edge, station
from tests.core.blocks.transactions.test_handlers import Bench
from tests.support.charging import BEGINNING, ended, sampled, started, updated
from tests.support.core import RunningCore
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeSession

__all__ = ["core", "edge", "station"]


OUTLIER = TransactionAnomaly.KIND_OUTLIER_DROPPED
RESTART = TransactionAnomaly.KIND_RESTART_ASSUMED
UNIT = TransactionAnomaly.KIND_UNIT_ASSUMED
SERIES = TransactionAnomaly.KIND_SERIES_CHANGED

PRICE = tariff(element(component("ENERGY", "1")), tariff_id="KWH")


def at_location(value: float, location: str) -> SampledValue:
    found = sampled(value, "ENERGY_ACTIVE_IMPORT_REGISTER")
    found.location = LocationEnum.Value(f"LOCATION_ENUM_{location}")
    return found


def phases(*values: float) -> list[SampledValue]:
    return [
        sampled(value, "ENERGY_ACTIVE_IMPORT_REGISTER", phase=f"L{number}") for number, value in enumerate(values, 1)
    ]


def begin(value: float) -> SampledValue:
    return sampled(value, context="TRANSACTION_BEGIN")


def end(value: float) -> SampledValue:
    return sampled(value, context="TRANSACTION_END")


def series(*values: float, **of_last: Any) -> list[TransactionEventRequest]:
    """Return a transaction whose events bring one reading each."""
    *middle, last = values[1:]
    return [
        started(0, values[0]),
        *(updated(number, value) for number, value in enumerate(middle, 1)),
        ended(len(values) - 1, last, **of_last),
    ]


CASES = [
    pytest.param(
        [started(0, at_location(1000, "OUTLET")), updated(1, at_location(5_000_000, "INLET")), ended(2, 2000.0)],
        1000.0,
        [SERIES],
        id="another place of the meter",
    ),
    pytest.param(
        [
            started(0, *phases(1000, 1000, 1000)),
            updated(1, *phases(1200, 1200, 1200)),
            updated(2, *phases(1300)),
            ended(3, *phases(1200, 1200, 1200)),
        ],
        600.0,
        [SERIES],
        id="a single phase of three",
    ),
    pytest.param(series(358000, 358500, 0, 359000, 359500), 1500.0, [OUTLIER], id="one 0"),
    pytest.param(series(358000, 358500, -1, 359000, 359500), 1500.0, [OUTLIER], id="one -1"),
    pytest.param(series(358000, 358500, 358.9, 359000, 359500), 1500.0, [UNIT], id="a unit that was forgotten"),
    pytest.param(
        series(358000, 358500, 380.1, 380.6, 381.1), 23100.0, [UNIT], id="readings that agree on another unit"
    ),
    pytest.param(
        series(3000, 4000, 5000, 100, 600, 1100, 1600), 3600.0, [RESTART], id="a restart that is no other unit"
    ),
    pytest.param(series(10000, 11000, 12000, 20, 500, 1000, 1500), 3500.0, [RESTART], id="a restart at a low reading"),
    pytest.param(series(3000, 4000, 5000, 6, 500, 1000, 1500), 3500.0, [RESTART], id="a restart at a lower reading"),
    pytest.param(series(1000, 2000, 3000, 4000, 5000, 10, 6000), 5000.0, [OUTLIER], id="a low reading is no kWh"),
    pytest.param(series(0, 1000, 2000, 600, 900), 2900.0, [RESTART], id="enough readings speak for a restart"),
    pytest.param(
        [started(0, begin(1000)), updated(1, 1464.0), ended(2, end(1183))], 183.0, [OUTLIER], id="context, in between"
    ),
    pytest.param(
        [started(0, begin(1000)), updated(1, 3000.0), ended(2, end(1183))], 183.0, [OUTLIER], id="context, far above"
    ),
    pytest.param(
        [started(0, begin(0)), updated(1, 51000.0), updated(2, 52000.0), ended(3, end(0))],
        1000.0,
        [OUTLIER],
        id="0 at beginning and end, which stands for no reading",
    ),
    pytest.param(
        [started(0, begin(0)), updated(1, 51000.0), updated(2, 51000.0), ended(3, end(0))],
        0.0,
        [OUTLIER],
        id="0 at beginning and end, and a register that stands still",
    ),
    pytest.param(
        [started(0, begin(0)), updated(1, 1000.0), updated(2, 1900.0), ended(3, end(0))],
        1900.0,
        [],
        id="a register that begins at 0, and 0 at the end",
    ),
    pytest.param(series(1000, 1500, 4294967295, 2000), 1000.0, [OUTLIER], id="all bits set"),
    pytest.param(series(1000, 1500, 4294967295), 500.0, [OUTLIER], id="all bits set, at the end"),
    pytest.param(series(4294967295, 1000, 1500, 2000), 1000.0, [OUTLIER], id="all bits set, at the beginning"),
    pytest.param(
        [started(0, 1000.0), updated(1, sampled(1.5, unit="kWh")), ended(2, 2000.0)], 1000.0, [], id="kWh and Wh"
    ),
]


@pytest.mark.in_turn
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
@pytest.mark.parametrize(("events", "energy", "kinds"), CASES)
async def test_no_reading_fools_the_fold(
    unit_of_work: UnitOfWorkFactory,
    together: bool,
    events: list[TransactionEventRequest],
    energy: float,
    kinds: list["TransactionAnomaly.Kind.ValueType"],
) -> None:
    bench = Bench(unit_of_work)
    for batch in [events] if together else [[one] for one in events]:
        await bench.send(*batch)

    row = await bench.transaction()
    assert row.energy_wh == energy
    told = [
        name_in(one.transaction_anomaly_found, "kind")
        for one in await bench.events()
        if one.HasField("transaction_anomaly_found")
    ]
    names = {TransactionAnomaly.Kind.Name(kind).removeprefix("KIND_") for kind in kinds}
    assert names <= set(told)


async def mark_boot(bench: Bench) -> None:
    async with bench.unit_of_work() as work:
        await TransactionRepository(work.session).mark_open_as_orphaned(
            "default", {"CS-1"}, bench.now + timedelta(days=9)
        )
        await work.commit()


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("after", "energy"),
    [
        pytest.param([600.0, 900.0], 1900.0, id="a restart"),
        pytest.param([600.0, 900.0, 1100.0], 1100.0, id="none, as the old height shows"),
        pytest.param([100.0, 600.0, 1100.0], 2100.0, id="one that passes the old height"),
        pytest.param([0.0, 1050.0], 1050.0, id="a 0 after the boot"),
    ],
)
async def test_a_boot_speaks_for_a_restart(unit_of_work: UnitOfWorkFactory, after: list[float], energy: float) -> None:
    bench = Bench(unit_of_work)
    await bench.send(started(0, 0.0))
    await bench.send(updated(1, 1000.0))
    await mark_boot(bench)

    for number, value in enumerate(after, 2):
        await bench.send((ended if number == len(after) + 1 else updated)(number, value))

    assert (await bench.transaction()).energy_wh == energy


@pytest.mark.in_turn
@pytest.mark.parametrize(("events", "energy", "kinds"), CASES)
async def test_cost_follows_the_energy_and_the_api_shows_doubts(
    core: RunningCore,
    station: FakeSession,
    events: list[TransactionEventRequest],
    energy: float,
    kinds: list["TransactionAnomaly.Kind.ValueType"],
) -> None:
    bills = Bills(core)
    await bills.assign(PRICE)

    for event in events:
        await station.call(event)

    transaction, cost = await bills.transaction(), await bills.cost()
    assert transaction.energy_wh == energy
    assert float(cost.cost.total.after_tax) == pytest.approx(energy / 1000, abs=0.01)
    assert set(kinds) <= {one.kind for one in transaction.anomalies}


async def test_one_reading_only_is_no_energy_that_is_known(core: RunningCore, station: FakeSession) -> None:
    bills = Bills(core)
    await bills.assign(PRICE)

    await station.call_all([started(0, 1000.0), ended(1, 4294967295.0)])

    assert not (await bills.cost()).cost.HasField("total")


async def test_an_operator_confirms_a_reading_that_was_left_out(core: RunningCore, station: FakeSession) -> None:
    bills = Bills(core)
    await bills.assign(PRICE)
    await station.call_all([started(0, 1000.0), updated(1, 2000.0), ended(2, 102000.0)])
    request = ConfirmReadingRequest(
        station_id="CS-1", transaction_id="T-1", register_wh=102000.0, reason="a truck, seen on the meter"
    )
    before = await bills.transaction()

    confirmed = await bills.transactions.ConfirmReading(request)

    assert (before.energy_wh, confirmed.energy_wh, list(confirmed.anomalies)) == (1000.0, 101000.0, [])
    (correction,) = await bills.corrections()
    assert correction.cost.total.after_tax == "101.00"
    assert correction.reason == CostCorrection.REASON_READING_CONFIRMED
    assert [(kind, number) for kind, _, _, number in await bills.actions()] == [
        (SettlementAction.KIND_CONFIRM_READING, 1)
    ]


async def test_a_reading_is_confirmed_while_the_transaction_runs(core: RunningCore, station: FakeSession) -> None:
    bills = Bills(core)
    await bills.assign(PRICE)
    await station.call_all([started(0, 1000.0), updated(1, 2000.0), updated(2, 102000.0)])
    request = ConfirmReadingRequest(station_id="CS-1", transaction_id="T-1", register_wh=102000.0, reason="a truck")

    confirmed = await bills.transactions.ConfirmReading(request)
    await station.call_all([updated(3, 102500.0), ended(4, 103000.0)])

    assert confirmed.energy_wh == 101000.0
    assert (await bills.transaction()).energy_wh == 102000.0
    assert (await bills.cost()).cost.total.after_tax == "102.00"
    assert await bills.corrections() == []


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("events", "energy"),
    [
        pytest.param(
            [
                started(0, 0.0),
                updated(1, 1000.0),
                updated(2, 0.0, trigger="TX_RESUMED"),
                updated(3, 300.0),
                ended(4, 600.0),
            ],
            1600.0,
            id="resumed",
        ),
        pytest.param(
            [
                started(0, 5000.0),
                updated(1, 6000.0),
                ended(2, 200.0, info={"stopped_reason": ReasonEnum.REASON_ENUM_POWER_LOSS}),
            ],
            1200.0,
            id="ended for want of power",
        ),
    ],
)
async def test_what_a_station_says_of_its_power_speaks_for_a_restart(
    unit_of_work: UnitOfWorkFactory, events: list[TransactionEventRequest], energy: float
) -> None:
    bench = Bench(unit_of_work)
    for event in events:
        await bench.send(event)

    assert (await bench.transaction()).energy_wh == energy


async def test_what_later_readings_speak_against_is_not_confirmed(core: RunningCore, station: FakeSession) -> None:
    await station.call_all(series(1000, 2000, 103000, 3000, 4000))
    request = ConfirmReadingRequest(station_id="CS-1", transaction_id="T-1", register_wh=103000.0, reason="why")

    with pytest.raises(grpc.aio.AioRpcError, match="speak against it") as caught:
        await Bills(core).transactions.ConfirmReading(request)

    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert (await Bills(core).transaction()).energy_wh == 3000.0


async def test_only_what_was_left_out_can_be_confirmed(core: RunningCore, station: FakeSession) -> None:
    await station.call_all([started(0, 1000.0), ended(1, 2000.0)])
    request = ConfirmReadingRequest(station_id="CS-1", transaction_id="T-1", register_wh=9.0, reason="why")

    with pytest.raises(grpc.aio.AioRpcError, match="no reading of that height") as caught:
        await Bills(core).transactions.ConfirmReading(request)

    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_missing_events_and_ids_that_are_used_again_are_told_once(
    core: RunningCore, station: FakeSession
) -> None:
    await station.call_all([started(0, 1000.0), ended(2, 2000.0)])
    await station.call(started(0, 5000.0, minutes=300))

    found = await Bills(core).events("transaction_anomaly_found")
    told = [(name_in(one, "kind"), one.transaction.transaction_id) for one in found]

    assert told == [("GAP", "T-1"), ("ID_USED_AGAIN", "T-1#2")]


def incremental(requests: Sequence[TransactionEventRequest]) -> TransactionState:
    """Fold events one by one, as they come."""
    state = TransactionState("default", "CS-1", "T-1", 1)
    taken: list[Occurrence] = []
    for request in requests:
        occurrence = Occurrence.of("default", "CS-1", request)
        if not apply(state, occurrence):
            state = fold(state, [*taken, occurrence])
        taken.append(occurrence)
    return state


rises = st.lists(st.integers(0, 2000), min_size=4, max_size=12)


@given(rises, st.integers(0, 10**6), st.data())
def test_single_outliers_change_the_energy_by_no_more_than_a_step(
    steps: list[int], start: int, data: st.DataObject
) -> None:
    values = [float(start + sum(steps[: place + 1])) for place in range(len(steps))]
    place = data.draw(st.integers(1, len(values) - 2))
    # What lies within the power of an EVSE can't be told from a reading that is right.
    wrong = data.draw(st.sampled_from([0.0, -1.0, 4294967295.0, 1e9, values[place] / 1000, values[place] * 1000]))
    fooled = [*values[:place], wrong, *values[place + 1 :]]

    readings = [Reading(BEGINNING + timedelta(minutes=number), value) for number, value in enumerate(fooled)]
    energy = reckon(readings).energy_wh

    assert energy is not None
    assert abs(energy - (values[-1] - values[0])) <= 2 * max(steps) + 10


@given(rises, st.data())
def test_order_and_repetition_change_nothing(steps: list[int], data: st.DataObject) -> None:
    values = [float(sum(steps[: place + 1])) for place in range(len(steps))]
    requests = series(*values)
    order = data.draw(st.permutations(requests))

    state = fold(
        TransactionState("default", "CS-1", "T-1", 1), [Occurrence.of("default", "CS-1", one) for one in order]
    )
    again = reckon(
        [
            Reading(BEGINNING + timedelta(minutes=number), value)
            for number, value in enumerate(values)
            for _ in range(data.draw(st.integers(1, 3)))
        ]
    )

    assert state.energy_wh == again.energy_wh == values[-1] - values[0]


@given(st.lists(st.one_of(st.integers(0, 3000), st.sampled_from([0, -1, 4294967295, 500000])), min_size=2, max_size=9))
def test_events_one_by_one_say_the_same_as_all_at_once(values: list[int]) -> None:
    requests = series(*(float(value) for value in values))

    state = incremental(requests)

    whole = fold(
        TransactionState("default", "CS-1", "T-1", 1), [Occurrence.of("default", "CS-1", one) for one in requests]
    )
    assert (state.energy_wh, state.meter_last_wh) == (whole.energy_wh, whole.meter_last_wh)


def test_readings_that_are_always_wrong_are_reckoned_in_a_time_that_grows_with_their_number() -> None:
    """Each was compared with all doubts before, which took minutes for so many."""
    wrong = [
        Reading(BEGINNING + timedelta(seconds=number), 1000.0 if number % 2 == 0 else 90_000_000.0 + number)
        for number in range(30_000)
    ]

    found = reckon(wrong)

    assert found.energy_wh == 0.0
    assert len(found.doubts) == 15_000
