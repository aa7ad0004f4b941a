"""Exact numbers: decimals in text, and the rounding of totals.

Nothing here is a float. Prices are fractions while they are multiplied and added; a sum is rounded once, half up,
to the minor unit of its currency.
"""

import re
from decimal import Decimal
from fractions import Fraction

from citrine_core.errors import InvalidArgument

__all__ = ["decimal_text", "minor_digits", "parse_decimal", "rounded", "rounded_quotient"]

_DECIMAL = re.compile(r"(-)?(\d{1,12})(?:\.(\d{1,12}))?", re.ASCII)

_WHOLE = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())  # noqa: SIM905
_THOUSANDTHS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())  # noqa: SIM905
"""Currencies whose minor unit is not a hundredth (ISO 4217)."""


def minor_digits(currency: str) -> int:
    """Return the decimal places of amounts of a currency."""
    if currency in _WHOLE:
        return 0
    return 3 if currency in _THOUSANDTHS else 2


def parse_decimal(field: str, text: str, *, places: int, most: int | None = None, is_signed: bool = False) -> Fraction:
    """Parse a decimal number.

    Args:
        field: Path of the field in the request.
        text: Digits, optionally followed by a point and more digits.
        places: Most digits after the point.
        most: The largest number allowed. None: any of twelve digits.
        is_signed: Whether it may be negative, within the same limit.

    Raises:
        InvalidArgument: When it is no such number.
    """
    found = _DECIMAL.fullmatch(text)
    if not found or len(found[3] or "") > places or (found[1] and not is_signed):
        sign = "" if is_signed else " and not negative"
        raise InvalidArgument(field, f"must be a decimal such as 0.25, of at most {places} places{sign}")
    value = Fraction(text)
    if most is not None and abs(value) > most:
        raise InvalidArgument(field, f"must be at most {most}")
    return value


def rounded(value: Fraction, places: int) -> Decimal:
    """Round a number to decimal places; halves are rounded away from zero."""
    return rounded_quotient(value.numerator, value.denominator, places)


def rounded_quotient(number: int, below: int, places: int) -> Decimal:
    """Round a quotient of whole numbers to decimal places, without reducing it; `below` is positive."""
    whole = (2 * abs(number) * 10**places + below) // (2 * below)
    return Decimal(whole if number >= 0 else -whole).scaleb(-places)


def decimal_text(value: Fraction, places: int, *, least: int = 0) -> str:
    """Return a number as text with at most `places` decimal places, and no trailing zeros after the `least` places."""
    text = f"{rounded(value, places):f}"
    if "." not in text:
        return text
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0").ljust(least, "0")
    return f"{whole}.{rest}" if rest else whole
