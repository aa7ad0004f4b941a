"""Charge detail records of OCPI 2.3.0: as in 2.2.1, with the prices, tokens and connectors of 2.3.0."""

from citrine_ocpi.models.types import Many
from citrine_ocpi.models.v2_2_1.cdrs import (
    AuthMethod,
    CdrBase,
    CdrDimension,
    CdrDimensionType,
    CdrLocationBase,
    CdrTokenBase,
    ChargingPeriod,
    SignedData,
    SignedValue,
)
from citrine_ocpi.models.v2_3_0.locations import ConnectorType
from citrine_ocpi.models.v2_3_0.tariffs import Tariff
from citrine_ocpi.models.v2_3_0.tokens import TokenType
from citrine_ocpi.models.v2_3_0.types import Price

__all__ = [
    "CDR",
    "AuthMethod",
    "CdrDimension",
    "CdrDimensionType",
    "CdrLocation",
    "CdrToken",
    "ChargingPeriod",
    "SignedData",
    "SignedValue",
]


class CdrToken(CdrTokenBase):
    """The token that began a session."""

    type: TokenType


class CdrLocation(CdrLocationBase):
    """Where a session was, with the one connector in use."""

    connector_standard: ConnectorType


class CDR(CdrBase):
    """What a session was, and what it costs."""

    cdr_token: CdrToken
    cdr_location: CdrLocation
    tariffs: Many[Tariff] = ()
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy_cost: Price | None = None
    total_time_cost: Price | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
