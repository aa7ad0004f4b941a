"""The number of decimals of currencies (ISO 4217)."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

__all__ = ["amount_of", "decimals_of"]

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_DECIMALS: Mapping[str, int] = {**dict.fromkeys(_NONE.split(), 0), **dict.fromkeys(_THREE.split(), 3)}
USUAL = 2


def decimals_of(currency: str) -> int:
    """Return the number of decimals of a currency."""
    return _DECIMALS.get(currency.upper(), USUAL)


def amount_of(value: str, currency: str) -> str:
    """Return an amount with at least as many decimals as its currency has. More are not rounded."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        return value
    whole, _, fraction = f"{number:f}".partition(".")
    fraction = fraction.rstrip("0").ljust(decimals_of(currency), "0")
    return f"{whole}.{fraction}" if fraction else whole
