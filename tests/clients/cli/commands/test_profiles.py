"""`citrine profile`: what is asked, what is printed, how it ends."""

import json
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import reports_pb2 as reports
from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.transactions_pb2 import Transaction
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

ACCEPTED = ocpp.SetChargingProfileResponse(status=ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
NOON = Timestamp(seconds=1_735_732_800)

SCHEDULE = types.ChargingSchedule(
    id=1,
    charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_A,
    start_schedule=NOON,
    charging_schedule_period=[
        types.ChargingSchedulePeriod(start_period=0, limit=16, number_phases=3),
        types.ChargingSchedulePeriod(start_period=3600, limit=8),
    ],
)
PROFILE = types.ChargingProfile(
    id=5,
    stack_level=1,
    charging_profile_purpose=types.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE,
    charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_RECURRING,
    recurrency_kind=types.RECURRENCY_KIND_ENUM_DAILY,
    charging_schedule=[SCHEDULE],
)


@pytest.fixture
def taken(core: ScriptedCore) -> ScriptedCore:
    core.on("SetChargingProfile", pb.SetChargingProfileResponse(response=ACCEPTED, charging_profile_id=5))
    return core


def test_a_profile_is_set_from_flags(citrine: Cli, taken: ScriptedCore) -> None:
    ran = citrine(
        *("profile", "set", "CS-1", "--evse", "1", "--id", "5", "--level", "1", "--recurs", "daily"),
        *("--start", "2025-01-01T12:00:00Z", "--period", "0:16:3", "--period", "3600:8"),
    )

    assert ran.lines == ["profile 5: Accepted"]
    (request,) = taken.requests("SetChargingProfile")
    assert request.request == ocpp.SetChargingProfileRequest(evse_id=1, charging_profile=PROFILE)


def test_a_profile_of_a_transaction_needs_no_purpose(citrine: Cli, taken: ScriptedCore) -> None:
    citrine("profile", "set", "CS-1", "--evse", "1", "--limit", "7.5", "--transaction", "T-1", "--relative")

    (request,) = taken.requests("SetChargingProfile")
    profile = request.request.charging_profile
    assert profile.charging_profile_purpose == types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE
    assert (profile.transaction_id, profile.id) == ("T-1", 0)
    assert not profile.charging_schedule[0].HasField("start_schedule")


def test_a_profile_is_set_from_json(citrine: Cli, taken: ScriptedCore) -> None:
    period = {"startPeriod": 0, "limit": 6.0}
    content = {
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [{"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [period]}],
    }

    ran = citrine("profile", "set", "CS-1", json.dumps(content), "--json")

    assert ran.json["chargingProfileId"] == 5
    (request,) = taken.requests("SetChargingProfile")
    assert request.request.charging_profile.charging_schedule[0].charging_schedule_period[0].limit == 6.0


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        pytest.param([], "either --limit, or --period", id="no-limit"),
        pytest.param(["--limit", "6", "--period", "0:6"], "either --limit, or --period", id="both"),
        pytest.param(["--period", "now:6"], "is not SECOND:LIMIT", id="period"),
        pytest.param(["--limit", "6", "--unit", "V"], "neither A nor W", id="unit"),
        pytest.param(["--limit", "6", "--recurs", "hourly"], "neither daily nor weekly", id="recurs"),
        pytest.param(["--limit", "6", "--relative", "--start", "+1h"], "--relative", id="relative"),
        pytest.param(["--limit", "6", "--purpose", "All"], "no purpose", id="purpose"),
        pytest.param(['{"level": 1}'], "is not a chargingProfile", id="json"),
    ],
)
def test_flags_that_say_nothing_are_refused(citrine: Cli, flags: list[str], problem: str) -> None:
    ran = citrine("profile", "set", "CS-1", *flags)

    assert ran.code == 2
    assert problem in ran.err


def test_a_refusal_of_the_station_ends_with_1(citrine: Cli, core: ScriptedCore) -> None:
    info = types.StatusInfo(reason_code="InvalidProfile", additional_info="no")
    rejected = ocpp.SetChargingProfileResponse(status=ocpp.CHARGING_PROFILE_STATUS_ENUM_REJECTED, status_info=info)
    core.on("SetChargingProfile", pb.SetChargingProfileResponse(response=rejected, charging_profile_id=5))

    ran = citrine("profile", "set", "CS-1", "--limit", "6")

    assert (ran.code, "CS-1 answered Rejected (InvalidProfile: no)" in ran.err) == (1, True)


def test_profiles_on_record_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    accepted = pb.CHARGING_PROFILE_STATE_ACCEPTED
    ours = pb.ChargingProfileRecord(station_id="CS-1", evse_id=1, profile=PROFILE, state=accepted)
    theirs = pb.ChargingProfileRecord(station_id="CS-1", profile=PROFILE, found=True, charging_limit_source="EMS")
    core.on("ListChargingProfiles", pb.ListChargingProfilesResponse(profiles=[ours, theirs]))

    ran = citrine("profile", "list", "--station", "CS-1", "--state", "accepted", "--evse", "0")

    assert ran.lines[1].split("  ")[0] == "CS-1"
    assert "16 A, 8 A after 1 h" in ran.lines[1]
    assert ran.lines[1].split()[-2:] == ["Citrine", "accepted"]
    assert "EMS, found" in ran.lines[2]
    (request,) = core.requests("ListChargingProfiles")
    assert (request.state, request.HasField("evse_id")) == (accepted, True)
    assert citrine("profile", "list", "--state", "gone").code == 2


def test_profiles_are_asked_for_and_waited_for(citrine: Cli, core: ScriptedCore) -> None:
    content = Struct()
    content.update({"requestId": 7})
    got = ocpp.GetChargingProfilesResponse(status=ocpp.GET_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
    core.on("GetChargingProfiles", pb.GetChargingProfilesResponse(command=Command(request=content), response=got))
    core.on("WatchReportRun", lambda request, context: iter([reports.ReportRun(state=reports.REPORT_STATE_COMPLETE)]))
    told = ocpp.ReportChargingProfilesRequest(evse_id=1, charging_limit_source="EMS", charging_profile=[PROFILE])
    core.on("ListReportParts", reports.ListReportPartsResponse(parts=[reports.ReportPart(charging_profiles=told)]))

    ran = citrine("profile", "get", "CS-1")

    assert ran.lines[1].split()[:3] == ["1", "5", "TxDefaultProfile"]
    assert ran.lines[1].endswith("EMS")
    (asked,) = core.requests("GetChargingProfiles")
    assert list(asked.request.charging_profile.charging_limit_source) == ["EMS", "Other", "SO", "CSO"]
    (watched,) = core.requests("WatchReportRun")
    assert (watched.request_id, watched.kind) == (7, reports.REPORT_KIND_CHARGING_PROFILES)


def test_a_station_without_profiles_says_so(citrine: Cli, core: ScriptedCore) -> None:
    none = ocpp.GetChargingProfilesResponse(status=ocpp.GET_CHARGING_PROFILE_STATUS_ENUM_NO_PROFILES)
    core.on("GetChargingProfiles", pb.GetChargingProfilesResponse(response=none))

    assert citrine("profile", "get", "CS-1", "--id", "5").lines == ["the station has no such profiles"]
    (asked,) = core.requests("GetChargingProfiles")
    assert list(asked.request.charging_profile.charging_profile_id) == [5]


@pytest.mark.parametrize(
    ("flags", "request_"),
    [
        pytest.param(["--id", "5"], ocpp.ClearChargingProfileRequest(charging_profile_id=5), id="id"),
        pytest.param(
            ["--evse", "0", "--level", "0"],
            ocpp.ClearChargingProfileRequest(
                charging_profile_criteria=ocpp.ClearChargingProfile(evse_id=0, stack_level=0)
            ),
            id="criteria",
        ),
    ],
)
def test_profiles_are_cleared(citrine: Cli, core: ScriptedCore, flags: list[str], request_: Any) -> None:
    status = ocpp.CLEAR_CHARGING_PROFILE_STATUS_ENUM_UNKNOWN
    core.on(
        "ClearChargingProfile",
        pb.ClearChargingProfileResponse(response=ocpp.ClearChargingProfileResponse(status=status)),
    )

    ran = citrine("profile", "clear", "CS-1", *flags)

    assert (ran.code, ran.lines) == (1, ["profiles: Unknown"])
    assert [one.request for one in core.requests("ClearChargingProfile")] == [request_]


def test_profiles_of_a_transaction_are_cleared_wherever_it_is(citrine: Cli, core: ScriptedCore) -> None:
    accepted = ocpp.ClearChargingProfileResponse(status=ocpp.CLEAR_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
    core.on("ClearChargingProfile", pb.ClearChargingProfileResponse(response=accepted))
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))

    cleared = citrine("profile", "clear", "--transaction", "T-1")
    nothing = citrine("profile", "clear")
    both = citrine("profile", "clear", "--transaction", "T-1", "--id", "5")

    assert (cleared.code, nothing.code, both.code) == (0, 2, 2)
    (asked,) = core.requests("ClearChargingProfile")
    assert (asked.target.station_id, asked.transaction_id) == ("CS-1", "T-1")


def test_a_composite_schedule_is_shown(citrine: Cli, core: ScriptedCore) -> None:
    schedule = ocpp.CompositeSchedule(
        evse_id=1,
        schedule_start=NOON,
        charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_W,
        charging_schedule_period=[types.ChargingSchedulePeriod(start_period=0, limit=11000)],
    )
    answer = ocpp.GetCompositeScheduleResponse(status=types.GENERIC_STATUS_ENUM_ACCEPTED, schedule=schedule)
    core.on("GetCompositeSchedule", pb.GetCompositeScheduleResponse(response=answer))

    ran = citrine("profile", "composite", "CS-1", "--evse", "1", "--duration", "300", "--unit", "w")

    assert ran.lines == ["EVSE 1 from 2025-01-01 12:00:00 UTC on", "AFTER    LIMIT", "  0 s  11000 W"]
    (asked,) = core.requests("GetCompositeSchedule")
    assert (asked.request.duration, asked.request.evse_id) == (300, 1)


def test_what_vehicles_need_is_listed(citrine: Cli, core: ScriptedCore) -> None:
    needs = ocpp.NotifyEVChargingNeedsRequest(
        charging_needs=ocpp.ChargingNeeds(
            requested_energy_transfer=types.ENERGY_TRANSFER_MODE_ENUM_AC_THREE_PHASE,
            ac_charging_parameters=ocpp.ACChargingParameters(energy_amount=20000),
            departure_time=NOON,
        )
    )
    one = pb.ChargingNegotiation(
        station_id="CS-1",
        evse_id=1,
        transaction_id="T-1",
        cause=pb.CHARGING_NEGOTIATION_CAUSE_NEEDS,
        needs=needs,
        state=pb.CHARGING_NEGOTIATION_STATE_ACCEPTED,
    )
    core.on("ListChargingNegotiations", pb.ListChargingNegotiationsResponse(negotiations=[one]))
    core.on("RenegotiateChargingSchedule", one)

    ran = citrine("profile", "needs")
    again = citrine("profile", "renegotiate", "CS-1", "1")

    assert "20 kWh, AC_three_phase  2025-01-01 12:00:00 UTC  accepted" in ran.lines[1]
    assert again.lines == ["the schedule of transaction T-1 is planned anew"]


def test_limits_of_others_and_capacities_are_shown(citrine: Cli, core: ScriptedCore) -> None:
    request = ocpp.NotifyChargingLimitRequest(
        charging_limit=ocpp.ChargingLimit(charging_limit_source="EMS"), charging_schedule=[SCHEDULE], evse_id=1
    )
    limit = pb.ChargingLimit(station_id="CS-1", request=request, set_time=NOON)
    core.on("ListChargingLimits", pb.ListChargingLimitsResponse(limits=[limit]))
    capacity = pb.ChargingCapacity(station_id="CS-1", evse_id=1, max_power_w=11000)
    core.on("SetChargingCapacity", capacity)
    core.on("ListChargingCapacities", pb.ListChargingCapacitiesResponse(capacities=[capacity]))
    core.on("DeleteChargingCapacity", Empty())

    limits = citrine("profile", "limits")
    said = citrine("profile", "capacity", "CS-1", "--evse", "1", "--power", "11000")
    shown = citrine("profile", "capacity")
    removed = citrine("profile", "capacity", "CS-1", "--evse", "1", "--remove")

    assert "EMS     16 A, 8 A after 1 h  2025-01-01 12:00:00 UTC" in limits.lines[1]
    assert said.lines == shown.lines
    assert "11000 W" in said.lines[1]
    assert removed.lines == ["the capacity of EVSE 1 of CS-1 is removed"]
    (asked,) = core.requests("ListChargingLimits")
    assert asked.in_force_only


def test_a_plan_shows_who_is_given_how_much(citrine: Cli, core: ScriptedCore) -> None:
    shares = [
        pb.ChargingShare(evse_id=0, given_a=0, planned_a=0, since=NOON),
        pb.ChargingShare(evse_id=1, transaction_id="T-1", given_a=32, planned_a=16, pending_a=16, since=NOON),
        pb.ChargingShare(evse_id=2, transaction_id="T-2", reason="waits", since=NOON),
    ]
    plan = pb.ChargingPlan(
        station_id="CS-1",
        state=pb.CHARGING_PLAN_STATE_CHANGING,
        cause_text="transaction T-2 started",
        max_current_a=32,
        given_a=32,
        at_risk=True,
        shares=shares,
    )
    core.on("GetChargingPlan", plan)
    core.on("ListChargingPlans", pb.ListChargingPlansResponse(plans=[plan]))

    one = citrine("profile", "plan", "CS-1")
    all_ = citrine("profile", "plan")
    as_json = citrine("profile", "plan", "CS-1", "--json")

    assert one.lines == all_.lines
    assert one.lines[0] == (
        "CS-1: changing, given 32 A of 32 A, because transaction T-2 started, AT RISK: more may be drawn than there is"
    )
    assert one.lines[3].split()[:9] == ["CS-1", "1", "T-1", "32", "A", "16", "A", "16", "A"]
    assert "no limit" in one.lines[4]
    assert as_json.json[0]["shares"][1]["pendingA"] == 16


def test_a_profile_of_the_record_is_shown_with_why_it_is_in_its_state(citrine: Cli, core: ScriptedCore) -> None:
    record = pb.ChargingProfileRecord(record_id=7, station_id="CS-1", evse_id=1, profile=PROFILE, reason="too high")
    core.on("GetChargingProfileRecord", record)

    ran = citrine("profile", "show", "7")

    assert ran.code == 0
    assert "too high" in ran.out
    assert [request.record_id for request in core.requests("GetChargingProfileRecord")] == [7]


def test_one_negotiation_limit_or_capacity_is_shown_by_its_id(citrine: Cli, core: ScriptedCore) -> None:
    negotiation = pb.ChargingNegotiation(negotiation_id=3, station_id="CS-1", evse_id=2, reason="no schedule fits")
    core.on("GetChargingNegotiation", negotiation)
    core.on("GetChargingLimit", pb.ChargingLimit(limit_id=4, station_id="CS-1", clear_time=NOON))
    core.on("GetChargingCapacity", pb.ChargingCapacity(station_id="CS-1", evse_id=2, max_current_a=32))

    shown = [
        citrine("profile", *words) for words in (("needs", "3"), ("limits", "4"), ("capacity", "CS-1", "--evse", "2"))
    ]

    assert [ran.code for ran in shown] == [0, 0, 0]
    assert [word in ran.out for ran, word in zip(shown, ("no schedule fits", "12:00:00", "32 A"), strict=True)] == [
        True
    ] * 3
    assert core.requests("GetChargingNegotiation")[0].negotiation_id == 3
    assert core.requests("GetChargingLimit")[0].limit_id == 4
    assert (core.requests("GetChargingCapacity")[0].station_id, core.requests("GetChargingCapacity")[0].evse_id) == (
        "CS-1",
        2,
    )
