"""Tariffs of OCPI 2.2.1: prices, and when they apply."""

from typing import Annotated

from annotated_types import MaxLen

from citrine_ocpi.models.types import (
    CiString2,
    CiString3,
    CiString36,
    DateTime,
    DisplayText,
    Many,
    Number,
    OcpiModel,
    OpenEnum,
    Some,
    String,
    Url,
)
from citrine_ocpi.models.v2_2_1.locations import EnergyMix
from citrine_ocpi.models.v2_2_1.types import Price

__all__ = [
    "DayOfWeek",
    "PriceComponent",
    "ReservationRestrictionType",
    "Tariff",
    "TariffBase",
    "TariffDimensionType",
    "TariffElement",
    "TariffRestrictions",
    "TariffType",
]


class DayOfWeek(OpenEnum):
    """A day of the week."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class ReservationRestrictionType(OpenEnum):
    """For which reservations an element is."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class TariffDimensionType(OpenEnum):
    """What a price is for."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TariffType(OpenEnum):
    """For whom a tariff is."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


class PriceComponent(OcpiModel):
    """The price of one dimension."""

    type: TariffDimensionType
    price: Number
    vat: Number | None = None
    step_size: int


class TariffRestrictions(OcpiModel):
    """When an element applies: where all that is set holds."""

    start_time: Annotated[String, MaxLen(5)] | None = None
    end_time: Annotated[String, MaxLen(5)] | None = None
    start_date: Annotated[String, MaxLen(10)] | None = None
    end_date: Annotated[String, MaxLen(10)] | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: Many[DayOfWeek] = ()
    reservation: ReservationRestrictionType | None = None


class TariffElement(OcpiModel):
    """Prices that apply under the same restrictions."""

    price_components: Some[PriceComponent]
    restrictions: TariffRestrictions | None = None


class TariffBase(OcpiModel):
    """What is the same in all versions of a Tariff."""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    currency: Annotated[String, MaxLen(3)]
    type: TariffType | None = None
    tariff_alt_text: Many[DisplayText] = ()
    tariff_alt_url: Url | None = None
    elements: Some[TariffElement]
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime


class Tariff(TariffBase):
    """What charging costs."""

    min_price: Price | None = None
    max_price: Price | None = None
