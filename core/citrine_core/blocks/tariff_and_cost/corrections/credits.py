"""What a cost is once a part of it is credited."""

from fractions import Fraction

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.money import decimal_text, minor_digits, rounded
from citrine_core.errors import FailedPrecondition, InvalidArgument

__all__ = ["credited"]

_PLACES = 6
"""Decimal places of the amounts of lines."""


def credited(cost: pb.Cost, amount: Fraction) -> pb.Cost:
    """Return a cost less an amount, which becomes a line of it, with taxes in proportion to those of the cost.

    Args:
        cost: What it is so far.
        amount: How much is credited, with tax; above 0.

    Raises:
        InvalidArgument: When the amount has more places than the currency.
        FailedPrecondition: When the cost is less.
    """
    digits, total = minor_digits(cost.currency), Fraction(cost.total.after_tax)
    if (amount * 10**digits).denominator != 1:
        raise InvalidArgument("amount", f"must have at most {digits} decimal places in {cost.currency}")
    if amount > total:
        raise FailedPrecondition(f"the transaction costs {cost.total.after_tax} {cost.currency}, which is less")
    part = amount / total
    net = Fraction(cost.total.before_tax) * part
    found = pb.Cost()
    found.CopyFrom(cost)
    found.total.after_tax = f"{rounded(total - amount, digits):f}"
    found.total.before_tax = f"{rounded(Fraction(cost.total.before_tax) - net, digits):f}"
    del found.taxes[:]
    line = found.lines.add(kind=pb.CostLine.KIND_CREDIT, quantity="1", element=-1)
    line.amount.CopyFrom(pb.Amount(before_tax=_text(-net), after_tax=_text(-amount)))
    for tax in cost.taxes:
        due = Fraction(tax.amount)
        for taxes, one in ((line.taxes, -due * part), (found.taxes, due - due * part)):
            taxes.add(type=tax.type, percent=tax.percent, stack=tax.stack, amount=_text(one))
    return found


def _text(amount: Fraction) -> str:
    return decimal_text(amount, _PLACES, least=2)
