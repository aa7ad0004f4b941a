"""Units of sampled values."""

import pytest

from citrine.ocpp.v2.types_pb2 import MeasurandEnum
from citrine_core.blocks.meter_values.units import normalized

REGISTER = "ENERGY_ACTIVE_IMPORT_REGISTER"


@pytest.mark.parametrize(
    ("value", "measurand", "unit", "multiplier", "expected"),
    [
        pytest.param(1.005, REGISTER, "kWh", None, ("1005", "Wh"), id="exact where doubles are not"),
        pytest.param(0.15005000000000002, REGISTER, None, 3, ("150.05000000000002", "Wh"), id="noise as sent"),
        pytest.param(1500.0, REGISTER, "kWh", -3, ("1500", "Wh"), id="unit and multiplier"),
        pytest.param(7.2, "POWER_ACTIVE_IMPORT", "KW", None, ("7200", "W"), id="units in any case"),
        pytest.param(7.2, "POWER_REACTIVE_IMPORT", "kvar", None, ("7200", "var"), id="kvar"),
        pytest.param(2.5, "ENERGY_REACTIVE_IMPORT_REGISTER", "kvarh", None, ("2500", "varh"), id="kvarh"),
        pytest.param(1.0, "ENERGY_APPARENT_NET", "kVAh", None, ("1000", "VAh"), id="kVAh"),
        pytest.param(16.0, "CURRENT_IMPORT", None, None, ("16", "A"), id="unit of the measurand"),
        pytest.param(0.98, "POWER_FACTOR", None, None, ("0.98", ""), id="no unit at all"),
        pytest.param(80.0, "SOC", "Percent", None, ("80", "Percent"), id="Percent"),
        pytest.param(21.5, "VOLTAGE", "furlong", 1, ("215", "furlong"), id="a unit that nobody knows"),
        pytest.param(101.3, "VOLTAGE", "kPa", None, ("101.3", "kPa"), id="a unit that OCPP has with k only"),
        pytest.param(-0.0, "CURRENT_EXPORT", "A", None, ("0", "A"), id="zero has no sign"),
        pytest.param(5e-324, "VOLTAGE", "V", 2**31 - 1, ("", ""), id="a multiplier beyond all reason"),
    ],
)
def test_values_are_normalized_exactly(
    value: float, measurand: str, unit: str | None, multiplier: int | None, expected: tuple[str, str]
) -> None:
    assert normalized(value, MeasurandEnum.Value(f"MEASURAND_ENUM_{measurand}"), unit, multiplier) == expected


def test_every_measurand_has_a_default_or_none() -> None:
    units = {normalized(1.0, number, None, None)[1] for number in MeasurandEnum.values()}

    assert units == {"Wh", "W", "var", "A", "V", "Hz", "Percent", "s", ""}
