"""Exact conversion of sampled values to one unit for each quantity."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache

from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2.types_pb2 import MeasurandEnum

__all__ = ["base_of", "exact", "normalized", "total_of", "unit_of_measurand"]

_WHOLE = 2.0**53
"""Limit below which a double represents every whole number, so that their sums are exact."""

LARGEST_EXPONENT = 30
"""Greatest exponent of ten that is applied; greater ones are errors of the station."""

_UNITS = (
    "A", "ASU", "B", "Celsius", "dB", "dBm", "Deg", "Fahrenheit", "Hz", "K", "lx", "m", "ms2", "N", "Ohm", "kPa",
    "Percent", "RH", "RPM", "s", "V", "VA", "VAh", "var", "varh", "W", "Wh",
)  # fmt: skip
"""Units of OCPP (appendix 2 of part 2) that values are normalised to."""

_THOUSANDS = ("VA", "VAh", "var", "varh", "W", "Wh")
"""Units that OCPP also defines with the prefix "k"."""

_BASES: Mapping[str, tuple[str, int]] = {
    **{unit.lower(): (unit, 0) for unit in _UNITS},
    **{f"k{unit.lower()}": (unit, 3) for unit in _THOUSANDS},
}
"""The unit to show and the exponent of ten, by the unit in lower case: stations differ in case."""

_OF_MEASURANDS = (
    # The first prefix of the measurand's name that matches. Energies without a unit are in Wh.
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

    A unit that OCPP does not define is returned unchanged.
    """
    return _BASES.get(unit.lower(), (unit, 0)) if unit.isascii() else (unit, 0)


@cache
def unit_of_measurand(measurand: int) -> str:
    """Return the unit of a measurand's values that are sent without a unit. Empty: it has none."""
    name = spelling_of(MeasurandEnum, measurand)
    return next((unit for prefix, unit in _OF_MEASURANDS if name.startswith(prefix)), "")


def exact(value: float) -> Decimal:
    """Return the decimal with the shortest spelling of a double: the number that the station sent."""
    return Decimal(repr(value))


def total_of(plus: float, minus: float, more: float = 0.0) -> float:
    """Return `plus - minus + more` in decimal arithmetic, without the rounding errors of doubles."""
    if plus.is_integer() and minus.is_integer() and more.is_integer() and abs(plus) + abs(minus) + abs(more) < _WHOLE:
        return plus - minus + more
    return float(exact(plus) - exact(minus) + exact(more))


def normalized(value: float, measurand: int, unit: str | None, multiplier: int | None) -> tuple[str, str]:
    """Return a value as a decimal number without exponent, and its unit; unit and multiplier are applied exactly.

    Both are empty if the exponent exceeds LARGEST_EXPONENT.

    Args:
        value: The value as sent.
        measurand: citrine.ocpp.v2.MeasurandEnum.
        unit: The unit as sent. None: none was sent.
        multiplier: The exponent of ten as sent. None: none was sent.
    """
    base, exponent = base_of(unit) if unit else (unit_of_measurand(measurand), 0)
    exponent += multiplier or 0
    if abs(exponent) > LARGEST_EXPONENT:
        return "", ""
    # Adding zero takes the sign from a negative zero.
    return format((exact(value).scaleb(exponent) + 0).normalize(), "f"), base
