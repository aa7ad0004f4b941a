"""Energy that no import register of the transaction tells, and what its EVSE can give, on a whole core."""

import pytest

from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_OVER
from citrine.api.v1.transactions_pb2 import TransactionAnomaly
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.provisioning_pb2 import (
    DATA_ENUM_DECIMAL,
    NotifyReportRequest,
    ReportData,
    VariableAttribute,
    VariableCharacteristics,
)
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import EVSE, Component, SampledValue, Variable
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_corrections import Bills, core, edge, station
from tests.support.charging import at, ended, meter_value, sampled, started, updated
from tests.support.core import RunningCore
from tests.support.fake_edge import FakeSession
from tests.support.settling import settle_all

__all__ = ["core", "edge", "station"]

PRICE = tariff(element(component("ENERGY", "1")), tariff_id="KWH")


def interval(value: float, context: str = "SAMPLE_PERIODIC") -> SampledValue:
    return sampled(value, "ENERGY_ACTIVE_IMPORT_INTERVAL", context=context)


def exported(value: float) -> SampledValue:
    return sampled(value, "ENERGY_ACTIVE_EXPORT_REGISTER")


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("events", "energy"),
    [
        pytest.param(
            [started(0), updated(1, interval(100)), updated(2, interval(150)), ended(3, interval(50))],
            300.0,
            id="sampled",
        ),
        pytest.param(
            [
                started(0),
                updated(1, interval(100), interval(90, "SAMPLE_CLOCK")),
                updated(2, interval(150, "SAMPLE_CLOCK")),
                ended(3, interval(200)),
            ],
            300.0,
            id="sampled and aligned to the clock are not counted twice",
        ),
        pytest.param(
            [started(0), updated(1, interval(100)), updated(2, interval(1e12)), ended(3, interval(50))],
            150.0,
            id="more than an EVSE gives",
        ),
        pytest.param(
            [started(0, 1000.0), updated(1, interval(100)), ended(2, interval(150))],
            250.0,
            id="one reading of the register says nothing",
        ),
        pytest.param(
            [started(0, 1000.0), updated(1, interval(100), 1200.0), ended(2, interval(150), 1300.0)],
            300.0,
            id="the register goes before",
        ),
    ],
)
async def test_intervals_are_added_up_where_no_register_is_read(
    core: RunningCore, station: FakeSession, events: list[TransactionEventRequest], energy: float
) -> None:
    bills = Bills(core)
    await bills.assign(PRICE)

    for event in events:
        await station.call(event)

    assert (await bills.transaction()).energy_wh == energy
    assert float((await bills.cost()).cost.total.after_tax) == pytest.approx(energy / 1000, abs=0.01)


async def test_a_beginning_and_an_end_at_one_time_are_two_readings(core: RunningCore, station: FakeSession) -> None:
    """Clocks may count whole seconds: what was not taken is known to be 0, and has its fee."""
    bills = Bills(core)
    await bills.assign(tariff(element(component("FLAT", "0.50")), tariff_id="FEE"))

    await station.call(started(0, sampled(1000.0, context="TRANSACTION_BEGIN")))
    await station.call(ended(1, sampled(1000.0, context="TRANSACTION_END"), minutes=0))

    transaction = await bills.transaction()
    assert transaction.HasField("energy_wh")
    assert transaction.energy_wh == 0.0
    assert (await bills.cost()).cost.total.after_tax == "0.50"


async def test_a_repeated_interval_counts_once(core: RunningCore, station: FakeSession) -> None:
    again = ended(2, interval(50))
    again.meter_value.insert(0, meter_value(1, interval(100)))

    await station.call_all([started(0), updated(1, interval(100)), again])

    assert (await Bills(core).transaction()).energy_wh == 150.0


async def test_exported_energy_is_folded_apart(core: RunningCore, station: FakeSession) -> None:
    bills = Bills(core)
    await bills.assign(PRICE)
    events = [
        started(0, 1000.0, exported(50)),
        updated(1, 1000.0, exported(250)),
        updated(2, 1500.0, exported(0)),
        ended(3, 2000.0, exported(300)),
    ]

    for event in events:
        await station.call(event)

    transaction = await bills.transaction()
    assert (transaction.energy_wh, transaction.exported_energy_wh) == (1000.0, 250.0)
    assert (await bills.cost()).cost.total.after_tax == "1.00"


async def test_meter_values_of_the_evse_tell_the_energy_where_the_events_do_not(
    core: RunningCore, station: FakeSession
) -> None:
    bills = Bills(core)
    await bills.assign(PRICE)
    await station.call(started(0, evse=(1, 1)))
    for evse_id, minutes, value in ((1, -5, 900.0), (1, 1, 1000.0), (2, 2, 77.0), (1, 5, 4000.0), (1, 30, 9000.0)):
        await station.call(MeterValuesRequest(evse_id=evse_id, meter_value=[meter_value(minutes, value)]))

    await station.call(ended(1, minutes=10))

    transaction = await bills.transaction()
    assert transaction.energy_wh == 3000.0
    assert [one.kind for one in transaction.anomalies] == [TransactionAnomaly.KIND_ENERGY_OF_EVSE]
    assert (await bills.cost()).cost.total.after_tax == "3.00"


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("values", "energy"),
    [
        pytest.param([(1, 1000.0), (5, 1600.0), (30, 9000.0)], 600.0, id="until the next one begins"),
        pytest.param([], None, id="none, so that one reading says nothing"),
    ],
)
async def test_meter_values_of_the_evse_tell_the_energy_of_what_gets_no_end(
    core: RunningCore, station: FakeSession, values: list[tuple[int, float]], energy: float | None
) -> None:
    bills = Bills(core)
    await bills.assign(PRICE)
    await station.call(started(0, 1000.0, evse=(1, 1)))
    for minutes, value in values:
        await station.call(MeterValuesRequest(evse_id=1, meter_value=[meter_value(minutes, value)]))
    await station.call(started(0, 1600.0, evse=(1, 1), transaction_id="T-2", minutes=10))

    await settle_all(core)

    transaction, cost = await bills.transaction(), (await bills.cost()).cost
    assert transaction.settlement == SETTLEMENT_OVER
    assert (transaction.energy_wh if transaction.HasField("energy_wh") else None) == energy
    assert (cost.total.after_tax if cost.HasField("total") else None) == (None if energy is None else "0.60")
    kinds = [] if energy is None else [TransactionAnomaly.KIND_ENERGY_OF_EVSE]
    assert [one.kind for one in transaction.anomalies] == kinds


async def test_energy_that_nothing_tells_is_unset_and_costs_nothing_known(
    core: RunningCore, station: FakeSession
) -> None:
    bills = Bills(core)
    await bills.assign(PRICE)

    await station.call_all([started(0, 1000.0, evse=(1, 1)), ended(1)])

    assert not (await bills.transaction()).HasField("energy_wh")
    assert not (await bills.cost()).cost.HasField("total")


async def test_what_the_evse_can_give_bounds_a_rise(core: RunningCore, station: FakeSession) -> None:
    """EVSE.Power of the device model has it as its maxLimit."""
    power = ReportData(
        component=Component(name="EVSE", evse=EVSE(id=1)),
        variable=Variable(name="Power"),
        variable_attribute=[VariableAttribute(value="0")],
        variable_characteristics=VariableCharacteristics(unit="kW", max_limit=11, data_type=DATA_ENUM_DECIMAL),
    )
    await station.call(NotifyReportRequest(request_id=1, seq_no=0, generated_at=at(0), report_data=[power]))
    # 50 kWh in ten minutes: a truck could, this EVSE could not.
    values = [1000.0, 2000.0, 52000.0, 3000.0, 4000.0]
    events = [updated(number, value, minutes=10 * number) for number, value in enumerate(values[1:-1], 1)]

    await station.call_all([started(0, values[0], evse=(1, 1)), *events, ended(4, values[-1], minutes=40)])

    transaction = await Bills(core).transaction()
    assert transaction.energy_wh == 3000.0
    assert [(one.kind, one.register_wh) for one in transaction.anomalies] == [
        (TransactionAnomaly.KIND_OUTLIER_DROPPED, 52000.0)
    ]
