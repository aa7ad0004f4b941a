"""A capacity as a promise to a fuse, on whole cores with a station that obeys what it is told."""

from collections.abc import AsyncIterator

import grpc
import pytest

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from tests.support.core import PASSWORD, RunningCore
from tests.support.event_words import name_in
from tests.support.fused_site import HELD_BACK, SETTLED, FusedSite, device_model, limit_of, shares_of
from tests.support.fused_station import FusedStation


@pytest.fixture
async def site(core: RunningCore) -> AsyncIterator[FusedSite]:
    await core.add_station("CS-1", registration=1)
    fused = FusedStation()
    async with core.edge() as edge:
        edge.on_command = fused.answer
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        yield FusedSite(core, session, fused)


async def test_two_vehicles_have_no_more_than_there_is(site: FusedSite) -> None:
    """32 A were given out as 32 and 16 A."""
    await site.capacity(max_current_a=32)
    await site.start(1, "T-1")
    await site.settle(**{"T-1": 32})
    await site.start(2, "T-2")
    both = await site.settle(**{"T-1": 16, "T-2": 16})
    await site.end(1)
    await site.settle(**{"T-2": 32})

    assert site.fused.most_drawn <= 32
    assert (both.given_a, both.max_current_a, both.at_risk) == (32, 32, False)
    assert both.cause == pb.CHARGING_PLAN_CAUSE_TRANSACTION


async def test_a_new_vehicle_has_no_more_than_is_left_until_it_is_planned(site: FusedSite) -> None:
    """Also one that nobody hears of: what is left is shared by the EVSEs that are free."""
    await site.session.call(device_model(2))
    await site.capacity(max_current_a=32)
    plan = await site.plan()
    site.fused.begin(1, "T-1")
    site.fused.begin(2, "T-2")

    assert (plan.shares[0].evse_id, plan.shares[0].given_a, plan.given_a) == (0, 16, 32)
    assert site.fused.most_drawn == 32


async def test_a_vehicle_is_not_paused_while_its_share_is_made(site: FusedSite) -> None:
    await site.session.call(device_model(2))
    await site.capacity(max_current_a=32)
    site.fused.log.clear()
    await site.start(1, "T-1")
    await site.settle(**{"T-1": 32})

    assert site.fused.log == [
        "begin T-1 on EVSE 1 with 16",
        "accept EVSE 1 16",
        "accept EVSE 0 0",
        "accept EVSE 1 32",
    ]


async def test_a_capacity_of_a_station_that_charges_lowers_before_it_raises(site: FusedSite) -> None:
    await site.start(1, "T-1")
    await site.start(2, "T-2")
    await site.capacity(max_current_a=40)
    await site.settle(**{"T-1": 20, "T-2": 20})
    await site.capacity(max_current_a=20)
    await site.settle(**{"T-1": 10, "T-2": 10})
    site.fused.most_drawn = 0
    await site.capacity(max_current_a=50)
    await site.settle(**{"T-1": 25, "T-2": 25})

    assert site.fused.most_drawn == 50


async def test_who_would_have_less_than_a_vehicle_takes_waits_for_those_before(site: FusedSite) -> None:
    await site.capacity(max_current_a=10)
    await site.start(1, "T-1")
    await site.settle(**{"T-1": 10})
    await site.start(2, "T-2")
    plan = await site.settle(**{"T-1": 10, "T-2": 0})
    await site.end(1)
    await site.settle(**{"T-2": 10})

    assert plan.shares[2].reason == "waits: less than 6 A are left"
    assert site.fused.most_drawn <= 10


async def test_a_lowering_that_is_refused_keeps_the_others_low(site: FusedSite) -> None:
    await site.capacity(max_current_a=32)
    await site.start(1, "T-1")
    await site.settle(**{"T-1": 32})
    site.fused.mood = lambda evse_id: "reject" if evse_id == 1 else "accept"
    await site.start(2, "T-2")
    held = await site.until(lambda plan: plan.state == HELD_BACK)
    site.fused.mood = lambda evse_id: "accept"
    await site.again()
    await site.settle(**{"T-1": 16, "T-2": 16})

    assert shares_of(held) == {"T-1": 32, "T-2": 0}
    assert held.shares[1].attempts == 1
    assert held.shares[1].reason == "Rejected"
    assert site.fused.most_drawn <= 32


@pytest.mark.in_turn
@pytest.mark.parametrize("mood", ["lose", "miss"])
async def test_an_answer_that_is_lost_is_reckoned_with(site: FusedSite, mood: str) -> None:
    """Whether the station took the profile or never got it: the higher of both counts."""
    await site.capacity(max_current_a=32)
    await site.start(1, "T-1")
    await site.settle(**{"T-1": 32})
    await site.start(2, "T-2")
    await site.settle(**{"T-1": 16, "T-2": 16})
    site.fused.mood = lambda evse_id: mood
    await site.end(1)
    held = await site.until(lambda plan: plan.state == HELD_BACK)
    await site.start(1, "T-3")
    await site.until(lambda plan: plan.state == HELD_BACK and "T-3" in shares_of(plan))
    site.fused.mood = lambda evse_id: "accept"
    await site.again()
    await site.settle(**{"T-2": 16, "T-3": 16})

    assert shares_of(held) == {"T-2": 32}
    assert site.fused.most_drawn <= 32


async def test_watts_are_reckoned_on_three_phases_where_nobody_says_how_many(site: FusedSite) -> None:
    await site.session.call(device_model(0, RateUnit="W"))
    await site.capacity(max_power_w=22080, max_current_a=40)
    await site.start(1, "T-1")
    await site.start(2, "T-2")
    plan = await site.settle(**{"T-1": 16, "T-2": 16})

    assert plan.max_power_w == 22080
    assert site.fused.most_drawn <= 32
    [profile] = [one for _, one in site.fused.profiles.values() if one.transaction_id == "T-1"]
    [period] = profile.charging_schedule[0].charging_schedule_period
    assert (period.limit, period.number_phases) == (11040, 3)


async def test_an_evse_has_no_more_than_its_own_capacity(site: FusedSite) -> None:
    await site.capacity(max_current_a=32)
    await site.capacity(evse_id=2, max_current_a=10)
    await site.start(1, "T-1")
    await site.start(2, "T-2")
    await site.settle(**{"T-1": 22, "T-2": 10})


NEEDS = ocpp.NotifyEVChargingNeedsRequest(
    evse_id=2,
    charging_needs=ocpp.ChargingNeeds(
        requested_energy_transfer=types.ENERGY_TRANSFER_MODE_ENUM_AC_THREE_PHASE,
        ac_charging_parameters=ocpp.ACChargingParameters(
            energy_amount=0, ev_min_current=6, ev_max_current=12, ev_max_voltage=230
        ),
    ),
)


async def test_vehicles_with_and_without_ISO_15118_share(site: FusedSite) -> None:
    await site.capacity(max_current_a=32)
    await site.start(1, "T-1")
    await site.settle(**{"T-1": 32})
    await site.start(2, "T-2")
    answer = await site.session.call(NEEDS)
    await site.settle(**{"T-1": 20, "T-2": 12})
    [negotiation] = (await site.api.ListChargingNegotiations(pb.ListChargingNegotiationsRequest())).negotiations

    assert answer.status == ocpp.NOTIFY_EV_CHARGING_NEEDS_STATUS_ENUM_ACCEPTED
    assert negotiation.state == pb.CHARGING_NEGOTIATION_STATE_ACCEPTED
    assert site.fused.most_drawn <= 32


async def test_K02_FR_01_limits_of_others_make_new_plans_with_their_cause(site: FusedSite) -> None:
    await site.capacity(max_current_a=32)
    await site.start(1, "T-1")
    await site.start(2, "T-2")
    await site.settle(**{"T-1": 16, "T-2": 16})
    await site.session.call(limit_of("EMS", 20))
    limited = await site.settle(**{"T-1": 10, "T-2": 10})
    await site.session.call(limit_of("SO", 6, evse_id=1))
    of_evse = await site.settle(**{"T-1": 6, "T-2": 14})
    await site.session.call(ocpp.ClearedChargingLimitRequest(charging_limit_source="EMS"))
    lifted = await site.settle(**{"T-1": 6, "T-2": 26})
    [record] = [one for one in await site.records() if one.transaction_id == "T-2"][:1]

    assert (limited.cause, limited.cause_text) == (pb.CHARGING_PLAN_CAUSE_LIMIT, "EMS limited the station")
    assert of_evse.cause_text == "SO limited EVSE 1"
    assert (lifted.cause_text, record.cause) == ("EMS lifted a limit", "EMS lifted a limit")


async def test_K12_a_limit_of_others_alone_makes_a_plan_and_leaves_none_behind(site: FusedSite) -> None:
    await site.start(1, "T-1")
    await site.session.call(limit_of("EMS", 20))
    await site.settle(**{"T-1": 20})
    await site.session.call(ocpp.ClearedChargingLimitRequest(charging_limit_source="EMS"))
    await site.until_released()

    assert site.fused.profiles == {}


async def test_profiles_of_a_capacity_go_with_it(site: FusedSite) -> None:
    await site.capacity(max_current_a=32)
    await site.start(1, "T-1")
    await site.settle(**{"T-1": 32})
    await site.api.DeleteChargingCapacity(pb.DeleteChargingCapacityRequest(station_id="CS-1"))
    await site.until_released()

    assert site.fused.profiles == {}
    assert {record.state for record in await site.records()} == {
        pb.CHARGING_PROFILE_STATE_CLEARED,
        pb.CHARGING_PROFILE_STATE_REPLACED,
    } & {record.state for record in await site.records()}


def tx_profile(limit: float, stack_level: int = 0) -> ocpp.SetChargingProfileRequest:
    """Return what an operator wants for T-1."""
    schedule = types.ChargingSchedule(
        id=1,
        charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_A,
        charging_schedule_period=[types.ChargingSchedulePeriod(start_period=0, limit=limit)],
    )
    profile = types.ChargingProfile(
        stack_level=stack_level,
        charging_profile_purpose=types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE,
        charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_RELATIVE,
        transaction_id="T-1",
        charging_schedule=[schedule],
    )
    return ocpp.SetChargingProfileRequest(evse_id=1, charging_profile=profile)


async def test_profiles_of_operators_bound_the_plan_and_stay(site: FusedSite) -> None:
    await site.capacity(max_current_a=32)
    await site.start(1, "T-1")
    await site.start(2, "T-2")
    await site.settle(**{"T-1": 16, "T-2": 16})
    target = CommandTarget(station_id="CS-1")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await site.api.SetChargingProfile(pb.SetChargingProfileRequest(target=target, request=tx_profile(25, 5)))
    await site.api.SetChargingProfile(pb.SetChargingProfileRequest(target=target, request=tx_profile(8)))
    await site.settle(**{"T-1": 8, "T-2": 24})

    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert site.fused.most_drawn <= 32


async def test_a_station_that_was_away_gets_its_plan_with_its_first_message(site: FusedSite) -> None:
    await site.capacity(max_current_a=32)
    await site.start(1, "T-1")
    await site.settle(**{"T-1": 32})
    await site.session.close()
    await site.until_away()
    await site.capacity(max_current_a=20, settles=False)
    away = await site.until(lambda plan: plan.state == pb.CHARGING_PLAN_STATE_WAITING_FOR_STATION)
    site.session = await site.session.edge.connect("CS-1", PASSWORD)
    await site.start(2, "T-2")
    await site.settle(**{"T-1": 10, "T-2": 10})

    assert (shares_of(away), away.at_risk) == ({"T-1": 32}, True)


async def test_a_station_that_boots_is_sent_its_profiles_again(site: FusedSite) -> None:
    """Some forget them, against K01.FR.27."""
    await site.capacity(max_current_a=32)
    await site.start(1, "T-1")
    await site.start(2, "T-2")
    await site.settle(**{"T-1": 16, "T-2": 16})
    site.fused.profiles.clear()
    station = provisioning.ChargingStation(model="M", vendor_name="V")
    await site.session.call(
        provisioning.BootNotificationRequest(charging_station=station, reason=provisioning.BOOT_REASON_ENUM_POWER_UP)
    )
    await site.until(lambda plan: plan.state == SETTLED and plan.cause == pb.CHARGING_PLAN_CAUSE_BOOT)

    assert site.fused.drawn() == 32


async def test_plans_are_listed_and_an_unknown_one_is_not_found(site: FusedSite) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await site.plan()
    await site.capacity(max_current_a=32)
    await site.until(lambda plan: plan.state == SETTLED)
    listed = (await site.api.ListChargingPlans(pb.ListChargingPlansRequest())).plans

    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert [plan.station_id for plan in listed] == ["CS-1"]
    changes = [one for one in await site.events() if one.HasField("charging_plan_changed")]
    assert name_in(changes[-1].charging_plan_changed, "state") == "SETTLED"


@pytest.mark.in_turn
@pytest.mark.parametrize("mood", ["reject", "miss"])
async def test_a_default_profile_that_is_not_lowered_keeps_the_others_low(site: FusedSite, mood: str) -> None:
    """A vehicle may begin by it, and nobody hears of it."""
    await site.session.call(device_model(2))
    await site.capacity(max_current_a=32)
    site.fused.allowed = 32
    site.fused.mood = lambda evse_id: mood if evse_id == 0 else "accept"
    await site.start(1, "T-1")
    held = await site.until(lambda plan: plan.state == HELD_BACK)
    site.fused.mood = lambda evse_id: "accept"
    await site.again()
    await site.settle(**{"T-1": 32})

    assert (shares_of(held), held.given_a, held.at_risk) == ({"T-1": 16}, 32, False)
    assert site.fused.excesses == []


async def test_a_station_that_takes_no_default_profile_is_at_risk(site: FusedSite) -> None:
    """Who charges is kept within what there is; who begins can't be."""
    site.fused.mood = lambda evse_id: "reject" if evse_id == 0 else "accept"
    await site.capacity(settles=False, max_current_a=32)
    await site.until(lambda plan: plan.state == HELD_BACK)
    await site.start(1, "T-1")
    plan = await site.until(lambda plan: shares_of(plan) == {"T-1": 32})

    assert plan.at_risk
