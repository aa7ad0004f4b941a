"""What a device model says of smart charging."""

import pytest

from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.provisioning_pb2 import ATTRIBUTE_ENUM_ACTUAL, VariableCharacteristics
from citrine_core.blocks.provisioning import ReportedVariable
from citrine_core.blocks.smart_charging.checks import Abilities
from citrine_core.blocks.smart_charging.station_snapshot import abilities_of


def variable(
    name: str,
    value: str | None = None,
    *,
    component: str = "SmartChargingCtrlr",
    evse_id: int = -1,
    instance: str = "",
    characteristics: bytes | None = None,
) -> ReportedVariable:
    return ReportedVariable(
        component=component,
        component_instance="",
        evse_id=evse_id,
        connector_id=-1,
        variable=name,
        variable_instance=instance,
        attribute=ATTRIBUTE_ENUM_ACTUAL,
        value=value,
        characteristics=characteristics,
    )


def test_all_that_is_said_is_read_however_it_is_spelled() -> None:
    limit = VariableCharacteristics(max_limit=12).SerializeToString()

    abilities = abilities_of(
        [
            variable("ProfileStackLevel", "3"),
            variable("rateunit", "A, W", component="SmartChargingCtrl"),
            variable("PeriodsPerSchedule", "24"),
            variable("Entries", "2", instance="ChargingProfiles", characteristics=limit),
            variable("ACPhaseSwitchingSupported", "true", evse_id=2),
            variable("Enabled", "false"),
            variable("Power", component="EVSE", evse_id=1),
            variable("Power", component="EVSE", evse_id=2),
        ]
    )

    assert abilities == Abilities(
        evse_ids=frozenset({1, 2}),
        max_stack_level=3,
        rate_units=frozenset({types.CHARGING_RATE_UNIT_ENUM_A, types.CHARGING_RATE_UNIT_ENUM_W}),
        max_periods=24,
        max_profiles=12,
        phase_switching={2: True},
        enabled=False,
    )
    assert abilities.switches_phases(2)
    assert not abilities.switches_phases(1)
    assert abilities.switches_phases(0)


@pytest.mark.parametrize("level", ["many", "inf", "nan", "1e400", "-1", "2147483648", "9" * 500])
def test_what_can_not_be_read_is_not_known(level: str) -> None:
    assert abilities_of([variable("ProfileStackLevel", level), variable("RateUnit", "horsepower")]) == Abilities()
