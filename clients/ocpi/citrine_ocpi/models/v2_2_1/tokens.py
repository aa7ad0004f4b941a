"""Tokens of OCPI 2.2.1: by what drivers are known, and what their provider says of them."""

from typing import Annotated

from annotated_types import MaxLen

from citrine_ocpi.models.types import (
    CiString2,
    CiString3,
    CiString36,
    DateTime,
    DisplayText,
    Many,
    OcpiModel,
    OpenEnum,
    String,
)

__all__ = [
    "AllowedType",
    "AuthorizationInfo",
    "AuthorizationInfoBase",
    "EnergyContract",
    "LocationReferences",
    "ProfileType",
    "Token",
    "TokenBase",
    "TokenType",
    "WhitelistType",
]


class AllowedType(OpenEnum):
    """Whether a token may charge."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


class ProfileType(OpenEnum):
    """How a driver wants to charge. An enum of the sessions."""

    CHEAP = "CHEAP"
    FAST = "FAST"
    GREEN = "GREEN"
    REGULAR = "REGULAR"


class TokenType(OpenEnum):
    """What a token is."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    OTHER = "OTHER"
    RFID = "RFID"

    @classmethod
    def longest(cls) -> int:
        """Return 20: it is part of a key."""
        return 20


class WhitelistType(OpenEnum):
    """When a token may charge without its provider being asked."""

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


class EnergyContract(OcpiModel):
    """From whom a driver has power at home."""

    supplier_name: Annotated[String, MaxLen(64)]
    contract_id: Annotated[String, MaxLen(64)] | None = None


class LocationReferences(OcpiModel):
    """A location, and EVSEs of it."""

    location_id: CiString36
    evse_uids: Many[CiString36] = ()


class TokenBase(OcpiModel):
    """What is the same in all versions of a Token."""

    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    contract_id: CiString36
    visual_number: Annotated[String, MaxLen(64)] | None = None
    issuer: Annotated[String, MaxLen(64)]
    group_id: CiString36 | None = None
    valid: bool
    whitelist: WhitelistType
    language: Annotated[String, MaxLen(2)] | None = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: DateTime


class Token(TokenBase):
    """What a driver is known by."""

    type: TokenType


class AuthorizationInfoBase(OcpiModel):
    """What is the same in all versions of an AuthorizationInfo."""

    allowed: AllowedType
    location: LocationReferences | None = None
    authorization_reference: CiString36 | None = None
    info: DisplayText | None = None


class AuthorizationInfo(AuthorizationInfoBase):
    """What a provider says of a token when it is asked."""

    token: Token
