"""What becomes of a driver's charging preferences: whether the EVSE can bring the energy by the departure."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from citrine_ocpi.models import v2_2_1

__all__ = ["answer_to", "most_power"]

Response = v2_2_1.ChargingPreferencesResponse

_PHASES: Mapping[str, int] = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}

W_OF_KW, SECONDS_OF_HOUR = 1000, 3600


def answer_to(
    preferences: v2_2_1.ChargingPreferences, session: Mapping[str, Any], evse: Mapping[str, Any], now: datetime
) -> v2_2_1.ChargingPreferencesResponse:
    """Return the answer to the preferences of the driver of a session.

    An EVSE charges as fast as vehicle, profiles and the share of its station allow, whatever a driver prefers. What can
    be brought so is accepted; whether it can is known by energy and departure alone. No tariff is of another profile
    type than REGULAR.

    Args:
        preferences: What the driver prefers.
        session: As the partner reads it.
        evse: Where it is, as the partner reads it.
        now: The time now.
    """
    if "end_date_time" in session:
        return Response.NOT_POSSIBLE
    if preferences.profile_type is not v2_2_1.ProfileType.REGULAR:
        return Response.PROFILE_TYPE_NOT_SUPPORTED
    departure, need = preferences.departure_time, preferences.energy_need
    if departure is None and need is None:
        return Response.ACCEPTED
    if departure is None:
        return Response.DEPARTURE_REQUIRED
    if need is None:
        return Response.ENERGY_NEED_REQUIRED
    hours = Decimal((departure - now).total_seconds()) / SECONDS_OF_HOUR
    left = need - Decimal(str(session["kwh"]))
    is_possible = hours > 0 and left <= most_power(evse) / W_OF_KW * hours
    return Response.ACCEPTED if is_possible else Response.NOT_POSSIBLE


def most_power(evse: Mapping[str, Any]) -> Decimal:
    """Return the power of the strongest connector of an EVSE, in W."""
    powers = []
    for one in evse["connectors"]:
        reckoned = Decimal(str(one["max_voltage"])) * Decimal(str(one["max_amperage"])) * _PHASES[one["power_type"]]
        powers.append(Decimal(str(one.get("max_electric_power") or reckoned)))
    return max(powers)
