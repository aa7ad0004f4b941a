"""SmartChargingService on a whole core, with stations played by the test."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from tests.support.blocks import stamp
from tests.support.charging import ended, started
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession
from tests.support.waiting import PAUSE, WAIT

if TYPE_CHECKING:
    from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceAsyncStub

SET = ocpp.SetChargingProfileResponse(status=ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
GET = ocpp.GetChargingProfilesResponse(status=ocpp.GET_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
NO_PROFILES = ocpp.GetChargingProfilesResponse(status=ocpp.GET_CHARGING_PROFILE_STATUS_ENUM_NO_PROFILES)
TX = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE
TX_DEFAULT = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE
TARGET = CommandTarget(station_id="CS-1")


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        edge.on_command = lambda command: SET
        yield session


@pytest.fixture
def api(core: RunningCore) -> "SmartChargingServiceAsyncStub":
    return core.stub(SmartChargingServiceStub)


def profile(profile_id: int = 0, limit: float = 16, **fields: Any) -> types.ChargingProfile:
    period = types.ChargingSchedulePeriod(start_period=0, limit=limit)
    schedule = types.ChargingSchedule(
        id=1, charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_A, charging_schedule_period=[period]
    )
    if fields.get("charging_profile_kind") != types.CHARGING_PROFILE_KIND_ENUM_RELATIVE:
        schedule.start_schedule.CopyFrom(stamp())
    values: dict[str, Any] = {
        "id": profile_id,
        "charging_profile_purpose": TX_DEFAULT,
        "charging_profile_kind": types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE,
        "charging_schedule": [schedule],
    }
    return types.ChargingProfile(**values | fields)


def setting(
    profile: types.ChargingProfile, evse_id: int = 1, target: CommandTarget = TARGET
) -> pb.SetChargingProfileRequest:
    return pb.SetChargingProfileRequest(
        target=target, request=ocpp.SetChargingProfileRequest(evse_id=evse_id, charging_profile=profile)
    )


async def records(api: "SmartChargingServiceAsyncStub", **fields: Any) -> list[tuple[int, str]]:
    """Return ids and states of profiles, the first that was set first."""
    found = await api.ListChargingProfiles(pb.ListChargingProfilesRequest(station_id="CS-1", **fields))
    return [
        (one.profile.id, pb.ChargingProfileState.Name(one.state).removeprefix("CHARGING_PROFILE_STATE_"))
        for one in reversed(found.profiles)
    ]


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code(), error.value.details() or ""


def device_model(**values: str) -> provisioning.NotifyReportRequest:
    """Return a report of variables of SmartChargingCtrlr."""
    return provisioning.NotifyReportRequest(
        request_id=1,
        seq_no=0,
        generated_at=stamp(),
        report_data=[
            provisioning.ReportData(
                component=types.Component(name="SmartChargingCtrlr"),
                variable=types.Variable(name=name),
                variable_attribute=[provisioning.VariableAttribute(value=value)],
            )
            for name, value in values.items()
        ],
    )


async def test_what_breaks_a_rule_is_neither_sent_nor_put_on_record(
    station: FakeSession, api: "SmartChargingServiceAsyncStub"
) -> None:
    await station.call(device_model(ProfileStackLevel="1", RateUnit="A,W", PeriodsPerSchedule="1"))

    for wrong in (profile(stack_level=2), profile(charging_profile_purpose=TX, transaction_id="T-1")):
        code, _ = await refused(api.SetChargingProfile(setting(wrong)))
        assert code == grpc.StatusCode.INVALID_ARGUMENT

    assert station.edge.commands == []
    assert await records(api) == []


async def test_a_profile_gets_an_id_and_stays_on_record(
    station: FakeSession, api: "SmartChargingServiceAsyncStub"
) -> None:
    first = await api.SetChargingProfile(setting(profile()))
    second = await api.SetChargingProfile(setting(profile(stack_level=1)))
    code, why = await refused(api.SetChargingProfile(setting(profile())))
    third = await api.SetChargingProfile(setting(profile(first.charging_profile_id, limit=8)))

    assert (first.charging_profile_id, second.charging_profile_id, third.charging_profile_id) == (1, 2, 1)
    assert (code, "profile 1 of EVSE 1" in why) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert await records(api) == [(1, "REPLACED"), (2, "ACCEPTED"), (1, "ACCEPTED")]
    assert await records(api, state=pb.CHARGING_PROFILE_STATE_ACCEPTED, charging_profile_id=1) == [(1, "ACCEPTED")]
    [page] = (await api.ListChargingProfiles(pb.ListChargingProfilesRequest(page_size=1))).profiles
    assert (page.profile.charging_schedule[0].charging_schedule_period[0].limit, page.command_id) == (
        8.0,
        third.command.command_id,
    )


async def test_a_refusal_of_the_station_stays_on_record_with_its_reason(
    station: FakeSession, api: "SmartChargingServiceAsyncStub"
) -> None:
    info = types.StatusInfo(reason_code="InvalidProfile", additional_info="no")
    rejected = ocpp.CHARGING_PROFILE_STATUS_ENUM_REJECTED
    station.edge.on_command = lambda command: ocpp.SetChargingProfileResponse(status=rejected, status_info=info)

    response = await api.SetChargingProfile(setting(profile()))

    assert response.response.status == rejected
    [record] = (await api.ListChargingProfiles(pb.ListChargingProfilesRequest())).profiles
    assert (record.state, record.reason) == (pb.CHARGING_PROFILE_STATE_REJECTED, "Rejected: InvalidProfile: no")


async def test_a_profile_waits_for_its_station(core: RunningCore, api: "SmartChargingServiceAsyncStub") -> None:
    await core.add_station("CS-1", registration=1)
    code, _ = await refused(api.SetChargingProfile(setting(profile(7))))
    await api.SetChargingProfile(
        setting(profile(8, stack_level=1), target=CommandTarget(station_id="CS-1", when_online=True))
    )
    before = await records(api)

    async with core.edge() as edge:
        edge.on_command = lambda command: SET
        await (await edge.connect("CS-1", PASSWORD)).call(HeartbeatRequest())
        await edge.next("command")
        await reach(api, 8, "ACCEPTED")

    assert code == grpc.StatusCode.UNAVAILABLE
    assert before == [(7, "FAILED"), (8, "WANTED")]


async def reach(api: "SmartChargingServiceAsyncStub", profile_id: int, state: str) -> None:
    """Wait until a profile is in a state; each look is a round trip to the core."""
    async with asyncio.timeout(WAIT):
        while (profile_id, state) not in await records(api):
            await asyncio.sleep(PAUSE)


def report(request_id: int, *profiles: types.ChargingProfile, tbc: bool = False) -> ocpp.ReportChargingProfilesRequest:
    return ocpp.ReportChargingProfilesRequest(
        request_id=request_id, charging_limit_source="CSO", evse_id=1, charging_profile=profiles, tbc=tbc
    )


async def test_the_record_is_brought_in_line_with_a_report(
    station: FakeSession, api: "SmartChargingServiceAsyncStub"
) -> None:
    """One that was not answered is there after all, one is not, one nobody set, one is of another EVSE."""
    timed_out = link.CommandFailure(reason=link.CommandFailure.REASON_TIMEOUT)
    await api.SetChargingProfile(setting(profile(1)))
    await api.SetChargingProfile(setting(profile(4), evse_id=2))
    station.edge.on_command = lambda command: timed_out
    await refused(api.SetChargingProfile(setting(profile(2, stack_level=1))))
    station.edge.on_command = lambda command: GET
    request = ocpp.GetChargingProfilesRequest(
        request_id=9, evse_id=1, charging_profile=ocpp.ChargingProfileCriterion(charging_profile_purpose=TX_DEFAULT)
    )
    await api.GetChargingProfiles(pb.GetChargingProfilesRequest(target=TARGET, request=request))

    await station.call(report(9, profile(2, stack_level=1), tbc=True))
    await station.call(report(9, profile(2, stack_level=1), tbc=True))
    assert await records(api) == [(1, "ACCEPTED"), (4, "ACCEPTED"), (2, "ACCEPTED")]
    await station.call(report(9, profile(3, stack_level=2)))

    assert await records(api) == [(1, "MISSING"), (4, "ACCEPTED"), (2, "ACCEPTED"), (3, "ACCEPTED")]
    [latest, *_] = (await api.ListChargingProfiles(pb.ListChargingProfilesRequest())).profiles
    assert (latest.found, latest.HasField("report_time")) == (True, True)


async def test_a_station_without_profiles_has_none_of_ours(
    station: FakeSession, api: "SmartChargingServiceAsyncStub"
) -> None:
    await api.SetChargingProfile(setting(profile(1)))
    station.edge.on_command = lambda command: NO_PROFILES
    request = ocpp.GetChargingProfilesRequest(charging_profile=ocpp.ChargingProfileCriterion(stack_level=0))

    await api.GetChargingProfiles(pb.GetChargingProfilesRequest(target=TARGET, request=request))

    assert await records(api) == [(1, "MISSING")]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("answer", "state"),
    [
        pytest.param(ocpp.CLEAR_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED, "CLEARED", id="K10_FR_04"),
        pytest.param(ocpp.CLEAR_CHARGING_PROFILE_STATUS_ENUM_UNKNOWN, "MISSING", id="K10_FR_01"),
    ],
)
async def test_profiles_are_cleared_by_what_they_have_in_common(
    station: FakeSession, api: "SmartChargingServiceAsyncStub", answer: Any, state: str
) -> None:
    for number, evse_id, level in ((1, 1, 0), (2, 1, 1), (3, 2, 0)):
        await api.SetChargingProfile(setting(profile(number, stack_level=level), evse_id))
    station.edge.on_command = lambda command: ocpp.ClearChargingProfileResponse(status=answer)
    request = ocpp.ClearChargingProfileRequest(
        charging_profile_criteria=ocpp.ClearChargingProfile(evse_id=1, stack_level=0)
    )

    await api.ClearChargingProfile(pb.ClearChargingProfileRequest(target=TARGET, request=request))

    assert await records(api) == [(1, state), (2, "ACCEPTED"), (3, "ACCEPTED")]


async def test_K02_FR_05_a_profile_ends_with_its_transaction_and_its_validity(
    core: RunningCore, station: FakeSession, api: "SmartChargingServiceAsyncStub"
) -> None:
    """It is shown at once, and stored, with an event, by the core itself."""
    await station.call(started(0, evse=(1, 1)))
    of_transaction = profile(1, charging_profile_purpose=TX, transaction_id="T-1")
    await api.SetChargingProfile(setting(of_transaction))
    soon = datetime.now(UTC) + timedelta(seconds=2)
    await api.SetChargingProfile(setting(profile(2, valid_to=stamp(soon))))
    await station.call(ended(1))
    shown = await records(api)
    await reach(api, 2, "EXPIRED")
    [upkeep] = [job for block in core.core.registry.blocks for job in block.jobs if "over" in job.name]
    upkeep.wake()
    await reach(api, 1, "ENDED")

    assert shown[0] == (1, "ENDED")
    await api.SetChargingProfile(setting(profile(3)))


NEEDS = ocpp.NotifyEVChargingNeedsRequest(
    evse_id=1,
    max_schedule_tuples=3,
    charging_needs=ocpp.ChargingNeeds(
        requested_energy_transfer=types.ENERGY_TRANSFER_MODE_ENUM_AC_THREE_PHASE,
        ac_charging_parameters=ocpp.ACChargingParameters(
            energy_amount=20_000, ev_min_current=6, ev_max_current=16, ev_max_voltage=230
        ),
    ),
)


async def shares(api: "SmartChargingServiceAsyncStub", first: float, second: float) -> pb.ChargingShare:
    """Wait until two transactions have their shares, and return the first."""
    async with asyncio.timeout(WAIT):
        while True:
            plan = await api.GetChargingPlan(pb.GetChargingPlanRequest(station_id="CS-1"))
            given = [share.given_a for share in plan.shares if share.evse_id]
            if given == [first, second] and plan.state == pb.CHARGING_PLAN_STATE_SETTLED:
                return plan.shares[1]
            await asyncio.sleep(PAUSE)


async def test_a_capacity_bounds_plans_and_its_change_makes_another(
    station: FakeSession, api: "SmartChargingServiceAsyncStub"
) -> None:
    """What the station has is shared by its transactions, what an EVSE has is not."""
    await station.call(started(0, evse=(1, 1)))
    await station.call(started(0, evse=(2, 1), transaction_id="T-2"))
    for evse_id, capacity in (
        (0, pb.ChargingCapacity(max_current_a=24.0)),
        (1, pb.ChargingCapacity(max_power_w=6900.0)),
    ):
        of_evse = pb.ChargingCapacity(station_id="CS-1", evse_id=evse_id)
        of_evse.MergeFrom(capacity)
        await api.SetChargingCapacity(pb.SetChargingCapacityRequest(capacity=of_evse))
    code, _ = await refused(
        api.RenegotiateChargingSchedule(pb.RenegotiateChargingScheduleRequest(station_id="CS-1", evse_id=1))
    )

    answer = await station.call(NEEDS)
    first = await shares(api, 10, 14)
    await api.DeleteChargingCapacity(pb.DeleteChargingCapacityRequest(station_id="CS-1", evse_id=1))
    second = await shares(api, 12, 12)
    begun = await api.RenegotiateChargingSchedule(pb.RenegotiateChargingScheduleRequest(station_id="CS-1", evse_id=1))
    async with asyncio.timeout(WAIT):
        while begun.state != pb.CHARGING_NEGOTIATION_STATE_ACCEPTED:
            [begun, *_] = (await api.ListChargingNegotiations(pb.ListChargingNegotiationsRequest())).negotiations
            await asyncio.sleep(PAUSE)

    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert answer.status == ocpp.NOTIFY_EV_CHARGING_NEEDS_STATUS_ENUM_ACCEPTED
    assert begun.charging_profile_id == first.charging_profile_id == second.charging_profile_id
    assert begun.cause == pb.CHARGING_NEGOTIATION_CAUSE_REQUESTED
    listed = await api.ListChargingCapacities(pb.ListChargingCapacitiesRequest(station_id="CS-1"))
    assert [(one.evse_id, one.max_current_a) for one in listed.capacities] == [(0, 24.0)]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("capacity", "field"),
    [
        pytest.param(pb.ChargingCapacity(max_power_w=1), "capacity.station_id", id="no-station"),
        pytest.param(pb.ChargingCapacity(station_id="CS-1"), "capacity", id="no-limit"),
        pytest.param(pb.ChargingCapacity(station_id="CS-1", max_current_a=-1), "capacity.max_current_a", id="negative"),
    ],
)
async def test_a_capacity_says_what_there_is(
    api: "SmartChargingServiceAsyncStub", capacity: pb.ChargingCapacity, field: str
) -> None:
    code, why = await refused(api.SetChargingCapacity(pb.SetChargingCapacityRequest(capacity=capacity)))

    assert (code, why.split(":")[0]) == (grpc.StatusCode.INVALID_ARGUMENT, field)
