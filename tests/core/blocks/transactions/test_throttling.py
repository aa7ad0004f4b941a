"""Transactions that their stations do not stop take no power, on a whole core with a station played by the test."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import select

from citrine.api.v1 import authorization_pb2
from citrine.api.v1 import smart_charging_pb2 as charging
from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceStub
from citrine.api.v1.tokens_pb2 import (
    TOKEN_STATUS_ACCEPTED,
    TOKEN_STATUS_BLOCKED,
    AddCreditRequest,
    CreateTokenRequest,
    Token,
    UpdateTokenRequest,
)
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transaction_limits_pb2_grpc import TransactionLimitsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.edge.v1.link_pb2 import OCPP_VERSION_201
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2 import smart_charging_pb2, types_pb2
from citrine.ocpp.v2.provisioning_pb2 import BOOT_REASON_ENUM_POWER_UP, BootNotificationRequest, ChargingStation
from citrine_core.blocks.smart_charging import ProfileRecord
from citrine_core.blocks.transactions.limits.jobs import MOST_ATTEMPTS
from citrine_core.blocks.transactions.limits.throttling.jobs import MOST_ATTEMPTS as MOST_PROFILES
from citrine_core.blocks.transactions.limits.throttling.jobs import Throttling
from citrine_core.db.tables import metadata
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.transactions.test_clock_rule import assign
from tests.support.blocks import events
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.fused_site import HELD_BACK, SETTLED, FusedSite, device_model, shares_of
from tests.support.fused_station import FusedStation
from tests.support.waiting import PAUSE, WAIT

PER_KWH = tariff(element(component("ENERGY", "1.00")), tariff_id="KWH")
OWN = "AA00BB11"

REFUSED = ocpp.RequestStopTransactionResponse(status=ocpp.REQUEST_START_STOP_STATUS_ENUM_REJECTED)
AGREED = ocpp.RequestStopTransactionResponse(status=ocpp.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED)
SILENT = link.CommandFailure(reason=link.CommandFailure.REASON_TIMEOUT)


def call_error(code: str) -> link.CommandFailure:
    """Return that a station answered CALLERROR."""
    failure = link.CommandFailure(reason=link.CommandFailure.REASON_CALL_ERROR)
    failure.error.code = code
    return failure


class Stubborn:
    """A station that goes on charging when it is asked to stop, and the API as these tests need it."""

    def __init__(self, core: RunningCore, edge: FakeEdge, session: FakeSession) -> None:
        self.core = core
        self.session = session
        self.fused = FusedStation()
        self.site = FusedSite(core, session, self.fused)
        self.stop: Message = REFUSED
        self.stops = 0
        self.sent: list[Message] = []
        """Commands about profiles."""
        # Any: the types of stubs are those of synchronous channels.
        self.limits: Any = core.stub(TransactionLimitsServiceStub)
        self.tokens: Any = core.stub(TokensServiceStub)
        self.charging: Any = core.stub(SmartChargingServiceStub)
        self.settings: Any = core.stub(AuthorizationServiceStub)
        edge.on_command = self._answer

    def _answer(self, command: link.Command) -> Any:
        message = unwrap(command.request)
        if isinstance(message, ocpp.RequestStopTransactionRequest):
            self.stops += 1
            return copy.copy(self.stop)
        self.sent.append(message)
        answer = self.fused.answer(command)
        # Also after a profile was cleared.
        self.fused.measure()
        return answer

    async def charge(self, evse_id: int = 1, transaction_id: str = "T-1", **fields: Any) -> None:
        """Let a vehicle begin, of which 5 kWh were counted."""
        self.fused.begin(evse_id, transaction_id)
        await self.session.call(started(0, 0, evse=(evse_id, 1), transaction_id=transaction_id, **fields))
        await self.session.call(updated(1, 5000, transaction_id=transaction_id))

    async def say(self, **device: str) -> None:
        """Let the station report its device model."""
        await self.session.call(device_model(2, **device))

    async def set(self, **limit: Any) -> pb.TransactionLimit:
        request = pb.SetTransactionLimitRequest(station_id="CS-1", transaction_id="T-1", limit=pb.UsageLimit(**limit))
        found: pb.TransactionLimit = await self.limits.SetTransactionLimit(request)
        return found

    async def get(self) -> pb.TransactionLimit:
        request = pb.GetTransactionLimitRequest(station_id="CS-1", transaction_id="T-1")
        found: pb.TransactionLimit = await self.limits.GetTransactionLimit(request)
        return found

    async def until(self, right: Callable[[pb.TransactionLimit], bool], *, hurry: str = "") -> pb.TransactionLimit:
        """Wait for a limit; each look is a round trip to the core, that of a table to hurry makes its rows due."""
        found = await self.get()
        try:
            async with asyncio.timeout(WAIT):
                while not right(found):
                    if hurry:
                        await self.make_due(hurry)
                    await asyncio.sleep(PAUSE)
                    found = await self.get()
        except TimeoutError:
            raise AssertionError(f"{found}\n{self.fused.log}") from None
        return found

    async def until_throttled(self) -> pb.TransactionLimit:
        return await self.until(lambda limit: limit.throttle.state == pb.THROTTLE_STATE_ACCEPTED)

    async def until_released(self) -> pb.TransactionLimit:
        return await self.until(lambda limit: not limit.HasField("throttle"))

    async def make_due(self, name: str) -> None:
        """Let enough time have passed, and have looked at what is due by then."""
        table = metadata().tables[name]
        async with self.core.core.unit_of_work() as work:
            due = table.update().where(table.c.due_time.is_not(None))
            await work.session.execute(due.values(due_time=datetime(2020, 1, 1, tzinfo=UTC)))
            await work.commit()
        names = {"transaction_limits": "transaction limits", "transaction_throttles": "throttled transactions"}
        [job] = [job for block in self.core.core.registry.blocks for job in block.jobs if job.name == names[name]]
        job.wake()

    async def until_looked_at(self) -> None:
        """Wait until no limit is due any more."""
        table = metadata().tables["transaction_limits"]
        async with asyncio.timeout(WAIT):
            while True:
                async with self.core.core.unit_of_work(read_only=True) as work:
                    if not (await work.session.execute(select(table).where(table.c.due_time.is_not(None)))).all():
                        return
                await asyncio.sleep(PAUSE)

    async def operator(self, amperes: float, level: int) -> int:
        """Set a profile of an operator, and return its id."""
        period = types_pb2.ChargingSchedulePeriod(start_period=0, limit=amperes)
        schedule = types_pb2.ChargingSchedule(
            id=1, charging_rate_unit=types_pb2.CHARGING_RATE_UNIT_ENUM_A, charging_schedule_period=[period]
        )
        profile = types_pb2.ChargingProfile(
            stack_level=level,
            charging_profile_purpose=types_pb2.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE,
            charging_profile_kind=types_pb2.CHARGING_PROFILE_KIND_ENUM_RELATIVE,
            transaction_id="T-1",
            charging_schedule=[schedule],
        )
        answer = await self.charging.SetChargingProfile(
            charging.SetChargingProfileRequest(
                target=CommandTarget(station_id="CS-1"),
                request=smart_charging_pb2.SetChargingProfileRequest(evse_id=1, charging_profile=profile),
            )
        )
        return int(answer.charging_profile_id)

    async def told(self) -> list[tuple[str, str]]:
        """Return what subscribers were told of limits: state of the limit and of its throttle."""
        found = await events(self.core.core.unit_of_work)
        bodies = [one.transaction_limit_changed for one in found if one.HasField("transaction_limit_changed")]
        return [(name_in(body, "state"), name_in(body, "throttle")) for body in bodies]

    def profiles(self) -> list[types_pb2.ChargingProfile]:
        """Return the profiles that were sent."""
        return [one.charging_profile for one in self.sent if hasattr(one, "charging_profile")]


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[Stubborn]:
    """A station of OCPP 2.0.1, which is not told limits."""
    async with core.edge() as edge:
        await core.add_station("CS-1", registration=1)
        await assign(core, PER_KWH)
        yield Stubborn(core, edge, await edge.connect("CS-1", PASSWORD, version=OCPP_VERSION_201))


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "answer",
    [REFUSED, SILENT, call_error("InternalError")],
    ids=["refused", "no answer", "CALLERROR"],
)
async def test_F03_FR_01_a_transaction_that_is_not_stopped_takes_no_power(station: Stubborn, answer: Message) -> None:
    """The station is asked further; in the end the limit is throttled, and not failed."""
    station.stop = answer
    await station.charge()
    before = station.fused.drawn()
    await station.set(max_energy_wh=5000)
    throttled = await station.until_throttled()
    drawn = station.fused.drawn()
    end = await station.until(lambda limit: limit.state == pb.LIMIT_STATE_THROTTLED, hurry="transaction_limits")

    assert (before, drawn, station.fused.drawn()) == (float("inf"), 0, 0)
    assert (throttled.state, throttled.reason) == (pb.LIMIT_STATE_STOPPING, pb.LIMIT_REASON_ENERGY)
    assert throttled.throttle.charging_profile_id == 1
    assert station.stops == MOST_ATTEMPTS
    assert end.throttle.state == pb.THROTTLE_STATE_ACCEPTED
    told = [("STOPPING", ""), ("STOPPING", "ACCEPTED"), ("THROTTLED", "ACCEPTED")]
    assert await station.told() == told
    [profile] = station.profiles()
    [schedule] = profile.charging_schedule
    [period] = schedule.charging_schedule_period
    assert (period.HasField("limit"), period.limit, profile.transaction_id) == (True, 0, "T-1")
    assert schedule.charging_rate_unit == types_pb2.CHARGING_RATE_UNIT_ENUM_A


async def test_a_station_that_knows_no_stop_is_throttled_all_the_same(station: Stubborn) -> None:
    """The limit failed at once, because it is of no use to ask again."""
    station.stop = call_error("NotImplemented")
    await station.charge()
    await station.set(max_energy_wh=5000)
    found = await station.until(lambda limit: limit.state == pb.LIMIT_STATE_THROTTLED)

    assert (station.stops, station.fused.drawn(), found.throttle.state) == (1, 0, pb.THROTTLE_STATE_ACCEPTED)
    assert await station.told() == [("STOPPING", ""), ("FAILED", "WANTED"), ("THROTTLED", "ACCEPTED")]


async def test_a_station_that_agrees_to_stop_is_not_throttled(station: Stubborn) -> None:
    station.stop = AGREED
    await station.charge()
    await station.set(max_energy_wh=5000)
    found = await station.until(lambda limit: limit.state == pb.LIMIT_STATE_STOPPED)
    await station.session.call(ended(2, 5000))
    await station.make_due("transaction_limits")
    await station.until_looked_at()

    assert not found.HasField("throttle")
    assert (station.stops, station.sent) == (1, [])


async def test_a_station_that_agrees_to_stop_and_goes_on_is_asked_again_and_throttled(station: Stubborn) -> None:
    station.stop = AGREED
    await station.charge()
    await station.set(max_energy_wh=5000)
    await station.until(lambda limit: limit.state == pb.LIMIT_STATE_STOPPED)
    await station.make_due("transaction_limits")
    await station.until_throttled()
    found = await station.until(lambda limit: limit.state == pb.LIMIT_STATE_THROTTLED, hurry="transaction_limits")

    assert station.stops == found.attempts == MOST_ATTEMPTS
    assert station.fused.drawn() == 0
    assert ("STOPPED", "ACCEPTED") in await station.told()


async def test_a_station_that_refuses_both_fails(station: Stubborn) -> None:
    station.fused.mood = lambda evse_id: "reject"
    await station.charge()
    await station.set(max_energy_wh=5000)
    await station.until(lambda limit: limit.state == pb.LIMIT_STATE_FAILED, hurry="transaction_limits")
    found = await station.until(
        lambda limit: limit.throttle.state == pb.THROTTLE_STATE_REFUSED, hurry="transaction_throttles"
    )

    assert (found.state, found.throttle.problem) == (pb.LIMIT_STATE_FAILED, "the station refused the profile")
    assert len(station.sent) == MOST_PROFILES
    assert (await station.told())[-1] == ("FAILED", "REFUSED")


async def test_a_station_whose_smart_charging_is_off_is_not_asked(station: Stubborn) -> None:
    await station.say(Enabled="false")
    await station.charge()
    await station.set(max_energy_wh=5000)
    found = await station.until(
        lambda limit: limit.throttle.state == pb.THROTTLE_STATE_REFUSED, hurry="transaction_throttles"
    )

    assert station.sent == []
    assert "smart charging is not enabled" in found.throttle.problem


async def test_a_profile_whose_answer_is_lost_is_sent_again(station: Stubborn) -> None:
    """By what the core knows the station may have missed it; the same id can't do harm (K01.FR.05)."""
    moods = iter(["lose"])
    station.fused.mood = lambda evse_id: next(moods, "accept")
    await station.charge()
    await station.set(max_energy_wh=5000)
    await station.until(lambda limit: limit.throttle.state == pb.THROTTLE_STATE_ACCEPTED, hurry="transaction_throttles")

    assert [profile.id for profile in station.profiles()] == [1, 1]


async def test_what_a_core_left_undone_another_one_does(station: Stubborn) -> None:
    """One that stopped between the record and the message: what was not sent is sent once nothing is heard of it."""
    await station.charge()
    await station.set(max_energy_wh=50000)
    table, throttling = metadata().tables["transaction_throttles"], Throttling(station.core.core.services)
    row = {
        **{"tenant_id": "default", "station_id": "CS-1", "transaction_id": "T-1", "state": pb.THROTTLE_STATE_WANTED},
        **{"profile_id": None, "attempts": 0, "problem": "", "send_time": None, "update_time": datetime.now(UTC)},
    }
    async with station.core.core.unit_of_work() as work:
        await work.session.execute(table.insert().values(row | {"due_time": datetime(2020, 1, 1, tzinfo=UTC)}))
        await work.commit()
    [(claimed, until)] = await throttling._claim()
    message = await throttling._look(claimed, until)
    before = list(station.sent)
    async with station.core.core.unit_of_work() as work:
        for record in await work.session.scalars(select(ProfileRecord)):
            record.wanted_until = record.create_time
        await work.commit()
    await station.until(lambda limit: limit.throttle.state == pb.THROTTLE_STATE_ACCEPTED, hurry="transaction_throttles")

    assert (message is not None, before) == (True, [])
    assert station.fused.drawn() == 0


@pytest.mark.in_turn
@pytest.mark.parametrize("units", [{}, {"RateUnit": "W"}, {"RateUnit": "A,W"}], ids=["unknown", "W", "A and W"])
async def test_K01_FR_26_the_unit_is_one_that_the_station_takes(station: Stubborn, units: Mapping[str, str]) -> None:
    await station.say(**units)
    await station.charge()
    await station.set(max_energy_wh=5000)
    await station.until_throttled()
    expected = "W" if units.get("RateUnit") == "W" else "A"

    [profile] = station.profiles()
    unit = types_pb2.ChargingRateUnitEnum.Name(profile.charging_schedule[0].charging_rate_unit)
    assert unit.endswith(f"_{expected}")


async def test_a_limit_that_is_raised_lets_it_charge_on(station: Stubborn) -> None:
    await station.charge()
    await station.set(max_energy_wh=5000)
    await station.until_throttled()
    await station.set(max_energy_wh=9000)
    found = await station.until_released()
    stops, told = station.stops, await station.told()
    await station.session.call(updated(2, 9000))
    again = await station.until(
        lambda limit: limit.throttle.state == pb.THROTTLE_STATE_ACCEPTED, hurry="transaction_limits"
    )

    assert found.state == pb.LIMIT_STATE_ACTIVE
    assert told[-2:] == [("ACTIVE", "RELEASING"), ("ACTIVE", "")]
    assert stops == 1 < station.stops
    assert isinstance(station.sent[1], smart_charging_pb2.ClearChargingProfileRequest)
    assert station.sent[1].charging_profile_id == 1
    assert (again.state, station.fused.drawn()) == (pb.LIMIT_STATE_STOPPING, 0)


async def test_credit_that_is_added_lets_it_charge_on(station: Stubborn) -> None:
    await station.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=OWN, type="ISO14443")))
    await station.tokens.AddCredit(AddCreditRequest(id_token=OWN, amount="5.00"))
    await station.charge(id_token=OWN)
    await station.until(lambda limit: limit.throttle.state == pb.THROTTLE_STATE_ACCEPTED, hurry="transaction_limits")
    drawn = station.fused.drawn()
    await station.tokens.AddCredit(AddCreditRequest(id_token=OWN, amount="5.00"))
    found = await station.until_released()

    assert (drawn, station.fused.drawn()) == (0, float("inf"))
    assert (found.state, found.attempts) == (pb.LIMIT_STATE_ACTIVE, 0)
    assert (await station.told())[-2:] == [("ACTIVE", "RELEASING"), ("ACTIVE", "")]


@pytest.mark.in_turn
@pytest.mark.parametrize("given_up", [False, True], ids=["stopping", "throttled"])
async def test_a_token_that_is_unblocked_lets_it_charge_on(station: Stubborn, given_up: bool) -> None:
    settings = authorization_pb2.AuthorizationSettings(lost_authorization=authorization_pb2.LOST_AUTHORIZATION_STOP)
    await station.settings.UpdateAuthorizationSettings(
        authorization_pb2.UpdateAuthorizationSettingsRequest(settings=settings)
    )
    await station.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=OWN, type="ISO14443")))
    await station.charge(id_token=OWN)
    blocked = Token(id_token=OWN, type="ISO14443", status=TOKEN_STATUS_BLOCKED)
    await station.tokens.UpdateToken(UpdateTokenRequest(token=blocked))
    async with asyncio.timeout(WAIT):
        while not station.profiles():
            await station.session.call(updated(2, 5000))
            await asyncio.sleep(PAUSE)
    await station.until_throttled()
    if given_up:
        await station.until(lambda limit: limit.state == pb.LIMIT_STATE_THROTTLED, hurry="transaction_limits")
    drawn = station.fused.drawn()
    fine = Token(id_token=OWN, type="ISO14443", status=TOKEN_STATUS_ACCEPTED)
    await station.tokens.UpdateToken(UpdateTokenRequest(token=fine))
    found = await station.until_released()

    assert (drawn, station.fused.drawn()) == (0, float("inf"))
    assert found.state == pb.LIMIT_STATE_ACTIVE


async def test_K02_FR_05_a_transaction_that_ends_needs_no_command(station: Stubborn) -> None:
    await station.charge()
    await station.set(max_energy_wh=5000)
    await station.until_throttled()
    station.fused.end(1)
    await station.session.call(ended(2, 5000))
    for name in ("transaction_limits", "transaction_throttles"):
        await station.make_due(name)
    await Throttling(station.core.core.services).run()
    found = await station.get()

    assert len(station.sent) == 1
    assert found.throttle.state == pb.THROTTLE_STATE_ACCEPTED


async def test_a_station_that_boots_gets_it_again(station: Stubborn) -> None:
    """TxProfiles need not survive a boot (K01.FR.27), and the transaction may."""
    await station.charge()
    await station.set(max_energy_wh=5000)
    await station.until_throttled()
    station.fused.profiles.clear()
    boot = BootNotificationRequest(
        reason=BOOT_REASON_ENUM_POWER_UP, charging_station=ChargingStation(model="M", vendor_name="V")
    )
    await station.session.call(boot)
    await station.session.call(updated(2, 5000))
    async with asyncio.timeout(WAIT):
        while len(station.profiles()) < 2:
            await station.make_due("transaction_throttles")
            await asyncio.sleep(PAUSE)
    await station.until_throttled()

    assert station.fused.drawn() == 0


async def test_what_an_operator_sets_above_it_does_not_let_it_charge(station: Stubborn) -> None:
    """Nor does a profile that he clears: the limit is what he has to raise."""
    await station.charge()
    await station.set(max_energy_wh=5000)
    await station.until_throttled()
    await station.operator(16, level=7)
    above = station.fused.drawn()
    async with asyncio.timeout(WAIT):
        while station.fused.drawn():
            await station.make_due("transaction_throttles")
            await asyncio.sleep(PAUSE)
    found = await station.until_throttled()

    assert above == 16
    assert [profile.stack_level for profile in station.profiles()] == [1, 7, 8]
    await station.set(max_energy_wh=9000)
    await station.until_released()
    assert found.throttle.charging_profile_id == 1
    assert station.fused.drawn() == 16


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("most", "level", "levels"),
    [("8", 3, [3, 7]), ("8", 7, [7, 8]), ("", 3, [3, 4])],
    ids=["free below the highest", "the highest", "not known"],
)
async def test_it_is_above_the_profile_of_an_operator(
    station: Stubborn, most: str, level: int, levels: list[int]
) -> None:
    await station.say(**({"ProfileStackLevel": most} if most else {}))
    await station.charge()
    await station.operator(16, level)
    await station.set(max_energy_wh=5000)
    await station.until_throttled()
    drawn = station.fused.drawn()
    await station.set(max_energy_wh=9000)
    await station.until_released()

    assert (drawn, station.fused.drawn()) == (0, 16)
    assert [profile.stack_level for profile in station.profiles()] == levels
    assert len({profile.id for profile in station.profiles()}) == 2


async def test_K01_FR_05_what_it_was_set_in_place_of_is_set_again(station: Stubborn) -> None:
    """An operator's profile is on the highest level that the station knows."""
    await station.say(ProfileStackLevel="2")
    await station.charge()
    number = await station.operator(16, level=2)
    await station.set(max_energy_wh=5000)
    await station.until_throttled()
    drawn = station.fused.drawn()
    await station.set(max_energy_wh=9000)
    await station.until_released()

    assert (drawn, station.fused.drawn()) == (0, 16)
    assert [profile.id for profile in station.profiles()] == [number] * 3
    states = [record.state for record in await station.site.records()]
    assert states.count(charging.CHARGING_PROFILE_STATE_ACCEPTED) == 1


@pytest.mark.in_turn
@pytest.mark.parametrize("most", ["", "8", "1", "0"], ids=["not known", "8", "1", "0"])
async def test_a_plan_does_not_raise_it_again(station: Stubborn, most: str) -> None:
    """The other vehicle gets its share, and when it is lifted no more is drawn at any moment than there is."""
    await station.say(**({"ProfileStackLevel": most} if most else {}))
    station.fused.allowed = 32
    await station.charge()
    await station.site.capacity(max_current_a=32)
    station.fused.excesses.clear()
    await station.charge(2, "T-2")
    await station.site.settle(**{"T-1": 16, "T-2": 16})
    await station.set(max_energy_wh=5000)
    await station.until(lambda limit: limit.throttle.state == pb.THROTTLE_STATE_ACCEPTED, hurry="transaction_throttles")
    # Where no level is free beside it, the plan leaves the transaction alone.
    expected = (HELD_BACK if most == "0" else SETTLED, 32)
    await station.site.until(lambda plan: (plan.state, shares_of(plan)["T-2"]) == expected)
    drawn, other = station.fused.limit(1), station.fused.limit(2)
    await station.site.again()
    await station.site.until(lambda plan: (plan.state, shares_of(plan)["T-2"]) == expected)
    still, [share] = station.fused.limit(1), [one for one in (await station.site.plan()).shares if one.evse_id == 1]
    await station.set(max_energy_wh=9000)
    await station.until_released()
    await station.site.settle(**{"T-1": 16, "T-2": 16})

    assert (drawn, still, other) == (0, 0, 32)
    assert "its limit is reached" in share.reason
    assert station.fused.excesses == []
