"""Types of OCPI 2.3.0 that no other version has: prices with any taxes, roles without that of a hub."""

from citrine_ocpi.models.types import Many, Number, OcpiModel, OpenEnum, String

__all__ = ["Price", "Role", "TaxAmount"]


class Role(OpenEnum):
    """What a party is. A hub is no role: credentials name its party apart."""

    CPO = "CPO"
    EMSP = "EMSP"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    SCSP = "SCSP"

    @classmethod
    def longest(cls) -> int:
        """Return 20: it is part of a key."""
        return 20


class TaxAmount(OcpiModel):
    """What one tax comes to."""

    name: String
    account_number: String | None = None
    percentage: Number | None = None
    amount: Number


class Price(OcpiModel):
    """A sum of money without taxes, and the taxes on it."""

    before_taxes: Number
    taxes: Many[TaxAmount] = ()
