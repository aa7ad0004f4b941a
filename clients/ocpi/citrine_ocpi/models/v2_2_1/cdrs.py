"""Charge detail records of OCPI 2.2.1."""

from typing import Annotated

from annotated_types import MaxLen

from citrine_ocpi.models.types import (
    CiString,
    CiString2,
    CiString3,
    CiString36,
    CiString39,
    CiString48,
    DateTime,
    Many,
    Number,
    OcpiModel,
    OpenEnum,
    Some,
    String,
)
from citrine_ocpi.models.v2_2_1.locations import ConnectorFormat, ConnectorType, GeoLocation, PowerType
from citrine_ocpi.models.v2_2_1.tariffs import Tariff
from citrine_ocpi.models.v2_2_1.tokens import TokenType
from citrine_ocpi.models.v2_2_1.types import Price

__all__ = [
    "CDR",
    "AuthMethod",
    "CdrBase",
    "CdrDimension",
    "CdrDimensionType",
    "CdrLocation",
    "CdrLocationBase",
    "CdrToken",
    "CdrTokenBase",
    "ChargingPeriod",
    "SignedData",
    "SignedValue",
]


class AuthMethod(OpenEnum):
    """How it was decided that a token may charge."""

    AUTH_REQUEST = "AUTH_REQUEST"
    COMMAND = "COMMAND"
    WHITELIST = "WHITELIST"


class CdrDimensionType(OpenEnum):
    """What is measured of a charging period."""

    CURRENT = "CURRENT"
    ENERGY = "ENERGY"
    ENERGY_EXPORT = "ENERGY_EXPORT"
    ENERGY_IMPORT = "ENERGY_IMPORT"
    MAX_CURRENT = "MAX_CURRENT"
    MIN_CURRENT = "MIN_CURRENT"
    MAX_POWER = "MAX_POWER"
    MIN_POWER = "MIN_POWER"
    PARKING_TIME = "PARKING_TIME"
    POWER = "POWER"
    RESERVATION_TIME = "RESERVATION_TIME"
    STATE_OF_CHARGE = "STATE_OF_CHARGE"
    TIME = "TIME"


class CdrDimension(OcpiModel):
    """A measure of a charging period."""

    type: CdrDimensionType
    volume: Number


class ChargingPeriod(OcpiModel):
    """A time in which one tariff applied, until the next one begins."""

    start_date_time: DateTime
    dimensions: Some[CdrDimension]
    tariff_id: CiString36 | None = None


class CdrTokenBase(OcpiModel):
    """What is the same in all versions of a CdrToken."""

    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    contract_id: CiString36


class CdrToken(CdrTokenBase):
    """The token that began a session."""

    type: TokenType


class CdrLocationBase(OcpiModel):
    """What is the same in all versions of a CdrLocation."""

    id: CiString36
    name: Annotated[String, MaxLen(255)] | None = None
    address: Annotated[String, MaxLen(45)]
    city: Annotated[String, MaxLen(45)]
    postal_code: Annotated[String, MaxLen(10)] | None = None
    state: Annotated[String, MaxLen(20)] | None = None
    country: Annotated[String, MaxLen(3)]
    coordinates: GeoLocation
    evse_uid: CiString36
    evse_id: CiString48
    connector_id: CiString36
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class CdrLocation(CdrLocationBase):
    """Where a session was, with the one connector in use."""

    connector_standard: ConnectorType


class SignedValue(OcpiModel):
    """A signed reading of a meter."""

    nature: Annotated[CiString, MaxLen(32)]
    plain_data: Annotated[String, MaxLen(5000)]
    signed_data: Annotated[String, MaxLen(5000)]


class SignedData(OcpiModel):
    """Signed readings of a session, and what proves them."""

    encoding_method: CiString36
    encoding_method_version: int | None = None
    public_key: Annotated[String, MaxLen(512)] | None = None
    signed_values: Some[SignedValue]
    url: Annotated[String, MaxLen(512)] | None = None


class CdrBase(OcpiModel):
    """What is the same in all versions of a CDR."""

    country_code: CiString2
    party_id: CiString3
    id: CiString39
    start_date_time: DateTime
    end_date_time: DateTime
    session_id: CiString36 | None = None
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    meter_id: Annotated[String, MaxLen(255)] | None = None
    currency: Annotated[String, MaxLen(3)]
    charging_periods: Some[ChargingPeriod]
    signed_data: SignedData | None = None
    total_energy: Number
    total_time: Number
    total_parking_time: Number | None = None
    remark: Annotated[String, MaxLen(255)] | None = None
    invoice_reference_id: CiString39 | None = None
    credit: bool | None = None
    credit_reference_id: CiString39 | None = None
    home_charging_compensation: bool | None = None
    last_updated: DateTime


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
