"""The rules of K01 and K08 to K10: what is refused before it is sent, and by which field."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_core.blocks.smart_charging.checks import (
    Abilities,
    check_clear,
    check_composite,
    check_get,
    check_set,
    check_start_profile,
)
from citrine_core.errors import InvalidArgument
from tests.support.blocks import NOW, stamp

A, W = types.CHARGING_RATE_UNIT_ENUM_A, types.CHARGING_RATE_UNIT_ENUM_W
TX = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE
TX_DEFAULT = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE
STATION_MAX = types.CHARGING_PROFILE_PURPOSE_ENUM_CHARGING_STATION_MAX_PROFILE
EXTERNAL = types.CHARGING_PROFILE_PURPOSE_ENUM_CHARGING_STATION_EXTERNAL_CONSTRAINTS
RELATIVE = types.CHARGING_PROFILE_KIND_ENUM_RELATIVE
RECURRING = types.CHARGING_PROFILE_KIND_ENUM_RECURRING
DAILY = types.RECURRENCY_KIND_ENUM_DAILY

Change = Callable[[ocpp.SetChargingProfileRequest], object]


def request() -> ocpp.SetChargingProfileRequest:
    """Return a request in which nothing is wrong."""
    period = types.ChargingSchedulePeriod(start_period=0, limit=16)
    schedule = types.ChargingSchedule(
        id=1, charging_rate_unit=A, start_schedule=stamp(), duration=3600, charging_schedule_period=[period]
    )
    profile = types.ChargingProfile(
        id=1,
        stack_level=0,
        charging_profile_purpose=TX_DEFAULT,
        charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE,
        charging_schedule=[schedule],
    )
    return ocpp.SetChargingProfileRequest(evse_id=1, charging_profile=profile)


def profile(**fields: Any) -> Change:
    """Return a change of fields of the profile."""

    def change(request: ocpp.SetChargingProfileRequest) -> None:
        request.charging_profile.MergeFrom(types.ChargingProfile(**fields))

    return change


def schedule(**fields: Any) -> Change:
    """Return a change of fields of the schedule; periods are added."""

    def change(request: ocpp.SetChargingProfileRequest) -> None:
        request.charging_profile.charging_schedule[0].MergeFrom(types.ChargingSchedule(**fields))

    return change


def period(**fields: Any) -> Change:
    """Return a change of fields of the first period."""

    def change(request: ocpp.SetChargingProfileRequest) -> None:
        first = request.charging_profile.charging_schedule[0].charging_schedule_period[0]
        first.MergeFrom(types.ChargingSchedulePeriod(**fields))

    return change


def later(*starts: int) -> Change:
    return schedule(charging_schedule_period=[types.ChargingSchedulePeriod(start_period=s, limit=1) for s in starts])


def cleared(name: str) -> Change:
    return lambda request: request.charging_profile.charging_schedule[0].ClearField(name)  # type: ignore[arg-type]


def on(evse_id: int) -> Change:
    return lambda request: setattr(request, "evse_id", evse_id)


def second_schedule(request: ocpp.SetChargingProfileRequest) -> None:
    request.charging_profile.charging_schedule.add().CopyFrom(request.charging_profile.charging_schedule[0])


def other_id(request: ocpp.SetChargingProfileRequest) -> None:
    request.charging_profile.charging_schedule[-1].id = 2


ABLE = Abilities(
    evse_ids=frozenset({1, 2}),
    max_stack_level=3,
    rate_units=frozenset({A}),
    max_periods=2,
    phase_switching={2: True},
)
ONE_PHASE = period(number_phases=1, phase_to_use=2)


def check(*changes: Change, abilities: Abilities = ABLE) -> None:
    changed = request()
    for change in changes:
        change(changed)
    # T-1 charges on EVSE 1, T-2 on an EVSE that is not known; the vehicle of T-3 said what it needs.
    check_set(changed, abilities, transactions={"T-1": 1, "T-2": None, "T-3": 1}, negotiated={"T-3": 1}, now=NOW)


TX_1 = profile(charging_profile_purpose=TX, transaction_id="T-1")
TX_3 = profile(charging_profile_purpose=TX, transaction_id="T-3")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([], id="default-of-an-evse"),
        pytest.param([on(0)], id="default-of-all"),
        pytest.param([on(0), profile(charging_profile_purpose=STATION_MAX)], id="station-max"),
        pytest.param([TX_1], id="transaction"),
        pytest.param([TX_1, profile(transaction_id="T-2")], id="transaction-on-an-unknown-evse"),
        pytest.param([TX_1, profile(charging_profile_kind=RELATIVE), cleared("start_schedule")], id="relative"),
        pytest.param([profile(charging_profile_kind=RECURRING, recurrency_kind=DAILY)], id="recurring"),
        pytest.param([on(2), ONE_PHASE], id="phase-of-an-evse-that-switches"),
        pytest.param([later(600)], id="two-periods"),
        pytest.param([profile(stack_level=3)], id="highest-level"),
        pytest.param([period(limit=0.1)], id="one-digit"),
        pytest.param([TX_3, second_schedule, other_id], id="schedules-to-choose-from"),
        pytest.param([profile(valid_from=stamp(), valid_to=stamp(NOW + timedelta(hours=1)))], id="valid-for-an-hour"),
    ],
)
def test_what_is_right_is_let_through(changes: list[Change]) -> None:
    check(*changes)


WRONG: list[Any] = [
    ("K01_FR_28", "request.evse_id", [on(3)]),
    ("K01_FR_22", "request.charging_profile.charging_profile_purpose", [profile(charging_profile_purpose=EXTERNAL)]),
    ("K04_FR_03", "request.evse_id", [profile(charging_profile_purpose=STATION_MAX)]),
    ("K01_FR_16", "request.evse_id", [TX_1, on(0)]),
    (
        "K01_FR_38",
        "request.charging_profile.charging_profile_kind",
        [on(0), profile(charging_profile_purpose=STATION_MAX, charging_profile_kind=RELATIVE)],
    ),
    ("K01_FR_03", "request.charging_profile.transaction_id", [profile(charging_profile_purpose=TX)]),
    ("K01_FR_33", "request.charging_profile.transaction_id", [TX_1, profile(transaction_id="T-9")]),
    ("K01_FR_09", "request.charging_profile.transaction_id", [TX_1, on(2)]),
    ("for-tx-only", "request.charging_profile.transaction_id", [profile(transaction_id="T-1")]),
    ("K01_FR_34", "request.charging_profile.charging_schedule", [TX_1, second_schedule, other_id]),
    ("same-schedule-ids", "request.charging_profile.charging_schedule", [TX_3, second_schedule]),
    ("level", "request.charging_profile.stack_level", [profile(stack_level=4)]),
    ("negative-level", "request.charging_profile.stack_level", [profile(stack_level=-1)]),
    ("validity", "request.charging_profile.valid_to", [profile(valid_from=stamp(), valid_to=stamp())]),
    ("over", "request.charging_profile.valid_to", [profile(valid_to=stamp())]),
    ("no-recurrency", "request.charging_profile.recurrency_kind", [profile(charging_profile_kind=RECURRING)]),
    ("recurrency", "request.charging_profile.recurrency_kind", [profile(recurrency_kind=DAILY)]),
    ("K01_FR_26", "charging_schedule[0].charging_rate_unit", [schedule(charging_rate_unit=W)]),
    ("K01_FR_40", "charging_schedule[0].start_schedule", [cleared("start_schedule")]),
    ("K01_FR_41", "charging_schedule[0].start_schedule", [TX_1, profile(charging_profile_kind=RELATIVE)]),
    ("no-duration", "charging_schedule[0].duration", [schedule(duration=-1)]),
    (
        "too-long-to-recur",
        "charging_schedule[0].duration",
        [profile(charging_profile_kind=RECURRING, recurrency_kind=DAILY), schedule(duration=86401)],
    ),
    ("K01_FR_31", "charging_schedule_period[0].start_period", [period(start_period=1)]),
    ("K01_FR_35", "charging_schedule_period[1].start_period", [later(0)]),
    ("K01_FR_11", "charging_schedule_period[1].start_period", [later(3600)]),
    ("periods-per-schedule", "charging_schedule[0].charging_schedule_period", [later(10, 20)]),
    ("K15_FR_07", "charging_schedule[0].charging_schedule_period", [TX_3, later(10)]),
    ("no-periods", "charging_schedule[0].charging_schedule_period", [cleared("charging_schedule_period")]),
    ("negative-limit", "charging_schedule_period[0].limit", [period(limit=-1)]),
    ("two-digits", "charging_schedule_period[0].limit", [period(limit=6.25)]),
    ("min-rate", "charging_schedule[0].min_charging_rate", [schedule(min_charging_rate=-1)]),
    ("phases", "charging_schedule_period[0].number_phases", [period(number_phases=4)]),
    ("phase", "charging_schedule_period[0].phase_to_use", [period(number_phases=1, phase_to_use=4)]),
    ("K01_FR_19", "charging_schedule_period[0].phase_to_use", [on(2), period(phase_to_use=1)]),
    ("K01_FR_20", "charging_schedule_period[0].phase_to_use", [ONE_PHASE]),
]


@pytest.mark.parametrize(("field", "changes"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_refused_by_its_field(field: str, changes: list[Change]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check(*changes)

    assert refused.value.field.endswith(field)


def test_what_a_station_does_not_say_is_not_checked() -> None:
    check(on(9), profile(stack_level=99), schedule(charging_rate_unit=W), later(1, 2, 3), abilities=Abilities())


def test_smart_charging_that_is_off_takes_no_profile() -> None:
    with pytest.raises(InvalidArgument, match="not enabled"):
        check(abilities=Abilities(enabled=False))


def test_F01_FR_09_the_profile_of_a_remote_start_is_for_the_transaction_to_come() -> None:
    good = request().charging_profile
    good.charging_profile_purpose = TX
    check_start_profile(good, now=NOW)

    good.transaction_id = "T-1"
    for wrong, field in ((good, "transaction_id"), (request().charging_profile, "charging_profile_purpose")):
        with pytest.raises(InvalidArgument) as refused:
            check_start_profile(wrong, now=NOW)
        assert refused.value.field == f"request.charging_profile.{field}"


@pytest.mark.parametrize(
    ("criterion", "is_right"),
    [
        pytest.param({"charging_profile_id": [1]}, True, id="ids"),
        pytest.param({"stack_level": 0}, True, id="level-0"),
        pytest.param({"charging_limit_source": ["EMS"], "charging_profile_purpose": EXTERNAL}, True, id="source"),
        pytest.param({}, False, id="nothing"),
        pytest.param({"charging_profile_id": [1], "stack_level": 0}, False, id="both"),
    ],
)
def test_K09_FR_03_a_request_for_profiles_says_which(criterion: dict[str, Any], is_right: bool) -> None:
    wanted = ocpp.GetChargingProfilesRequest(charging_profile=ocpp.ChargingProfileCriterion(**criterion))
    if is_right:
        check_get(wanted, ABLE)
    else:
        with pytest.raises(InvalidArgument):
            check_get(wanted, ABLE)


@pytest.mark.parametrize(
    ("fields", "is_right"),
    [
        pytest.param({"charging_profile_id": 0}, True, id="id"),
        pytest.param({"criteria": {"evse_id": 0}}, True, id="station"),
        pytest.param({"criteria": {"evse_id": 3}}, False, id="no-such-evse"),
        pytest.param({"criteria": {}}, False, id="nothing"),
        pytest.param({"charging_profile_id": 1, "criteria": {"stack_level": 1}}, False, id="both"),
        pytest.param({"criteria": {"charging_profile_purpose": EXTERNAL}}, False, id="K10_FR_06"),
    ],
)
def test_K10_FR_02_a_request_to_clear_profiles_says_which(fields: dict[str, Any], is_right: bool) -> None:
    criteria = fields.pop("criteria", None)
    wanted = ocpp.ClearChargingProfileRequest(
        charging_profile_criteria=None if criteria is None else ocpp.ClearChargingProfile(**criteria), **fields
    )
    if is_right:
        check_clear(wanted, ABLE)
    else:
        with pytest.raises(InvalidArgument):
            check_clear(wanted, ABLE)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        pytest.param({"duration": 0, "evse_id": 1}, "request.duration", id="no-duration"),
        pytest.param({"duration": 60, "evse_id": 3}, "request.evse_id", id="no-such-evse"),
        pytest.param(
            {"duration": 60, "evse_id": 1, "charging_rate_unit": W}, "request.charging_rate_unit", id="K08_FR_07"
        ),
    ],
)
def test_a_composite_schedule_is_asked_for_as_the_station_can_say_it(wanted: dict[str, Any], field: str) -> None:
    check_composite(ocpp.GetCompositeScheduleRequest(duration=60, evse_id=0, charging_rate_unit=A), ABLE)
    with pytest.raises(InvalidArgument) as refused:
        check_composite(ocpp.GetCompositeScheduleRequest(**wanted), ABLE)

    assert refused.value.field == field
