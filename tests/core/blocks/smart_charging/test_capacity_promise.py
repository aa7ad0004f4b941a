"""Whatever happens at a station, its vehicles may never draw more than there is: a property, on whole cores."""

import asyncio
import itertools
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from tests.support.charging import updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.examples import examples
from tests.support.fused_site import HELD_BACK, SETTLED, FusedSite, device_model, limit_of, shares_of
from tests.support.fused_station import FusedStation
from tests.support.waiting import WAIT

EVSES = 3

MOODS = st.lists(st.sampled_from(["accept"] * 3 + ["reject", "lose", "miss"]), min_size=1, max_size=12)

ACTIONS = st.lists(
    st.one_of(
        # Mostly vehicles come and go.
        *[st.tuples(st.just("plug"), st.integers(1, EVSES))] * 5,
        st.tuples(st.just("pause"), st.integers(1, EVSES)),
        st.tuples(st.just("needs"), st.integers(1, EVSES), st.integers(6, 40)),
        st.tuples(st.just("limit"), st.integers(0, 50)),
        st.tuples(st.just("lift")),
        st.tuples(st.just("capacity"), st.integers(0, 64)),
        st.tuples(st.just("again")),
        st.tuples(st.just("settle")),
    ),
    min_size=8,
    max_size=16,
)

numbers = itertools.count(1)


class Play:
    """What happens at one station."""

    def __init__(self, site: FusedSite) -> None:
        self.site = site
        self.capacity = 32.0
        self.limit = float("inf")
        self.steps = itertools.count(1)

    @property
    def there(self) -> float:
        """Return what there is."""
        return min(self.capacity, self.limit)

    async def do(self, action: tuple[Any, ...]) -> None:
        """Let something happen."""
        await getattr(self, f"_{action[0]}")(*action[1:])
        # What was lowered holds once the station says so.
        self.site.fused.allowed = max(self.site.fused.allowed, self.there)

    async def _plug(self, evse_id: int) -> None:
        if evse_id in self.site.fused.transactions:
            await self.site.end(evse_id)
        else:
            transaction_id = f"T-{next(self.steps)}"
            await self.site.start(evse_id, transaction_id)
            if evse_id != EVSES:
                # Of the last one what follows comes while its share is on its way.
                await self.site.until(
                    lambda plan: transaction_id in shares_of(plan) and plan.state in (SETTLED, HELD_BACK)
                )

    async def _pause(self, evse_id: int) -> None:
        transaction_id = self.site.fused.transactions.get(evse_id)
        if transaction_id is not None:
            state = "SUSPENDED_EV" if next(self.steps) % 2 else "CHARGING"
            info = {"charging_state": f"CHARGING_STATE_ENUM_{state}"}
            event = updated(
                0, minutes=next(self.steps), transaction_id=transaction_id, trigger="CHARGING_STATE_CHANGED", info=info
            )
            await self.site.session.call(event)

    async def _needs(self, evse_id: int, most: int) -> None:
        if evse_id in self.site.fused.transactions:
            parameters = ocpp.ACChargingParameters(
                energy_amount=0, ev_min_current=6, ev_max_current=most, ev_max_voltage=230
            )
            needs = ocpp.ChargingNeeds(
                requested_energy_transfer=types.ENERGY_TRANSFER_MODE_ENUM_AC_THREE_PHASE,
                ac_charging_parameters=parameters,
            )
            await self.site.session.call(ocpp.NotifyEVChargingNeedsRequest(evse_id=evse_id, charging_needs=needs))

    async def _limit(self, amperes: int) -> None:
        self.limit = amperes
        self.site.fused.allowed = max(self.site.fused.allowed, self.there)
        await self.site.session.call(limit_of("EMS", amperes))

    async def _lift(self) -> None:
        self.limit = float("inf")
        self.site.fused.allowed = max(self.site.fused.allowed, self.there)
        await self.site.session.call(ocpp.ClearedChargingLimitRequest(charging_limit_source="EMS"))

    async def _capacity(self, amperes: int) -> None:
        self.capacity = amperes
        self.site.fused.allowed = max(self.site.fused.allowed, self.there)
        await self.site.capacity(settles=False, max_current_a=amperes)

    async def _again(self) -> None:
        await self.site.again()

    async def _settle(self) -> None:
        mood, self.site.fused.mood = self.site.fused.mood, lambda evse_id: "accept"
        plan = await self.site.plan()
        async with asyncio.timeout(WAIT):
            while plan.state != SETTLED or plan.max_current_a != self.there or plan.given_a > self.there:
                if plan.state == HELD_BACK:
                    await self.site.again()
                plan = await self.site.plan()
        self.site.fused.allowed = self.there
        self.site.fused.measure()
        assert_fair(plan, self.there)
        self.site.fused.mood = mood


def assert_fair(plan: pb.ChargingPlan, there: float) -> None:
    """Check that nobody waits while there is enough, and that nothing is left that somebody could use."""
    given = shares_of(plan)
    assert sum(given.values()) <= there + 1e-6
    assert all(share == 0 or share >= 6 for share in given.values())
    if len(given) and there >= 6:
        assert any(given.values())


async def play(core: RunningCore, moods: list[str], actions: list[tuple[Any, ...]], *, knows_evses: bool) -> FusedSite:
    """Let a new station play, and return it once all is settled."""
    station_id = f"CS-{next(numbers)}"
    await core.add_station(station_id, registration=1)
    fused = FusedStation(EVSES)
    async with core.edge(f"edge-{station_id}") as edge:
        edge.on_command = fused.answer
        session = await edge.connect(station_id, PASSWORD)
        await session.call(HeartbeatRequest())
        if knows_evses:
            await session.call(device_model(EVSES))
        site = FusedSite(core, session, fused)
        await site.capacity(max_current_a=32)
        fused.allowed = 32
        endless = itertools.cycle(moods)
        fused.mood = lambda evse_id: next(endless)
        running = Play(site)
        for action in [*actions, ("settle",)]:
            await running.do(action)
    return site


@given(moods=MOODS, actions=ACTIONS, knows_evses=st.booleans())
@settings(
    max_examples=examples(6),
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_no_more_is_drawn_than_there_is(
    core: RunningCore, moods: list[str], actions: list[tuple[Any, ...]], knows_evses: bool
) -> None:
    """Starts, ends, pauses, needs, limits, refusals and lost messages and answers, in any order."""
    site = await play(core, moods, actions, knows_evses=knows_evses)

    assert site.fused.excesses == []
