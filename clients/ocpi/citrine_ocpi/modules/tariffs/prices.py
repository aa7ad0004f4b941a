"""Prices and taxes of a tariff, as OCPI has them: one percentage for each price, numbers of four decimals."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_ocpi.modules.tariffs.remarks import Remarks

__all__ = ["ROUNDED_PRICES", "decimal_of", "limit_of", "only_factor", "price_without_tax", "tax_factor", "vat_of"]

_STEP = Decimal("0.0001")

ROUNDED_PRICES = "prices are rounded to four decimals"


def decimal_of(value: Fraction, remarks: Remarks, remark: str = ROUNDED_PRICES) -> Decimal:
    """Return a number of four decimals, with a remark where it has more."""
    # Enough digits to round rightly: nothing in a tariff has more than six before the point.
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    rounded = exact.quantize(_STEP, ROUND_HALF_UP)
    if Fraction(rounded) != value:
        remarks.approximate(remark)
    return rounded


def tax_factor(component: pb.PriceComponent) -> Fraction | None:
    """Return by what a price without taxes is multiplied for that with them. None: no tax applies."""
    if component.HasField("vat"):
        return 1 + Fraction(component.vat) / 100
    if not component.taxes:
        return None
    factor = Fraction(1)
    for stack in sorted({tax.stack for tax in component.taxes}):
        # A stack is on the price and on all lower stacks.
        factor *= 1 + sum((Fraction(tax.percent) for tax in component.taxes if tax.stack == stack), Fraction(0)) / 100
    return factor


def vat_of(component: pb.PriceComponent, remarks: Remarks) -> Decimal | None:
    """Return the percentage of all taxes on a price. None: none applies."""
    factor = tax_factor(component)
    if factor is None:
        return None
    if len(component.taxes) > 1:
        remarks.approximate("several taxes on a price are one percentage")
    return decimal_of((factor - 1) * 100, remarks, "percentages of taxes are rounded to four decimals")


def price_without_tax(component: pb.PriceComponent, is_with_tax: bool, remarks: Remarks) -> Decimal:
    """Return the price without taxes."""
    price = Fraction(component.price)
    if is_with_tax:
        price /= tax_factor(component) or 1
    return decimal_of(price, remarks)


def only_factor(elements: Iterable[pb.TariffElement]) -> Fraction | None:
    """Return the tax factor of all prices that are not zero. None: they have several."""
    priced: Sequence[pb.PriceComponent] = [
        component for element in elements for component in element.price_components if Fraction(component.price)
    ]
    factors = {tax_factor(component) or Fraction(1) for component in priced}
    if len(factors) > 1:
        return None
    return factors.pop() if factors else Fraction(1)


def limit_of(
    amount: pb.Amount, factor: Fraction | None, name: str, remarks: Remarks
) -> tuple[Decimal, Decimal | None] | None:
    """Return what a session costs at least or most, without taxes and with them. None: it can't be said.

    Args:
        amount: As the core has it; either part may be empty.
        factor: From a price without taxes to that with them. None: prices have several.
        name: What it is called in a refusal.
        remarks: What is lost.
    """
    with_tax = decimal_of(Fraction(amount.after_tax), remarks) if amount.after_tax else None
    if amount.before_tax:
        return decimal_of(Fraction(amount.before_tax), remarks), with_tax
    if factor is None:
        remarks.refuse(f"{name} is given with taxes alone, and prices have different taxes")
        return None
    without = decimal_of(Fraction(amount.after_tax) / factor, remarks, f"{name} without taxes is rounded")
    return without, with_tax
