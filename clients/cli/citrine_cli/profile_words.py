"""Charging profiles as people write and read them on a command line."""

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2 import types_pb2 as types
from citrine_cli.errors import UsageError
from citrine_words.cells import PrefixId
from citrine_words.clock import Clock, utc_now
from citrine_words.schedules import periods_word
from citrine_words.values import parse_span, parse_time
from citrine_words.words import count, enum_word

__all__ = ["profile_from_flags", "profile_table", "rate_unit"]

_RECURRENCE = {"daily": types.RECURRENCY_KIND_ENUM_DAILY, "weekly": types.RECURRENCY_KIND_ENUM_WEEKLY}


def profile_from_flags(
    *,
    periods: list[str],
    limit: float | None,
    unit: str,
    purpose: str,
    transaction_id: str,
    level: int,
    start: str | None,
    relative: bool,
    recurs: str,
    duration: int | None,
    valid_from: str | None,
    valid_to: str | None,
    profile_id: int,
    clock: Clock = utc_now,
) -> types.ChargingProfile:
    """Return the charging profile of the flags.

    Raises:
        UsageError: When flags are contradictory or malformed.
    """
    if (limit is None) == (not periods):
        raise UsageError("give either --limit, or --period for each change")
    if relative and (recurs or start):
        raise UsageError("--relative: it has no --start and does not recur")
    if recurs and recurs.lower() not in _RECURRENCE:
        raise UsageError(f"--recurs: {recurs!r} is neither daily nor weekly")
    number = number_of(types.ChargingProfilePurposeEnum, purpose)
    if number is None:
        raise UsageError(f"--purpose: {purpose!r} is no purpose of a charging profile")
    kind = types.CHARGING_PROFILE_KIND_ENUM_RECURRING if recurs else types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE
    schedule = types.ChargingSchedule(
        id=1,
        charging_rate_unit=rate_unit(unit),
        duration=duration,
        charging_schedule_period=[_period(text) for text in periods]
        or [types.ChargingSchedulePeriod(start_period=0, limit=limit)],
    )
    if not relative:
        schedule.start_schedule.CopyFrom(parse_time("--start", start, clock) if start else _now(clock))
    first, last = parse_span("--from", valid_from, "--to", valid_to, clock)
    return types.ChargingProfile(
        id=profile_id,
        stack_level=level,
        charging_profile_purpose=types.ChargingProfilePurposeEnum.ValueType(number),
        charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_RELATIVE if relative else kind,
        recurrency_kind=_RECURRENCE[recurs.lower()] if recurs else None,
        transaction_id=transaction_id or None,
        valid_from=first,
        valid_to=last,
        charging_schedule=[schedule],
    )


def _now(clock: Clock) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(clock().replace(microsecond=0))
    return stamp


def _period(text: str) -> types.ChargingSchedulePeriod:
    start, _, rest = text.partition(":")
    limit, _, phases = rest.partition(":")
    try:
        return types.ChargingSchedulePeriod(
            start_period=int(start), limit=float(limit), number_phases=int(phases) if phases else None
        )
    except ValueError as error:
        raise UsageError(f'--period: {text!r} is not SECOND:LIMIT[:PHASES], e.g. "3600:16"') from error


def rate_unit(text: str) -> types.ChargingRateUnitEnum.ValueType:
    """Return the unit of limits.

    Raises:
        UsageError: When it is neither A nor W.
    """
    number = number_of(types.ChargingRateUnitEnum, text)
    if number is None:
        raise UsageError(f"--unit: {text!r} is neither A nor W")
    return types.ChargingRateUnitEnum.ValueType(number)


def profile_table(evse_id: int, profile: types.ChargingProfile) -> list[str]:
    """Return EVSE, id, purpose, level, kind, limits and transaction of a profile."""
    return [
        count(evse_id),
        str(profile.id),
        enum_word(profile, "charging_profile_purpose"),
        count(profile.stack_level),
        enum_word(profile, "recurrency_kind") or enum_word(profile, "charging_profile_kind"),
        "; ".join(periods_word(schedule) for schedule in profile.charging_schedule),
        PrefixId(profile.transaction_id),
    ]
