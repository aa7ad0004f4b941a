"""Usage limits of one transaction: the same for tokens, for requests to start, and for transactions."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Double, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine.api.v1.transaction_limits_pb2 import UsageLimit
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import to_duration

__all__ = ["NO_LIMIT", "Limit", "UsageLimitColumns", "parse_amount"]

PLACES = 4
"""Decimal places of an amount of money; no currency has more."""

LONGEST = timedelta(days=366)

MOST_WH = 1e9


class UsageLimitColumns:
    """Columns of a table whose rows may have a usage limit."""

    max_cost: Mapped[str | None] = mapped_column(String(30))
    """Most cost, with tax, a decimal. None: no limit."""
    max_energy_wh: Mapped[float | None] = mapped_column(Double)
    max_seconds: Mapped[int | None] = mapped_column(BigInteger)
    """Most seconds since the transaction began. None: no limit."""


class Limit(NamedTuple):
    """The usage limit of one transaction; None in a field is no limit."""

    cost: Decimal | None = None
    energy_wh: float | None = None
    time: timedelta | None = None

    @classmethod
    def of(cls, row: Any) -> "Limit":
        """Return the limit of a row that has the columns."""
        return cls(
            None if row.max_cost is None else Decimal(row.max_cost),
            row.max_energy_wh,
            None if row.max_seconds is None else timedelta(seconds=row.max_seconds),
        )

    @classmethod
    def read(cls, field: str, given: UsageLimit) -> "Limit":
        """Return the limit of a request.

        Raises:
            InvalidArgument: When a value is invalid.
        """
        cost = parse_amount(f"{field}.max_cost", given.max_cost) if given.max_cost else None
        if cost is not None and cost <= 0:
            raise InvalidArgument(f"{field}.max_cost", "must be more than 0")
        energy = given.max_energy_wh if given.HasField("max_energy_wh") else None
        if energy is not None and not 0 < energy <= MOST_WH:
            raise InvalidArgument(f"{field}.max_energy_wh", f"must be more than 0 and at most {MOST_WH:.0f}")
        time = timedelta(seconds=given.max_time.seconds) if given.HasField("max_time") else None
        if time is not None and not timedelta(seconds=1) <= time <= LONGEST:
            raise InvalidArgument(f"{field}.max_time", f"must be 1 second to {LONGEST.days} days")
        return cls(cost, energy, time)

    @property
    def columns(self) -> dict[str, Any]:
        """The values of the columns."""
        return {
            "max_cost": None if self.cost is None else f"{self.cost:f}",
            "max_energy_wh": self.energy_wh,
            "max_seconds": None if self.time is None else self.time // timedelta(seconds=1),
        }

    def lower(self, other: "Limit") -> "Limit":
        """Return the limit that satisfies both: the lower one in each field."""
        return Limit(
            min((one for one in (self.cost, other.cost) if one is not None), default=None),
            min((one for one in (self.energy_wh, other.energy_wh) if one is not None), default=None),
            min((one for one in (self.time, other.time) if one is not None), default=None),
        )

    def to_proto(self) -> UsageLimit | None:
        """Return the limit as the API shows it; None if nothing is limited."""
        if self == NO_LIMIT:
            return None
        return UsageLimit(
            max_cost="" if self.cost is None else f"{self.cost:f}",
            max_energy_wh=self.energy_wh,
            max_time=to_duration(self.time),
        )


NO_LIMIT = Limit()


def parse_amount(field: str, text: str) -> Decimal:
    """Return an amount of money.

    Raises:
        InvalidArgument: When it is no decimal of at most twelve digits and four places.
    """
    whole, _, places = text.removeprefix("-").partition(".")
    is_number = whole.isascii() and whole.isdigit() and (not places or (places.isascii() and places.isdigit()))
    if not is_number or len(whole) > 12 or len(places) > PLACES or text.endswith("."):
        raise InvalidArgument(field, "must be a decimal such as 12.50, of at most 4 places")
    return Decimal(text)
