"""What a cost is once a part of it is credited, and which credits a new price keeps."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRow
from citrine_core.blocks.tariff_and_cost.money import decimal_text, minor_digits, rounded
from citrine_core.errors import FailedPrecondition, InvalidArgument

__all__ = ["Credits", "credited", "less_credits", "standing_credits"]

_PLACES = 6
"""Decimal places of the amounts of lines."""

_CREDITS = frozenset({int(cost_pb.CostCorrection.REASON_CREDITED), int(cost_pb.CostCorrection.REASON_REFUNDED)})


class Credits(NamedTuple):
    """What operators credited and refunded of a transaction, with tax."""

    currency: str
    """ISO 4217. Empty: there is none."""
    amounts: tuple[Fraction, ...]
    """In the order in which they were given."""


def standing_credits(corrections: Sequence[CorrectionRow]) -> Credits:
    """Return the credits that a new price of a transaction keeps; a waiver takes the place of those before it.

    Args:
        corrections: Of the transaction, all of them, in their order.
    """
    currency, amounts = "", list[Fraction]()
    for row in corrections:
        if row.reason in _CREDITS and row.replaced_after_tax is not None:
            currency = pb.Cost.FromString(row.breakdown).currency
            amounts.append(Fraction(row.replaced_after_tax) - Fraction(row.after_tax))
        elif row.reason == cost_pb.CostCorrection.REASON_WAIVED:
            amounts.clear()
        elif amounts and Fraction(row.after_tax) and not _has_credit(row):
            # Corrections of earlier releases dropped the credits.
            amounts.clear()
    return Credits(currency, tuple(amounts))


def less_credits(cost: pb.Cost, credits: Sequence[Fraction]) -> pb.Cost:
    """Return a cost less credits, each of them a line; what exceeds the cost is left out."""
    for amount in credits:
        part = min(amount, Fraction(cost.total.after_tax))
        if part > 0:
            cost = credited(cost, part)
    return cost


def _has_credit(row: CorrectionRow) -> bool:
    return any(line.kind == pb.CostLine.KIND_CREDIT for line in pb.Cost.FromString(row.breakdown).lines)


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
