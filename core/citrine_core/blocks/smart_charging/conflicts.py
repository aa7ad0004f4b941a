"""The rules of K01 on profiles that a station has at the same time. Without input or output."""

from collections.abc import Sequence
from dataclasses import dataclass

from citrine.ocpp.v2.smart_charging_pb2 import SetChargingProfileRequest
from citrine.ocpp.v2.types_pb2 import CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE as TX_DEFAULT
from citrine.ocpp.v2.types_pb2 import ChargingProfile
from citrine_core.blocks.smart_charging.checks import EXTERNAL, STATION_MAX, TX
from citrine_core.errors import InvalidArgument

__all__ = ["Installed", "check_installed"]

_PROFILE = "request.charging_profile"


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile that is installed on a station or being sent."""

    profile_id: int
    evse_id: int
    purpose: int
    stack_level: int
    transaction_id: str
    profile: ChargingProfile


def check_installed(
    request: SetChargingProfileRequest, installed: Sequence[Installed], max_profiles: int | None
) -> None:
    """Refuse a profile that conflicts with others that are installed on the station or being sent.

    Raises:
        InvalidArgument: With the path of the field.
    """
    profile = request.charging_profile
    for other in installed:
        if other.profile_id == profile.id:
            if other.purpose == EXTERNAL:
                # K01.FR.05
                raise InvalidArgument(
                    f"{_PROFILE}.id", f"{profile.id} is the profile of an external limit, which can't be replaced"
                )
        else:
            _check_conflict(request, other)
    others = {other.profile_id for other in installed if other.purpose != EXTERNAL} - {profile.id}
    if max_profiles is not None and len(others) >= max_profiles:
        raise InvalidArgument(f"{_PROFILE}.id", f"this station stores at most {max_profiles} profiles, and has them")


def _check_conflict(request: SetChargingProfileRequest, other: Installed) -> None:
    profile = request.charging_profile
    same_level = (other.purpose, other.stack_level) == (profile.charging_profile_purpose, profile.stack_level)
    if same_level and _same_place(request, other) and _overlap(profile, other.profile):
        # K01.FR.06, K01.FR.39, K01.FR.52, K01.FR.53
        raise InvalidArgument(
            f"{_PROFILE}.stack_level",
            f"profile {other.profile_id} of EVSE {other.evse_id} has the same purpose and level and is valid at the "
            "same time; give its id to replace it",
        )
    theirs = _phases(other.profile)
    ours = _phases(profile)
    both = {EXTERNAL, STATION_MAX} & {other.purpose, profile.charging_profile_purpose}
    if both and theirs and ours and theirs != ours and _overlap(profile, other.profile):
        raise InvalidArgument(
            f"{_PROFILE}.charging_schedule", f"phase_to_use is in conflict with that of profile {other.profile_id}"
        )


def _same_place(request: SetChargingProfileRequest, other: Installed) -> bool:
    profile = request.charging_profile
    if profile.charging_profile_purpose == TX:
        return other.transaction_id == profile.transaction_id
    if profile.charging_profile_purpose == TX_DEFAULT and 0 in (other.evse_id, request.evse_id):
        # A profile of EVSE 0 applies to each EVSE.
        return True
    return other.evse_id == request.evse_id


def _overlap(one: ChargingProfile, other: ChargingProfile) -> bool:
    return _begins_before_end(one, other) and _begins_before_end(other, one)


def _begins_before_end(one: ChargingProfile, other: ChargingProfile) -> bool:
    if not one.HasField("valid_from") or not other.HasField("valid_to"):
        return True
    return one.valid_from.ToNanoseconds() < other.valid_to.ToNanoseconds()


def _phases(profile: ChargingProfile) -> set[int]:
    return {
        period.phase_to_use
        for schedule in profile.charging_schedule
        for period in schedule.charging_schedule_period
        if period.HasField("phase_to_use")
    }
