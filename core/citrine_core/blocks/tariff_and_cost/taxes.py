"""Taxes on a price: one or several, each on the price alone or also on other taxes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.money import parse_decimal
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import check_length, check_printable

__all__ = ["Tax", "factor_of", "read_taxes", "taxes_on"]

_VAT = "VAT"

_MOST, _HIGHEST_STACK = 5, 4
"""Most taxes of a price, and the highest stack (TaxRateType of OCPP 2.1)."""


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax on a price."""

    type: str
    percent: Fraction
    text: str
    """The percentage as the operator wrote it."""
    stack: int = 0
    """The tax is on the price and on all taxes with lower stacks."""


def read_taxes(path: str, component: pb.PriceComponent) -> tuple[Tax, ...]:
    """Return the taxes on a price, the lowest stacks first.

    Raises:
        InvalidArgument: When a field is invalid; with the path of the first such field.
    """
    if component.HasField("vat"):
        if component.taxes:
            raise InvalidArgument(f"{path}.taxes", "must be empty where vat is set")
        return (Tax(_VAT, _percent(f"{path}.vat", component.vat), component.vat),)
    if len(component.taxes) > _MOST:
        raise InvalidArgument(f"{path}.taxes", f"must be at most {_MOST}")
    found: list[Tax] = []
    for place, one in enumerate(component.taxes):
        at = f"{path}.taxes[{place}]"
        check_length(f"{at}.type", one.type, 20, least=1)
        check_printable(f"{at}.type", one.type)
        if any(one.type == other.type for other in found):
            raise InvalidArgument(f"{at}.type", "is on the price already")
        if not 0 <= one.stack <= _HIGHEST_STACK:
            raise InvalidArgument(f"{at}.stack", f"must be from 0 to {_HIGHEST_STACK}")
        found.append(Tax(one.type, _percent(f"{at}.percent", one.percent), one.percent, one.stack))
    return tuple(sorted(found, key=lambda one: one.stack))


def factor_of(taxes: Sequence[Tax]) -> Fraction:
    """Return the factor from an amount without taxes to the amount with taxes."""
    return 1 + sum((amount for _, amount in taxes_on(Fraction(1), taxes)), Fraction(0))


def taxes_on(amount: Fraction, taxes: Sequence[Tax]) -> Iterator[tuple[Tax, Fraction]]:
    """Yield the taxes on an amount, in the order of their stacks."""
    base, due, stack = amount, Fraction(0), 0
    for tax in taxes:
        if tax.stack != stack:
            base, due, stack = base + due, Fraction(0), tax.stack
        one = base * tax.percent / 100
        due += one
        yield tax, one


def _percent(path: str, text: str) -> Fraction:
    return parse_decimal(path, text, places=3, most=100)
