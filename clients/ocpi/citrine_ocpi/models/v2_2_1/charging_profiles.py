"""Charging profiles of OCPI, the same in 2.2.1 and 2.3.0."""

from citrine_ocpi.models.types import DateTime, Many, OcpiModel, OpenEnum, Rate, Url

__all__ = [
    "ActiveChargingProfile",
    "ActiveChargingProfileResult",
    "ChargingProfile",
    "ChargingProfilePeriod",
    "ChargingProfileResponse",
    "ChargingProfileResponseType",
    "ChargingProfileResult",
    "ChargingProfileResultType",
    "ChargingRateUnit",
    "ClearProfileResult",
    "SetChargingProfile",
]


class ChargingRateUnit(OpenEnum):
    """What limits are in: watts or amperes."""

    W = "W"
    A = "A"


class ChargingProfileResponseType(OpenEnum):
    """What is answered at once."""

    ACCEPTED = "ACCEPTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TOO_OFTEN = "TOO_OFTEN"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class ChargingProfileResultType(OpenEnum):
    """What the station said."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


class ChargingProfilePeriod(OcpiModel):
    """A limit from a second of the profile on."""

    start_period: int
    limit: Rate


class ChargingProfile(OcpiModel):
    """Limits over time."""

    start_date_time: DateTime | None = None
    duration: int | None = None
    charging_rate_unit: ChargingRateUnit
    min_charging_rate: Rate | None = None
    charging_profile_period: Many[ChargingProfilePeriod] = ()


class ActiveChargingProfile(OcpiModel):
    """The limits that an EVSE follows, as it said at a time."""

    start_date_time: DateTime
    charging_profile: ChargingProfile


class SetChargingProfile(OcpiModel):
    """Has an EVSE follow a profile in a session."""

    charging_profile: ChargingProfile
    response_url: Url


class ChargingProfileResponse(OcpiModel):
    """Whether a request goes to the station, and for how long to wait for what it says."""

    result: ChargingProfileResponseType
    timeout: int


class ActiveChargingProfileResult(OcpiModel):
    """What the station said to who asked for the limits that it follows."""

    result: ChargingProfileResultType
    profile: ActiveChargingProfile | None = None


class ChargingProfileResult(OcpiModel):
    """What the station said to a profile."""

    result: ChargingProfileResultType


class ClearProfileResult(OcpiModel):
    """What the station said to the end of a profile."""

    result: ChargingProfileResultType
