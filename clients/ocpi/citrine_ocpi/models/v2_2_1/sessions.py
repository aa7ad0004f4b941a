"""Sessions of OCPI 2.2.1: charging that goes on or went on, and what drivers prefer."""

from typing import Annotated

from annotated_types import MaxLen

from citrine_ocpi.models.types import (
    CiString2,
    CiString3,
    CiString36,
    DateTime,
    Many,
    Number,
    OcpiModel,
    OpenEnum,
    String,
)
from citrine_ocpi.models.v2_2_1.cdrs import AuthMethod, CdrToken, ChargingPeriod
from citrine_ocpi.models.v2_2_1.tokens import ProfileType
from citrine_ocpi.models.v2_2_1.types import Price

__all__ = [
    "ChargingPreferences",
    "ChargingPreferencesResponse",
    "ProfileType",
    "Session",
    "SessionBase",
    "SessionStatus",
]


class ChargingPreferencesResponse(OpenEnum):
    """What becomes of a driver's preferences."""

    ACCEPTED = "ACCEPTED"
    DEPARTURE_REQUIRED = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED = "PROFILE_TYPE_NOT_SUPPORTED"


class SessionStatus(OpenEnum):
    """Where a session is in its life."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    PENDING = "PENDING"
    RESERVATION = "RESERVATION"


class ChargingPreferences(OcpiModel):
    """What a driver prefers for a session."""

    profile_type: ProfileType
    departure_time: DateTime | None = None
    energy_need: Number | None = None
    discharge_allowed: bool | None = None


class SessionBase(OcpiModel):
    """What is the same in all versions of a Session."""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    start_date_time: DateTime
    end_date_time: DateTime | None = None
    kwh: Number
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    location_id: CiString36
    evse_uid: CiString36
    connector_id: CiString36
    meter_id: Annotated[String, MaxLen(255)] | None = None
    currency: Annotated[String, MaxLen(3)]
    charging_periods: Many[ChargingPeriod] = ()
    status: SessionStatus
    last_updated: DateTime


class Session(SessionBase):
    """Charging by one driver at one EVSE."""

    cdr_token: CdrToken
    total_cost: Price | None = None
