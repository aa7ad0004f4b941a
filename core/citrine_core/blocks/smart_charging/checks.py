"""The rules of K01 and K08 to K10 for single requests, checked before they are sent. Without input or output."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.smart_charging_pb2 import (
    ClearChargingProfileRequest,
    GetChargingProfilesRequest,
    GetCompositeScheduleRequest,
    SetChargingProfileRequest,
)
from citrine.ocpp.v2.types_pb2 import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod
from citrine_core.errors import InvalidArgument

__all__ = [
    "EXTERNAL",
    "STATION_MAX",
    "TX",
    "Abilities",
    "check_clear",
    "check_composite",
    "check_get",
    "check_profile",
    "check_set",
    "check_start_profile",
]

MAX_SCHEDULES = 3
"""Most schedules of a profile, from which a vehicle chooses (K15.FR.07)."""

EXTERNAL = types.CHARGING_PROFILE_PURPOSE_ENUM_CHARGING_STATION_EXTERNAL_CONSTRAINTS
STATION_MAX = types.CHARGING_PROFILE_PURPOSE_ENUM_CHARGING_STATION_MAX_PROFILE
TX = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE

_ABSOLUTE = types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE
_RECURRING = types.CHARGING_PROFILE_KIND_ENUM_RECURRING
_RELATIVE = types.CHARGING_PROFILE_KIND_ENUM_RELATIVE

_RECURRENCE = {
    types.RECURRENCY_KIND_ENUM_DAILY: timedelta(days=1),
    types.RECURRENCY_KIND_ENUM_WEEKLY: timedelta(weeks=1),
}

_UNITS: Mapping[int, str] = {types.CHARGING_RATE_UNIT_ENUM_W: "W", types.CHARGING_RATE_UNIT_ENUM_A: "A"}

_PROFILE = "request.charging_profile"


@dataclass(frozen=True)
class Abilities:
    """The smart charging capabilities in a station's device model; unknown ones are not checked."""

    evse_ids: frozenset[int] = frozenset()
    """EVSEs of the station. Empty: not known."""
    max_stack_level: int | None = None
    rate_units: frozenset[int] = frozenset()
    """citrine.ocpp.v2.ChargingRateUnitEnum. Empty: not known."""
    max_periods: int | None = None
    max_profiles: int | None = None
    phase_switching: Mapping[int, bool] = field(default_factory=dict)
    """Whether an EVSE chooses the phase of a vehicle, by EVSE; 0 is the default of all others."""
    enabled: bool = True

    def switches_phases(self, evse_id: int) -> bool:
        """Return whether an EVSE chooses the phase; for EVSE 0, whether any EVSE does."""
        if evse_id == 0:
            return any(self.phase_switching.values())
        return self.phase_switching.get(evse_id, self.phase_switching.get(0, False))


def check_set(
    request: SetChargingProfileRequest,
    abilities: Abilities,
    *,
    transactions: Mapping[str, int | None],
    negotiated: Mapping[str, int | None],
    now: datetime,
) -> None:
    """Refuse a profile that is invalid in itself or for this station.

    Args:
        request: The request to send.
        abilities: Capabilities of the station.
        transactions: EVSEs of the open transactions; None: not known.
        negotiated: maxScheduleTuples of the transactions whose vehicle reported its needs; None: not reported.
        now: The current time.

    Raises:
        InvalidArgument: With the path of the field.
    """
    profile, evse_id = request.charging_profile, request.evse_id
    if not abilities.enabled:
        raise InvalidArgument("target.station_id", "this station says that its smart charging is not enabled")
    _check_evse("request.evse_id", evse_id, abilities)
    _check_purpose(profile, evse_id)
    check_profile(profile, now=now)
    _check_transaction(profile, evse_id, transactions)
    if len(profile.charging_schedule) > 1 and profile.transaction_id not in negotiated:
        # K01.FR.34
        raise InvalidArgument(
            f"{_PROFILE}.charging_schedule", "must be one, because the vehicle did not report its needs"
        )
    _check_abilities(profile, evse_id, abilities, negotiated.get(profile.transaction_id))


def _check_evse(path: str, evse_id: int, abilities: Abilities) -> None:
    # K01.FR.28
    if evse_id < 0:
        raise InvalidArgument(path, "must not be negative")
    if evse_id > 0 and abilities.evse_ids and evse_id not in abilities.evse_ids:
        known = ", ".join(str(known) for known in sorted(abilities.evse_ids))
        raise InvalidArgument(path, f"this station has no EVSE {evse_id}, only {known}")


def _check_purpose(profile: ChargingProfile, evse_id: int) -> None:
    purpose = profile.charging_profile_purpose
    if not purpose:
        raise InvalidArgument(f"{_PROFILE}.charging_profile_purpose", "must be set")
    if purpose == EXTERNAL:
        # K01.FR.22
        raise InvalidArgument(
            f"{_PROFILE}.charging_profile_purpose", "ChargingStationExternalConstraints is not for a CSMS to set"
        )
    if purpose == STATION_MAX and evse_id != 0:
        # K04.FR.03
        raise InvalidArgument("request.evse_id", "must be 0 for a ChargingStationMaxProfile")
    if purpose == TX and evse_id == 0:
        # K01.FR.16
        raise InvalidArgument("request.evse_id", "must be above 0 for a TxProfile")
    if purpose == STATION_MAX and profile.charging_profile_kind == _RELATIVE:
        # K01.FR.38
        raise InvalidArgument(
            f"{_PROFILE}.charging_profile_kind", "must not be Relative for a ChargingStationMaxProfile"
        )


def _check_transaction(profile: ChargingProfile, evse_id: int, transactions: Mapping[str, int | None]) -> None:
    path, transaction_id = f"{_PROFILE}.transaction_id", profile.transaction_id
    if profile.charging_profile_purpose != TX:
        if transaction_id:
            raise InvalidArgument(path, "is for a TxProfile only")
        return
    if not transaction_id:
        # K01.FR.03
        raise InvalidArgument(path, "must be set for a TxProfile")
    if transaction_id not in transactions:
        # K01.FR.33
        raise InvalidArgument(path, f"no transaction {transaction_id} is under way on this station")
    at = transactions[transaction_id]
    if at is not None and at != evse_id:
        # K01.FR.09
        raise InvalidArgument(path, f"transaction {transaction_id} is under way on EVSE {at}, not on EVSE {evse_id}")


def check_start_profile(profile: ChargingProfile, *, now: datetime, path: str = _PROFILE) -> None:
    """Refuse a profile that is invalid in a RequestStartTransaction (K05.FR.02, F01.FR.09, F01.FR.11).

    Raises:
        InvalidArgument: With the path of the field.
    """
    if profile.charging_profile_purpose != TX:
        raise InvalidArgument(f"{path}.charging_profile_purpose", "must be TxProfile")
    if profile.transaction_id:
        raise InvalidArgument(f"{path}.transaction_id", "must not be set, because the transaction is yet to start")
    check_profile(profile, now=now, path=path)


def check_profile(profile: ChargingProfile, *, now: datetime, path: str = _PROFILE) -> None:
    """Refuse a profile that is invalid in itself, for any station.

    Raises:
        InvalidArgument: With the path of the field.
    """
    if profile.stack_level < 0:
        raise InvalidArgument(f"{path}.stack_level", "must not be negative")
    kind = profile.charging_profile_kind
    if not kind:
        raise InvalidArgument(f"{path}.charging_profile_kind", "must be set")
    if (kind == _RECURRING) != bool(profile.recurrency_kind):
        raise InvalidArgument(f"{path}.recurrency_kind", "must be set for a Recurring profile, and for no other")
    _check_validity(profile, now, path)
    if not 1 <= len(profile.charging_schedule) <= MAX_SCHEDULES:
        raise InvalidArgument(f"{path}.charging_schedule", f"must be 1 to {MAX_SCHEDULES}")
    if len({schedule.id for schedule in profile.charging_schedule}) < len(profile.charging_schedule):
        raise InvalidArgument(f"{path}.charging_schedule", "must have different ids")
    for number, schedule in enumerate(profile.charging_schedule):
        where = f"{path}.charging_schedule[{number}]"
        _check_start(profile, schedule, where)
        _check_schedule(schedule, where)


def _check_validity(profile: ChargingProfile, now: datetime, path: str) -> None:
    if not profile.HasField("valid_to"):
        return
    end = profile.valid_to.ToDatetime(UTC)
    if profile.HasField("valid_from") and end <= profile.valid_from.ToDatetime(UTC):
        raise InvalidArgument(f"{path}.valid_to", "must be after valid_from")
    if end <= now:
        raise InvalidArgument(f"{path}.valid_to", "must be in the future")


def _check_start(profile: ChargingProfile, schedule: ChargingSchedule, path: str) -> None:
    kind, starts = profile.charging_profile_kind, schedule.HasField("start_schedule")
    if kind in (_ABSOLUTE, _RECURRING) and not starts:
        # K01.FR.40
        raise InvalidArgument(f"{path}.start_schedule", "must be set for an Absolute or Recurring profile")
    if kind == _RELATIVE and starts:
        # K01.FR.41
        raise InvalidArgument(f"{path}.start_schedule", "must not be set for a Relative profile")
    recurrence = _RECURRENCE.get(profile.recurrency_kind)
    if recurrence is not None and schedule.duration > recurrence.total_seconds():
        raise InvalidArgument(f"{path}.duration", "must not be longer than the schedule takes to recur")


def _check_schedule(schedule: ChargingSchedule, path: str) -> None:
    if not schedule.charging_rate_unit:
        raise InvalidArgument(f"{path}.charging_rate_unit", "must be set")
    if schedule.HasField("duration") and schedule.duration <= 0:
        raise InvalidArgument(f"{path}.duration", "must be above 0")
    if schedule.HasField("min_charging_rate"):
        _check_rate(f"{path}.min_charging_rate", schedule.min_charging_rate)
    periods = schedule.charging_schedule_period
    if not periods:
        raise InvalidArgument(f"{path}.charging_schedule_period", "must have at least one")
    before = -1
    for number, period in enumerate(periods):
        where = f"{path}.charging_schedule_period[{number}]"
        if number == 0 and period.start_period != 0:
            # K01.FR.31
            raise InvalidArgument(f"{where}.start_period", "must be 0 for the first period")
        if period.start_period <= before:
            # K01.FR.35
            raise InvalidArgument(f"{where}.start_period", "must be after that of the period before")
        if schedule.HasField("duration") and period.start_period >= schedule.duration:
            # K01.FR.11: the period would never apply.
            raise InvalidArgument(f"{where}.start_period", "must be less than the duration of the schedule")
        before = period.start_period
        _check_period(period, where)


def _check_period(period: ChargingSchedulePeriod, path: str) -> None:
    if period.HasField("limit"):
        _check_rate(f"{path}.limit", period.limit)
    if period.HasField("number_phases") and not 1 <= period.number_phases <= 3:
        raise InvalidArgument(f"{path}.number_phases", "must be 1 to 3")
    if period.HasField("phase_to_use"):
        if not 1 <= period.phase_to_use <= 3:
            raise InvalidArgument(f"{path}.phase_to_use", "must be 1 to 3")
        if period.number_phases != 1:
            # K01.FR.19
            raise InvalidArgument(f"{path}.phase_to_use", "must not be set unless number_phases is 1")


def _check_rate(path: str, rate: float) -> None:
    if rate < 0:
        raise InvalidArgument(path, "must not be negative")
    if abs(rate * 10 - round(rate * 10)) > 1e-6 * max(1.0, rate):
        raise InvalidArgument(path, "must have at most one digit after the point")


def _check_abilities(profile: ChargingProfile, evse_id: int, abilities: Abilities, max_tuples: int | None) -> None:
    if abilities.max_stack_level is not None and profile.stack_level > abilities.max_stack_level:
        raise InvalidArgument(
            f"{_PROFILE}.stack_level", f"must be at most {abilities.max_stack_level} for this station"
        )
    most = min((most for most in (abilities.max_periods, max_tuples or None) if most is not None), default=None)
    for number, schedule in enumerate(profile.charging_schedule):
        path = f"{_PROFILE}.charging_schedule[{number}]"
        _check_unit(f"{path}.charging_rate_unit", schedule.charging_rate_unit, abilities.rate_units)
        if most is not None and len(schedule.charging_schedule_period) > most:
            raise InvalidArgument(f"{path}.charging_schedule_period", f"must have at most {most}")
        for place, period in enumerate(schedule.charging_schedule_period):
            if period.HasField("phase_to_use") and not abilities.switches_phases(evse_id):
                # K01.FR.20
                raise InvalidArgument(
                    f"{path}.charging_schedule_period[{place}].phase_to_use",
                    "the station does not report that it can choose the phase (ACPhaseSwitchingSupported)",
                )


def _check_unit(path: str, unit: int, units: Collection[int]) -> None:
    # K01.FR.26, K08.FR.07
    if units and unit not in units:
        accepted = " and ".join(sorted(_UNITS[unit] for unit in units))
        raise InvalidArgument(path, f"this station accepts only {accepted}")


def check_get(request: GetChargingProfilesRequest, abilities: Abilities) -> None:
    """Refuse a request for profiles without criteria, or with redundant ones (K09.FR.03).

    Raises:
        InvalidArgument: With the path of the field.
    """
    criterion = request.charging_profile
    others = bool(
        criterion.HasField("stack_level") or criterion.charging_limit_source or criterion.charging_profile_purpose
    )
    if bool(criterion.charging_profile_id) == others:
        raise InvalidArgument(
            "request.charging_profile",
            "must have either charging_profile_id, or some of stack_level, charging_limit_source and "
            "charging_profile_purpose",
        )
    _check_evse("request.evse_id", request.evse_id, abilities)


def check_clear(request: ClearChargingProfileRequest, abilities: Abilities) -> None:
    """Refuse a request to clear profiles without criteria, or with redundant ones (K10.FR.02, K10.FR.06).

    Raises:
        InvalidArgument: With the path of the field.
    """
    criteria = request.charging_profile_criteria
    others = bool(criteria.HasField("evse_id") or criteria.HasField("stack_level") or criteria.charging_profile_purpose)
    if request.HasField("charging_profile_id") == others:
        raise InvalidArgument(
            "request",
            "must have either charging_profile_id, or charging_profile_criteria with some of evse_id, stack_level "
            "and charging_profile_purpose",
        )
    if criteria.charging_profile_purpose == EXTERNAL:
        raise InvalidArgument(
            "request.charging_profile_criteria.charging_profile_purpose",
            "ChargingStationExternalConstraints is not for a CSMS to clear",
        )
    _check_evse("request.charging_profile_criteria.evse_id", criteria.evse_id, abilities)


def check_composite(request: GetCompositeScheduleRequest, abilities: Abilities) -> None:
    """Refuse a request for a composite schedule that the station can't answer (K08.FR.05, K08.FR.07).

    Raises:
        InvalidArgument: With the path of the field.
    """
    if request.duration <= 0:
        raise InvalidArgument("request.duration", "must be above 0")
    _check_evse("request.evse_id", request.evse_id, abilities)
    if request.HasField("charging_rate_unit"):
        _check_unit("request.charging_rate_unit", request.charging_rate_unit, abilities.rate_units)
