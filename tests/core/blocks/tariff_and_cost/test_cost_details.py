"""What a running cost says beside its total: pure."""

from typing import Any

from google.protobuf.json_format import MessageToDict

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import Moment, accrue
from citrine_core.blocks.tariff_and_cost.rules import read_rules
from citrine_core.blocks.tariff_and_cost.transaction_costs.cost_details import running_details
from tests.core.blocks.tariff_and_cost.tariffs import component, element, moment, tariff

ENERGY = component("ENERGY", "0.40")

IDLE = component("IDLE_TIME", "6.00")


def details(found: pb.Tariff, *moments: Moment, register_wh: float | None = 3000) -> dict[str, Any]:
    """Return what is said at the last moment."""
    rules = read_rules(found)
    accrual = accrue(rules, moments)
    assert accrual is not None
    custom = running_details(rules, accrual, moments[-1].time, register_wh)
    assert custom.vendor_id == "org.openchargealliance.costmsg"
    return MessageToDict(custom.data)


def test_a_price_that_never_changes_needs_no_trigger() -> None:
    said = details(tariff(element(ENERGY)), moment("10:00", 0), moment("10:10:00.5", 2))

    assert said == {"timestamp": "2024-01-01T10:10:01Z", "state": "Charging", "meterValue": 3000.0}


def test_the_next_threshold_of_energy_is_a_reading_of_the_register() -> None:
    found = tariff(element(ENERGY, max_kwh="5"), element(ENERGY, max_kwh="10"), element(ENERGY))

    said = details(found, moment("10:00", 0), moment("10:10", 6.5), register_wh=107_500)

    assert said["triggerMeterValue"] == {"atEnergykWh": 111.0}
    assert "triggerMeterValue" not in details(found, moment("10:00", 0), moment("10:10", 6.5), register_wh=None)


def test_the_next_time_of_day_with_another_price_is_a_trigger() -> None:
    found = tariff(element(ENERGY, start_time="22:00", end_time="06:00"), element(ENERGY), time_zone="Europe/Berlin")

    said = details(found, moment("10:00", 0), moment("10:10", 1))

    assert said["triggerMeterValue"] == {"atTime": "2024-01-01T21:00:00Z"}


def test_idle_time_begins_and_ends_by_states_and_costs_after_a_grace() -> None:
    found = tariff(element(ENERGY), element(IDLE, min_idle_time=600))
    charging = (moment("10:00", 0, charging=True), moment("10:10", 1))

    assert details(found, *charging)["triggerMeterValue"] == {"atChargingState": ["SuspendedEV"]}
    idle = details(found, *charging, moment("10:20", 1, charging=False), moment("10:24", 1))
    assert idle["state"] == "Idle"
    assert idle["triggerMeterValue"] == {
        "atTime": "2024-01-01T10:30:00Z",
        "atChargingState": ["Charging", "SuspendedEVSE"],
    }


def test_one_threshold_of_power_is_a_trigger_and_several_are_none() -> None:
    moments = moment("10:00", 0), moment("10:10", 1)
    one = tariff(element(ENERGY, min_power="22"), element(ENERGY))
    several = tariff(element(ENERGY, min_power="50"), element(ENERGY, min_power="22"), element(ENERGY))

    assert details(one, *moments)["triggerMeterValue"] == {"atPowerkW": 22.0}
    assert "triggerMeterValue" not in details(several, *moments)
