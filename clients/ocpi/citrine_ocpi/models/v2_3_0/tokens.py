"""Tokens of OCPI 2.3.0: as in 2.2.1, and those of contract certificates."""

from citrine_ocpi.models.types import OpenEnum
from citrine_ocpi.models.v2_2_1.tokens import (
    AllowedType,
    AuthorizationInfoBase,
    EnergyContract,
    LocationReferences,
    ProfileType,
    TokenBase,
    WhitelistType,
)

__all__ = [
    "AllowedType",
    "AuthorizationInfo",
    "EnergyContract",
    "LocationReferences",
    "ProfileType",
    "Token",
    "TokenType",
    "WhitelistType",
]


class TokenType(OpenEnum):
    """What a token is."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    EMAID = "EMAID"
    OTHER = "OTHER"
    RFID = "RFID"

    @classmethod
    def longest(cls) -> int:
        """Return 20: it is part of a key."""
        return 20


class Token(TokenBase):
    """What a driver is known by."""

    type: TokenType


class AuthorizationInfo(AuthorizationInfoBase):
    """What a provider says of a token when it is asked."""

    token: Token
