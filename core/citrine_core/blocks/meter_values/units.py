"""Units of sampled values: what stations send, in one unit for each quantity, exactly."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache

from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2.types_pb2 import MeasurandEnum

__all__ = ["base_of", "exact", "normalized", "total_of", "unit_of_measurand"]

_WHOLE = 2.0**53
"""Below it a double tells each whole number from the next, so that sums of them have no rounding."""

LARGEST_EXPONENT = 30
"""Multipliers beyond it are none that a station can mean, and would only make long numbers."""

_UNITS = (
    "A", "ASU", "B", "Celsius", "dB", "dBm", "Deg", "Fahrenheit", "Hz", "K", "lx", "m", "ms2", "N", "Ohm", "kPa",
    "Percent", "RH", "RPM", "s", "V", "VA", "VAh", "var", "varh", "W", "Wh",
)  # fmt: skip
"""Units of OCPP (appendix 2 of part 2) that values are normalised to."""

_THOUSANDS = ("VA", "VAh", "var", "varh", "W", "Wh")
"""Units that OCPP has with "k" too."""

_BASES: Mapping[str, tuple[str, int]] = {
    **{unit.lower(): (unit, 0) for unit in _UNITS},
    **{f"k{unit.lower()}": (unit, 3) for unit in _THOUSANDS},
}
"""By the unit in lower case, which some stations write as they like: the unit to show, and the exponent of ten."""

_OF_MEASURANDS = (
    # By the beginning of the measurand's name, the first that fits. All energies are Wh where nothing is said.
    ("Energy", "Wh"),
    ("Display.BatteryEnergyCapacity", "Wh"),
    ("Power.Factor", ""),
    ("Power.Reactive", "var"),
    ("Power", "W"),
    ("Current", "A"),
    ("Voltage", "V"),
    ("Frequency", "Hz"),
    ("SoC", "Percent"),
    ("Display.PresentSOC", "Percent"),
    ("Display.MinimumSOC", "Percent"),
    ("Display.TargetSOC", "Percent"),
    ("Display.MaximumSOC", "Percent"),
    ("Display.RemainingTime", "s"),
)


def base_of(unit: str) -> tuple[str, int]:
    """Return the unit that values of a unit are normalised to, and the exponent of ten between them.

    A unit that OCPP does not name stays as it is.
    """
    return _BASES.get(unit.lower(), (unit, 0)) if unit.isascii() else (unit, 0)


@cache
def unit_of_measurand(measurand: int) -> str:
    """Return the unit of a measurand's values that name none. Empty: it has none."""
    name = spelling_of(MeasurandEnum, measurand)
    return next((unit for prefix, unit in _OF_MEASURANDS if name.startswith(prefix)), "")


def exact(value: float) -> Decimal:
    """Return a number as its shortest decimal spelling says: what the station wrote, and not the double next to it."""
    return Decimal(repr(value))


def total_of(plus: float, minus: float, more: float = 0.0) -> float:
    """Return `plus - minus + more` as a meter would show it: the difference of two doubles has digits that none did."""
    if plus.is_integer() and minus.is_integer() and more.is_integer() and abs(plus) + abs(minus) + abs(more) < _WHOLE:
        return plus - minus + more
    return float(exact(plus) - exact(minus) + exact(more))


def normalized(value: float, measurand: int, unit: str | None, multiplier: int | None) -> tuple[str, str]:
    """Return a value as a decimal number without exponent, and its unit; unit and multiplier are applied exactly.

    Both are empty where the multiplier is one that nobody can mean.

    Args:
        value: As sent.
        measurand: citrine.ocpp.v2.MeasurandEnum.
        unit: As sent. None: none was.
        multiplier: Exponent of ten as sent. None: none was.
    """
    base, exponent = base_of(unit) if unit else (unit_of_measurand(measurand), 0)
    exponent += multiplier or 0
    if abs(exponent) > LARGEST_EXPONENT:
        return "", ""
    # Adding zero takes the sign from a negative zero.
    return format((exact(value).scaleb(exponent) + 0).normalize(), "f"), base
