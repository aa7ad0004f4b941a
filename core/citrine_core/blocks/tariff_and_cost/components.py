"""A price in the form that the engine computes with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.taxes import Tax, factor_of

__all__ = ["PRICE_SCALE", "TAX_SCALE", "Component"]

PRICE_SCALE, TAX_SCALE = 1_000_000, 100_000
"""Prices have six places, and percentages of tax three."""


@dataclass(frozen=True, slots=True)
class Component:
    """A price."""

    price: Fraction
    """Price per kWh, per hour, or once."""
    taxes: Sequence[Tax]
    """The taxes, the lowest stacks first."""
    step: int
    """Step in mWh or microseconds. 0: quantities are billed as measured."""
    text: pb.PriceComponent
    millionths: int = field(init=False)
    """The price in millionths, a whole number."""
    tax: int = field(init=False)
    """A hundred thousand plus its tax. 0: that is no whole number."""
    tax_factor: Fraction = field(init=False)
    """Factor from a price without tax to the price with tax."""

    def __post_init__(self) -> None:
        """Compute the whole numbers, which add faster than fractions."""
        object.__setattr__(self, "millionths", int(self.price * PRICE_SCALE))
        factor = factor_of(self.taxes)
        scaled = factor * TAX_SCALE
        object.__setattr__(self, "tax", int(scaled) if scaled.denominator == 1 else 0)
        object.__setattr__(self, "tax_factor", factor)
