"""Types of OCPI 2.2.1 that no other version has: prices with and without VAT, roles with that of a hub."""

from citrine_ocpi.models.types import Number, OcpiModel, OpenEnum

__all__ = ["Price", "Role"]


class Role(OpenEnum):
    """What a party is."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    SCSP = "SCSP"

    @classmethod
    def longest(cls) -> int:
        """Return 20: it is part of a key."""
        return 20


class Price(OcpiModel):
    """A sum of money, without VAT and with it."""

    excl_vat: Number
    incl_vat: Number | None = None
