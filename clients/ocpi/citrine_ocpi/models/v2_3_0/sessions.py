"""Sessions of OCPI 2.3.0: as in 2.2.1, with the prices and tokens of 2.3.0."""

from citrine_ocpi.models.v2_2_1.sessions import (
    ChargingPreferences,
    ChargingPreferencesResponse,
    ProfileType,
    SessionBase,
    SessionStatus,
)
from citrine_ocpi.models.v2_3_0.cdrs import CdrToken
from citrine_ocpi.models.v2_3_0.types import Price

__all__ = ["ChargingPreferences", "ChargingPreferencesResponse", "ProfileType", "Session", "SessionStatus"]


class Session(SessionBase):
    """Charging by one driver at one EVSE."""

    cdr_token: CdrToken
    total_cost: Price | None = None
