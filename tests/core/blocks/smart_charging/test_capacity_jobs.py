"""Plans on several stations and cores, what is left undone, and what others are spared."""

from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine_core.blocks.smart_charging import CapacityPlan, ProfileRecord
from tests.support.charging import started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fused_site import SETTLED, FusedSite
from tests.support.fused_station import FusedStation
from tests.support.statements import statements


async def test_an_ordinary_event_of_a_station_without_a_plan_costs_no_statement(core: RunningCore) -> None:
    """Which stations have a plan is asked once in two seconds, for all of a tenant."""
    async with core.edge() as edge:
        await core.add_station("CS-9", registration=1)
        session = await edge.connect("CS-9", PASSWORD)
        await session.call(started(0, 0, evse=(1, 1)))
        with statements(core.core.engine) as seen:
            for number in range(1, 21):
                await session.call(updated(number, 100 * number))

    assert sum("charging_" in text and "charging_state" not in text for text, _ in seen) <= 3


async def test_a_station_that_does_not_answer_keeps_no_other_waiting(core: RunningCore) -> None:
    sites = []
    async with core.edge() as edge:
        fused = {f"CS-{number}": FusedStation() for number in range(1, 4)}

        def answer(command: link.Command) -> Any:
            station_id = command.session.station_id
            return fused[station_id].answer(command) if station_id != "CS-1" else None

        edge.on_command = answer
        for station_id, station in fused.items():
            await core.add_station(station_id, registration=1)
            session = await edge.connect(station_id, PASSWORD)
            await session.call(HeartbeatRequest())
            sites.append(FusedSite(core, session, station))
            await sites[-1].capacity(settles=False, max_current_a=32)
        silent, *others = sites
        for site in others:
            await site.until(lambda plan: plan.state == SETTLED)
            await site.start(1, "T-1")
            await site.settle(**{"T-1": 32})
        waits = await silent.until(lambda plan: plan.state == pb.CHARGING_PLAN_STATE_CHANGING)

        assert waits.shares[0].HasField("pending_a")


async def test_two_cores_on_one_database_promise_together(database_url: str, tmp_path: Path) -> None:
    """Messages come by the one, capacities are set by the other; each answer is handled by the one that sent."""
    (tmp_path / "two").mkdir()
    async with running_core(database_url, tmp_path) as core, running_core(database_url, tmp_path / "two") as other:
        await core.add_station("CS-1", registration=1)
        fused = FusedStation()
        async with core.edge() as edge, other.edge() as second:
            edge.on_command = second.on_command = fused.answer
            session = await edge.connect("CS-1", PASSWORD)
            await session.call(HeartbeatRequest())
            site, there = FusedSite(core, session, fused), FusedSite(other, session, fused)
            await site.capacity(max_current_a=32)
            await site.start(1, "T-1")
            await site.settle(**{"T-1": 32})
            await there.capacity(settles=False, max_current_a=20)
            wake(other)
            await site.start(2, "T-2")
            wake(core)
            await site.settle(**{"T-1": 10, "T-2": 10})

    assert fused.drawn() == 20


def wake(core: RunningCore) -> None:
    """Have a core look at the plans that are due."""
    [job] = [job for block in core.core.registry.blocks for job in block.jobs if "capacities" in job.name]
    job.wake()


async def test_what_a_core_left_undone_another_one_does(database_url: str, tmp_path: Path) -> None:
    """One that stops between the record and the message: what it may have sent is reckoned with, and sent again."""
    async with running_core(database_url, tmp_path) as core:
        await core.add_station("CS-1", registration=1)
        fused = FusedStation()
        async with core.edge() as edge:
            edge.on_command = lambda command: None
            session = await edge.connect("CS-1", PASSWORD)
            await session.call(HeartbeatRequest())
            await FusedSite(core, session, fused).capacity(settles=False, max_current_a=32)
            await edge.next("command")
    async with running_core(database_url, tmp_path) as core, core.edge() as edge:
        edge.on_command = fused.answer
        async with core.core.unit_of_work() as work:
            for record in await work.session.scalars(select(ProfileRecord)):
                record.wanted_until = record.create_time
            await work.session.execute(update(CapacityPlan).values(due_time=CapacityPlan.create_time))
            await work.commit()
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        site = FusedSite(core, session, fused)
        await site.again()
        await site.until(lambda plan: plan.state == SETTLED)

    assert fused.limit(1) == 0
