"""Charging profiles of partners: what is answered at once, what a station gets, and what its partner is told of it."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from google.protobuf.message import Message
from sqlalchemy import select

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_ocpi.modules.charging_profiles.mapping import active_profile
from citrine_ocpi.modules.charging_profiles.repository import ProfiledSessionRepository
from citrine_ocpi.modules.charging_profiles.tables import ProfiledSessionRow
from tests.clients.ocpi.modules import test_roaming
from tests.support.charging import ended, started
from tests.support.core import PASSWORD
from tests.support.emsp import Emsp
from tests.support.fake_edge import timestamp
from tests.support.ocpi import RunningAdapter
from tests.support.waiting import WAIT

roaming = test_roaming.roaming

ACCEPTED = ocpp.SetChargingProfileResponse(status=ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
REFUSED = ocpp.SetChargingProfileResponse(status=ocpp.CHARGING_PROFILE_STATUS_ENUM_REJECTED)
CLEARED = ocpp.ClearChargingProfileResponse(status=ocpp.CLEAR_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
NOTHING = ocpp.ClearChargingProfileResponse(status=ocpp.CLEAR_CHARGING_PROFILE_STATUS_ENUM_UNKNOWN)
PLAN = ocpp.GetCompositeScheduleResponse(
    status=types.GENERIC_STATUS_ENUM_ACCEPTED,
    schedule=ocpp.CompositeSchedule(
        evse_id=1,
        duration=900,
        schedule_start=timestamp(),
        charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_A,
        charging_schedule_period=[
            types.ChargingSchedulePeriod(start_period=0, limit=16.04),
            types.ChargingSchedulePeriod(start_period=600, limit=6),
        ],
    ),
)
NO_PLAN = ocpp.GetCompositeScheduleResponse(status=types.GENERIC_STATUS_ENUM_REJECTED)

PROFILE = {
    "charging_rate_unit": "A",
    "min_charging_rate": 6,
    "charging_profile_period": [{"start_period": 0, "limit": 16}, {"start_period": 600, "limit": 8.1}],
}


class Shaper:
    """A partner that says how its drivers charge, and a station that answers as a test wants."""

    def __init__(self, found: Any, partner: Emsp, version: str) -> None:
        self.roaming, self.partner, self.version = found, partner, version
        self.sent: list[Message] = []
        self._number = 0

    def answer(self, *answers: Message) -> None:
        """Have the station answer with these, one after the other."""
        left = [*answers]

        def answer(command: Any) -> Message:
            self.sent.append(unwrap(command.request))
            return left.pop(0)

        self.roaming.station.edge.on_command = answer

    async def begin(self, transaction_id: str, uid: str) -> str:
        """Begin a session, and return its id as the partner got it."""
        before = {place for place in self.partner.objects if place[0] == "sessions"}
        await self.roaming.station.call(started(0, 0, transaction_id=transaction_id, evse=(1, 1), id_token=uid))
        session = await self.partner.wait_for(
            lambda one: next((x for at, x in one.objects.items() if at[0] == "sessions" and at not in before), None)
        )
        return str(session["id"])

    async def ask(self, method: str, session_id: str, url: str = "", **said: Any) -> tuple[int, Any]:
        """Send a request, and return the status, and the result where there is one."""
        self._number += 1
        back = url or f"{self.partner.url}/{self.version}/receiver/chargingprofiles/result/{self._number}"
        target = f"{self.partner.endpoints['chargingprofiles', 'RECEIVER']}/{session_id}"
        if method == "PUT":
            answer = await self.partner.call(method, target, {"response_url": back, **said})
        else:
            answer = await self.partner.call(method, f"{target}?{urlencode({**said, 'response_url': back})}")
        envelope = answer.json()
        return envelope["status_code"], (envelope.get("data") or {}).get("result")

    async def result(self, number: int = 0) -> Any:
        """Return what the partner was told that the station said."""
        place = ("chargingprofiles", f"result/{number or self._number}")
        return await self.partner.wait_for(lambda one: one.objects.get(place))


@pytest.fixture
def shaper(roaming: Any) -> Shaper:
    return Shaper(roaming, roaming.tnm, "2.2.1")


async def test_a_profile_of_a_session_is_set_replaced_asked_for_and_cleared(shaper: Shaper) -> None:
    later = Shaper(shaper.roaming, shaper.roaming.xyz, "2.3.0")
    for one, transaction_id, uid in ((shaper, "T-1", "04A1B2C3"), (later, "T-2", "04D4E5F6")):
        one.answer(ACCEPTED, REFUSED, PLAN, NO_PLAN, CLEARED, NOTHING)
        session_id = await one.begin(transaction_id, uid)

        assert await one.ask("PUT", session_id.upper(), charging_profile=PROFILE) == (1000, "ACCEPTED")
        assert await one.result() == {"result": "ACCEPTED"}
        absolute = {**PROFILE, "start_date_time": "2026-01-31T12:00:00Z", "duration": 3600}
        assert await one.ask("PUT", session_id, charging_profile=absolute) == (1000, "ACCEPTED")
        assert await one.result() == {"result": "REJECTED"}
        first, second = one.sent
        assert isinstance(first, ocpp.SetChargingProfileRequest)
        assert isinstance(second, ocpp.SetChargingProfileRequest)
        profile, (schedule,) = first.charging_profile, first.charging_profile.charging_schedule
        assert (first.evse_id, profile.transaction_id, profile.stack_level) == (1, transaction_id, 0)
        assert profile.charging_profile_purpose == types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE
        assert profile.charging_profile_kind == types.CHARGING_PROFILE_KIND_ENUM_RELATIVE
        assert schedule.min_charging_rate == 6
        assert [(x.start_period, x.limit) for x in schedule.charging_schedule_period] == [(0, 16), (600, 8.1)]
        # It takes the place of the first one.
        assert second.charging_profile.id == profile.id
        assert second.charging_profile.charging_profile_kind == types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE
        assert second.charging_profile.charging_schedule[0].duration == 3600

        assert await one.ask("GET", session_id, duration=900) == (1000, "ACCEPTED")
        told = await one.result()
        assert (told["result"], told["profile"]["charging_profile"]["charging_rate_unit"]) == ("ACCEPTED", "A")
        periods = told["profile"]["charging_profile"]["charging_profile_period"]
        assert periods == [{"start_period": 0, "limit": 16}, {"start_period": 600, "limit": 6}]
        assert await one.ask("GET", session_id, duration=900) == (1000, "ACCEPTED")
        assert await one.result() == {"result": "REJECTED"}

        assert await one.ask("DELETE", session_id) == (1000, "ACCEPTED")
        assert await one.result() == {"result": "ACCEPTED"}
        clear = one.sent[4]
        assert isinstance(clear, ocpp.ClearChargingProfileRequest)
        # The profiles that the operator has there stay.
        assert clear.charging_profile_id == profile.id
        assert await one.ask("DELETE", session_id) == (1000, "ACCEPTED")
        assert await one.result() == {"result": "UNKNOWN"}

        await one.roaming.station.call(ended(1, 1, transaction_id=transaction_id))
        assert one.partner.complaints == []


async def test_what_can_not_go_to_a_station_is_said_at_once(shaper: Shaper) -> None:
    commands: asyncio.Queue[link.Command] = asyncio.Queue()
    edge = shaper.roaming.station.edge
    # It answers when the test wants it.
    edge.on_command = commands.put_nowait
    session_id = await shaper.begin("T-1", "04A1B2C3")
    stranger = Shaper(shaper.roaming, shaper.roaming.xyz, "2.3.0")

    assert await shaper.ask("PUT", "nobody's", charging_profile=PROFILE) == (1000, "UNKNOWN_SESSION")
    assert await stranger.ask("PUT", session_id, charging_profile=PROFILE) == (1000, "UNKNOWN_SESSION")
    empty = {"charging_rate_unit": "A"}
    assert await shaper.ask("PUT", session_id, charging_profile=empty) == (2001, None)
    horses = {**PROFILE, "charging_rate_unit": "PS"}
    assert await shaper.ask("PUT", session_id, charging_profile=horses) == (2001, None)
    for wrong in (-1, 2**31):
        endless = {**PROFILE, "duration": wrong}
        assert await shaper.ask("PUT", session_id, charging_profile=endless) == (2001, None)
        late = {**PROFILE, "charging_profile_period": [{"start_period": wrong, "limit": 6}]}
        assert await shaper.ask("PUT", session_id, charging_profile=late) == (2001, None)
    assert await shaper.ask("GET", session_id) == (2001, None)
    assert await shaper.ask("GET", session_id, duration=0) == (2001, None)
    assert await shaper.ask("DELETE", session_id, "https://elsewhere.example/results/1") == (2001, None)

    assert await shaper.ask("PUT", session_id, charging_profile=PROFILE) == (1000, "ACCEPTED")
    assert await shaper.ask("DELETE", session_id) == (1000, "TOO_OFTEN")
    async with asyncio.timeout(WAIT):
        command = await commands.get()
    edge.put(link.Upstream(command_result=edge.result(command, ACCEPTED)))
    assert await shaper.result(11) == {"result": "ACCEPTED"}
    assert commands.empty()

    await shaper.roaming.station.call(ended(1, 1))
    await shaper.partner.wait_for(
        lambda one: any(x.get("status") == "COMPLETED" for at, x in one.objects.items() if at[0] == "sessions")
    )
    assert await shaper.ask("PUT", session_id, charging_profile=PROFILE) == (1000, "REJECTED")
    assert shaper.partner.complaints == []


async def test_a_station_that_is_away_rejects(shaper: Shaper) -> None:
    session_id = await shaper.begin("T-1", "04A1B2C3")
    await shaper.roaming.station.close()

    assert await shaper.ask("GET", session_id, duration=60) == (1000, "ACCEPTED")

    assert await shaper.result() == {"result": "REJECTED"}


class Planner:
    """An operator's own smart charging, and a station that plans what a test says."""

    def __init__(self, shaper: Shaper) -> None:
        self.shaper = shaper
        self.limit: float | None = 16
        self.asked = 0
        self._smart_charging: Any = shaper.roaming.core.stub(SmartChargingServiceStub)
        shaper.roaming.station.edge.on_command = self._answer

    def _answer(self, command: Any) -> Message:
        match unwrap(command.request):
            case ocpp.GetCompositeScheduleRequest():
                self.asked += 1
                plan = ocpp.GetCompositeScheduleResponse()
                plan.CopyFrom(PLAN)
                plan.schedule.ClearField("charging_schedule_period")
                if self.limit is not None:
                    plan.schedule.charging_schedule_period.add(start_period=0, limit=self.limit)
                return plan
            case ocpp.ClearChargingProfileRequest():
                return CLEARED
        return ACCEPTED

    async def limit_evse(self, limit: float) -> None:
        """Set a default profile of the EVSE."""
        self.limit = limit
        schedule = types.ChargingSchedule(id=1, charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_A)
        schedule.charging_schedule_period.add(start_period=0, limit=limit)
        profile = types.ChargingProfile(
            id=7,
            stack_level=5,
            charging_profile_purpose=types.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE,
            charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_RELATIVE,
            charging_schedule=[schedule],
        )
        request = ocpp.SetChargingProfileRequest(evse_id=1, charging_profile=profile)
        target = CommandTarget(station_id="CS-1")
        await self._smart_charging.SetChargingProfile(pb.SetChargingProfileRequest(target=target, request=request))

    async def followed(self, status: str) -> None:
        """Have the adapter follow all events of before: those of one station come in order."""
        partner, before = self.shaper.partner, len(self.shaper.partner.received)
        await self.shaper.roaming.set_status(status)
        await partner.wait_for(lambda one: any(x.module == "locations" for x in one.received[before:]))

    async def told(self, session_id: str, limit: float) -> Any:
        """Return what the partner was told, once it is a plan of this limit."""
        place = ("chargingprofiles", session_id)

        def limited(one: Emsp) -> Any:
            plan = one.objects.get(place)
            periods = plan["charging_profile"]["charging_profile_period"] if plan else []
            return [x["limit"] for x in periods] == [limit] and plan

        return await self.shaper.partner.wait_for(limited)


@pytest.mark.in_turn
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_partner_that_set_a_profile_is_told_what_others_change_of_the_plan(roaming: Any, version: str) -> None:
    """And nobody else is, nor is it told of what it changed itself."""
    partner, other = (roaming.tnm, roaming.xyz) if version == "2.2.1" else (roaming.xyz, roaming.tnm)
    partner_id = partner.party_id.lower()
    shaper = Shaper(roaming, partner, version)
    planner = Planner(shaper)
    session_id = await shaper.begin("T-1", "04A1B2C3" if version == "2.2.1" else "04D4E5F6")
    await planner.limit_evse(20)
    await planner.followed("FAULTED")

    assert await shaper.ask("PUT", session_id, charging_profile=PROFILE) == (1000, "ACCEPTED")
    assert await shaper.result() == {"result": "ACCEPTED"}
    await planner.limit_evse(10)
    plan = await planner.told(session_id, 10)
    assert plan["charging_profile"]["charging_rate_unit"] == "A"
    assert plan["start_date_time"] == plan["charging_profile"]["start_date_time"]
    (put,) = [one for one in partner.received if one.method == "PUT" and one.module == "chargingprofiles"]
    assert put.path == session_id
    assert {name: put.headers[f"ocpi-{name}"] for name in ("from-party-id", "to-party-id")} == {
        "from-party-id": "CIT",
        "to-party-id": partner.party_id,
    }

    # A limit of somebody else, at the station.
    planner.limit = 6
    limit = ocpp.ChargingLimit(charging_limit_source="EMS")
    await roaming.station.call(ocpp.NotifyChargingLimitRequest(evse_id=1, charging_limit=limit))
    await planner.told(session_id, 6)

    assert await shaper.ask("DELETE", session_id) == (1000, "ACCEPTED")
    assert await shaper.result() == {"result": "ACCEPTED"}
    # The station limits nothing any more: it is told what the connector gives.
    planner.limit = None
    await roaming.station.call(ocpp.ClearedChargingLimitRequest(evse_id=1, charging_limit_source="EMS"))
    await planner.told(session_id, 32)
    assert planner.asked == 3
    assert [one for one in other.received if one.module == "chargingprofiles"] == []

    await roaming.station.call(ended(1, 1))
    await partner.wait_for(
        lambda one: any(x.get("status") == "COMPLETED" for at, x in one.objects.items() if at[0] == "sessions")
    )
    await planner.limit_evse(12)
    await planner.followed("AVAILABLE")
    assert planner.asked == 3

    # Its end came between the station's answer and what is stored of it: the next driver's plan is not the partner's.
    before, database = len(partner.received), roaming.adapter.office.database
    row = {"partner_id": partner_id, "session_id": session_id, "station_id": "CS-1", "transaction_id": "T-1"}
    async with database.writing() as opened:
        await ProfiledSessionRepository(opened).add({**row, "evse_id": 1, "routing": {}}, datetime.now(UTC))
        await ProfiledSessionRepository(opened).touch_all(datetime.now(UTC))
    async with asyncio.timeout(WAIT):
        while await _profiled(roaming.adapter):
            await asyncio.sleep(0.05)
    assert [one for one in partner.received[before:] if one.module == "chargingprofiles"] == []


async def test_a_station_that_is_away_is_asked_once_it_is_there_again(shaper: Shaper) -> None:
    planner = Planner(shaper)
    session_id = await shaper.begin("T-1", "04A1B2C3")
    assert await shaper.ask("PUT", session_id, charging_profile=PROFILE) == (1000, "ACCEPTED")
    assert await shaper.result() == {"result": "ACCEPTED"}
    planner.limit = 13
    edge, adapter = shaper.roaming.station.edge, shaper.roaming.adapter
    await shaper.roaming.station.close()
    # As where events of the core are no longer known.
    async with adapter.office.database.writing() as session:
        await ProfiledSessionRepository(session).touch_all(datetime.now(UTC))
    async with asyncio.timeout(WAIT):
        while not await _attempts(adapter):
            await asyncio.sleep(0.05)

    shaper.roaming.station = await edge.connect("CS-1", PASSWORD)

    await planner.told(session_id, 13)


async def _profiled(adapter: RunningAdapter) -> int:
    async with adapter.office.database.reading() as session:
        return len([*await session.scalars(select(ProfiledSessionRow))])


async def _attempts(adapter: RunningAdapter) -> int:
    async with adapter.office.database.reading() as session:
        return sum(await session.scalars(select(ProfiledSessionRow.attempts)))


def test_a_plan_without_a_limit_can_not_be_said() -> None:
    schedule = ocpp.CompositeSchedule(evse_id=1, duration=60, charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_W)
    schedule.charging_schedule_period.add(start_period=0, setpoint=-3000)

    assert active_profile(schedule) is None
