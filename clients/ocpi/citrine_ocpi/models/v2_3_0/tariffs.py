"""Tariffs of OCPI 2.3.0: as in 2.2.1, with or without taxes."""

from citrine_ocpi.models.types import Number, OcpiModel, OpenEnum
from citrine_ocpi.models.v2_2_1.tariffs import (
    DayOfWeek,
    PriceComponent,
    ReservationRestrictionType,
    TariffBase,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
    TariffType,
)

__all__ = [
    "DayOfWeek",
    "PriceComponent",
    "PriceLimit",
    "ReservationRestrictionType",
    "Tariff",
    "TariffDimensionType",
    "TariffElement",
    "TariffRestrictions",
    "TariffType",
    "TaxIncluded",
]


class TaxIncluded(OpenEnum):
    """Whether the prices of a tariff have taxes in them."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


class PriceLimit(OcpiModel):
    """What a session costs at least or at most."""

    before_taxes: Number
    after_taxes: Number | None = None


class Tariff(TariffBase):
    """What charging costs."""

    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    preauthorize_amount: Number | None = None
    tax_included: TaxIncluded
