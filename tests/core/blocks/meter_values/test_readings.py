"""What sampled values say."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.v2.types_pb2 import LocationEnum, MeterValue, SampledValue
from citrine_core.blocks.meter_values import digest_of, measured, sample_rows
from citrine_core.times import to_datetime
from tests.support.charging import meter_value, sampled

REGISTER = "ENERGY_ACTIVE_IMPORT_REGISTER"
POWER = "POWER_ACTIVE_IMPORT"


def registers(*values: MeterValue) -> list[float]:
    return [reading.wh for reading in measured(sample_rows("default", "CS-1", 1, values)).registers]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([sampled(1500.0)], [1500.0], id="OCPP's default is the register in Wh"),
        pytest.param([sampled(1.5, REGISTER, unit="kWh")], [1500.0], id="kWh"),
        pytest.param([sampled(15.0, REGISTER, multiplier=2)], [1500.0], id="multiplier"),
        pytest.param([sampled(1500.0, REGISTER, unit="kWh", multiplier=-3)], [1500.0], id="kWh and multiplier"),
        pytest.param([sampled(1009.6175537109375)], [1009.6175537109375], id="noise as sent"),
        pytest.param([sampled(5.0, REGISTER, unit="varh")], [], id="not an energy"),
        pytest.param([sampled(5.0, REGISTER, multiplier=2**31 - 1)], [], id="a multiplier beyond all reason"),
        pytest.param([sampled(1e308, REGISTER, unit="kWh")], [], id="too large for a number"),
        pytest.param([sampled(1.0, phase=phase) for phase in ("L1", "L2", "L3")], [3.0], id="J02: phases add up"),
        pytest.param([sampled(1.0, phase=phase) for phase in ("L1_N", "L2_N")], [2.0], id="two phases to neutral"),
        pytest.param([sampled(1.0, phase="L1"), sampled(7.0)], [7.0], id="a total counts before phases"),
        pytest.param([sampled(1.0, phase="L1_L2")], [], id="between phases is no part of a sum"),
        pytest.param([sampled(7.0, POWER)], [], id="another measurand"),
    ],
)
def test_the_register(values: list[SampledValue], expected: list[float]) -> None:
    assert registers(meter_value(0, *values)) == expected


def test_readings_are_in_the_order_of_their_times() -> None:
    begin, end = sampled(1.0, context="TRANSACTION_BEGIN"), sampled(3.0, context="TRANSACTION_END")

    assert registers(meter_value(2, end), meter_value(2, 2.5), meter_value(0, begin), meter_value(1, 2.0)) == [
        1.0,
        2.0,
        2.5,
        3.0,
    ]


def test_what_the_driver_was_given_counts_before_what_the_meter_upstream_says() -> None:
    upstream, inlet = sampled(9.0), sampled(4.0)
    upstream.location = LocationEnum.LOCATION_ENUM_UPSTREAM
    inlet.location = LocationEnum.LOCATION_ENUM_INLET

    assert registers(meter_value(0, upstream, inlet)) == [4.0]
    assert registers(meter_value(0, upstream, inlet, sampled(3.0))) == [3.0]


def test_power_and_state_of_charge_are_the_latest() -> None:
    values = [
        meter_value(1, sampled(2.2, POWER, unit="kW"), sampled(50.0, "SOC", unit="Percent")),
        meter_value(0, sampled(1000.0, POWER, unit="W")),
    ]

    found = measured(sample_rows("default", "CS-1", 1, values))

    assert (found.power_w, found.soc_percent) == (2200.0, 50.0)
    assert (found.first_time, found.last_time) == (
        to_datetime(values[1].timestamp),
        to_datetime(values[0].timestamp),
    )


def test_rows_number_the_values_of_a_message() -> None:
    rows = sample_rows("default", "CS-1", 1, [meter_value(0, 1.0, 2.0), meter_value(0, 3.0)], evse_id=1)

    assert [(row.position, row.value, row.evse_id) for row in rows] == [(0, 1.0, 1), (1, 2.0, 1), (2, 3.0, 1)]


@pytest.mark.parametrize("seconds", [-62_135_596_800, -1, 0, 253_402_300_799])
def test_times_of_all_years(seconds: int) -> None:
    assert to_datetime(Timestamp(seconds=seconds, nanos=999_999_999)).microsecond == 999_999


def test_digests_are_64_bits() -> None:
    assert all(-(2**63) <= digest_of(bytes([n])) < 2**63 for n in range(50))
