"""A station with a fuse on a whole core: what happens there, and what the core makes of it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_core.blocks.smart_charging import CapacityPlan
from citrine_core.resources.connections import ConnectionRepository
from tests.support.blocks import events, stamp
from tests.support.charging import ended, started
from tests.support.core import RunningCore
from tests.support.fake_edge import FakeSession
from tests.support.fused_station import FusedStation
from tests.support.waiting import PAUSE, WAIT

if TYPE_CHECKING:
    from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceAsyncStub

__all__ = ["HELD_BACK", "SETTLED", "FusedSite", "device_model", "limit_of", "shares_of"]

SETTLED = pb.CHARGING_PLAN_STATE_SETTLED
HELD_BACK = pb.CHARGING_PLAN_STATE_HELD_BACK


class FusedSite:
    """A station with a fuse, connected to a core."""

    def __init__(self, core: RunningCore, session: FakeSession, fused: FusedStation) -> None:
        self.core = core
        self.session = session
        self.station_id = session.station_id
        self.fused = fused
        self.api: SmartChargingServiceAsyncStub = core.stub(SmartChargingServiceStub)

    async def capacity(self, *, settles: bool = True, **limits: Any) -> None:
        """Say what the station may draw, and wait until it draws no more."""
        capacity = pb.ChargingCapacity(station_id=self.station_id, **limits)
        await self.api.SetChargingCapacity(pb.SetChargingCapacityRequest(capacity=capacity))
        if settles:
            await self.until(lambda plan: plan.state == SETTLED)
            self.fused.most_drawn = self.fused.drawn()

    async def start(self, evse_id: int, transaction_id: str) -> None:
        """Let a vehicle begin, and tell."""
        self.fused.begin(evse_id, transaction_id)
        await self.session.call(started(0, evse=(evse_id, 1), transaction_id=transaction_id))

    async def end(self, evse_id: int) -> None:
        """Let a vehicle go, and tell."""
        await self.session.call(ended(1, transaction_id=self.fused.end(evse_id)))

    async def plan(self) -> pb.ChargingPlan:
        """Return the plan."""
        return await self.api.GetChargingPlan(pb.GetChargingPlanRequest(station_id=self.station_id))

    async def until(self, right: Callable[[pb.ChargingPlan], bool]) -> pb.ChargingPlan:
        """Wait for a plan; each look is a round trip to the core."""
        plan = await self.plan()
        try:
            async with asyncio.timeout(WAIT):
                while not right(plan):
                    await asyncio.sleep(PAUSE)
                    plan = await self.plan()
        except TimeoutError:
            raise AssertionError(f"{plan}\n{self.fused.log}") from None
        return plan

    async def until_released(self) -> None:
        """Wait until there is no plan any more."""
        async with asyncio.timeout(WAIT):
            while (await self.api.ListChargingPlans(pb.ListChargingPlansRequest())).plans:
                await asyncio.sleep(PAUSE)

    async def until_away(self) -> None:
        """Wait until the core knows that the station is gone."""
        async with asyncio.timeout(WAIT):
            while True:
                async with self.core.core.unit_of_work(read_only=True) as work:
                    if await ConnectionRepository(work.session).find_open("default", self.station_id) is None:
                        return
                await asyncio.sleep(PAUSE)

    async def again(self) -> None:
        """Let the time pass after which a profile is sent again."""
        async with self.core.core.unit_of_work() as work:
            plan = await work.session.get_one(CapacityPlan, ("default", self.station_id))
            sent = orjson.loads(plan.sent)
            plan.sent = orjson.dumps({key: one | {"retry_seconds": 0} for key, one in sent.items()})
            plan.due_time = plan.create_time
            await work.commit()
        [job] = [job for block in self.core.core.registry.blocks for job in block.jobs if "capacities" in job.name]
        job.wake()

    async def records(self) -> Sequence[pb.ChargingProfileRecord]:
        """Return the record of profiles."""
        return (await self.api.ListChargingProfiles(pb.ListChargingProfilesRequest())).profiles

    async def events(self) -> Sequence[Event]:
        """Return the events about the station."""
        return await events(self.core.core.unit_of_work, self.station_id)

    async def settle(self, **given: float) -> pb.ChargingPlan:
        """Wait until the plan is settled, with shares by the name of the transaction."""
        return await self.until(lambda plan: plan.state == SETTLED and shares_of(plan) == given)


def shares_of(plan: pb.ChargingPlan) -> dict[str, float]:
    """Return what transactions are given."""
    return {share.transaction_id: share.given_a for share in plan.shares if share.evse_id}


def device_model(evses: int, **values: str) -> provisioning.NotifyReportRequest:
    """Return a report of the EVSEs of a station, and of variables of its SmartChargingCtrlr."""
    parts = [(types.Component(name="EVSE", evse=types.EVSE(id=number + 1)), "Power", "0") for number in range(evses)]
    parts += [(types.Component(name="SmartChargingCtrlr"), name, value) for name, value in values.items()]
    return provisioning.NotifyReportRequest(
        request_id=1,
        seq_no=0,
        generated_at=stamp(),
        report_data=[
            provisioning.ReportData(
                component=component,
                variable=types.Variable(name=name),
                variable_attribute=[provisioning.VariableAttribute(value=value)],
            )
            for component, name, value in parts
        ],
    )


def limit_of(source: str, amperes: float, evse_id: int | None = None) -> ocpp.NotifyChargingLimitRequest:
    """Return a limit that somebody else imposes."""
    schedule = types.ChargingSchedule(
        id=1,
        charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_A,
        charging_schedule_period=[types.ChargingSchedulePeriod(start_period=0, limit=amperes)],
    )
    limit = ocpp.ChargingLimit(charging_limit_source=source)
    return ocpp.NotifyChargingLimitRequest(charging_limit=limit, charging_schedule=[schedule], evse_id=evse_id)
