"""How many decimals amounts of a currency have (ISO 4217)."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

__all__ = ["amount_of", "decimals_of"]

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_DECIMALS: Mapping[str, int] = {**dict.fromkeys(_NONE.split(), 0), **dict.fromkeys(_THREE.split(), 3)}
USUAL = 2


def decimals_of(currency: str) -> int:
    """Return how many decimals amounts of a currency have."""
    return _DECIMALS.get(currency.upper(), USUAL)


def amount_of(value: str, currency: str) -> str:
    """Return an amount with as many decimals as its currency has, and with more where it is that exact."""
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
