"""Schedules that the core sends by itself, on whole cores."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import update

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine_core.blocks.smart_charging import Negotiation
from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.waiting import PAUSE, WAIT

NEEDS = ocpp.NotifyEVChargingNeedsRequest(
    evse_id=1,
    charging_needs=ocpp.ChargingNeeds(
        requested_energy_transfer=types.ENERGY_TRANSFER_MODE_ENUM_AC_SINGLE_PHASE,
        ac_charging_parameters=ocpp.ACChargingParameters(
            energy_amount=0, ev_min_current=6, ev_max_current=32, ev_max_voltage=230
        ),
    ),
)
ACCEPTED = ocpp.SetChargingProfileResponse(status=ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)


async def connected(edge: FakeEdge, station_id: str) -> FakeSession:
    session = await edge.connect(station_id, PASSWORD)
    await session.call(HeartbeatRequest())
    return session


async def charging(core: RunningCore, edge: FakeEdge, station_id: str) -> FakeSession:
    await core.add_station(station_id, registration=1)
    session = await connected(edge, station_id)
    await session.call(started(0, evse=(1, 1)))
    return session


async def test_a_schedule_that_a_core_did_not_send_is_sent_by_the_next(database_url: str, tmp_path: Path) -> None:
    """What is promised with the answer is stored with it; the station gets it when it is back."""
    async with running_core(database_url, tmp_path, charging_plans="clients") as core, core.edge() as edge:
        await (await charging(core, edge, "CS-1")).call(NEEDS)
        async with core.core.unit_of_work() as work:
            # As a core leaves it that stops right after the answer.
            await work.session.execute(update(Negotiation).values(state=pb.CHARGING_NEGOTIATION_STATE_PENDING))
            await work.commit()

    async with running_core(database_url, tmp_path) as core, core.edge() as edge:
        edge.on_command = lambda command: ACCEPTED
        await connected(edge, "CS-1")
        request: Any = unwrap((await edge.next("command")).request)

    assert request.charging_profile.charging_schedule[0].charging_schedule_period[0].limit == 32.0


async def test_a_schedule_waits_for_its_transaction(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        edge.on_command = lambda command: ACCEPTED
        session = await connected(edge, "CS-1")
        answer = await session.call(NEEDS)
        await session.call(started(0, evse=(1, 1)))
        async with core.core.unit_of_work() as work:
            await work.session.execute(update(Negotiation).values(due_time=Negotiation.create_time))
            await work.commit()
        [plans] = [job for block in core.core.registry.blocks for job in block.jobs if "vehicles" in job.name]
        plans.wake()
        request: Any = unwrap((await edge.next("command")).request)

    assert answer.status == ocpp.NOTIFY_EV_CHARGING_NEEDS_STATUS_ENUM_PROCESSING
    assert request.charging_profile.transaction_id == "T-1"


async def test_a_station_that_does_not_answer_keeps_no_other_waiting(core: RunningCore) -> None:
    def answer(command: link.Command) -> ocpp.SetChargingProfileResponse | None:
        return None if command.session.station_id == "CS-1" else ACCEPTED

    async with core.edge() as edge:
        edge.on_command = answer
        commands = []
        for station_id in ("CS-1", "CS-2"):
            await (await charging(core, edge, station_id)).call(NEEDS)
            commands.append(await edge.next("command"))
        api = core.stub(SmartChargingServiceStub)
        second, first = (await api.ListChargingNegotiations(pb.ListChargingNegotiationsRequest())).negotiations

        waited = first.state
        edge.put(link.Upstream(command_result=edge.result(commands[0], ACCEPTED)))
        async with asyncio.timeout(WAIT):
            while first.state != pb.CHARGING_NEGOTIATION_STATE_ACCEPTED:
                first = (await api.ListChargingNegotiations(pb.ListChargingNegotiationsRequest())).negotiations[1]
                await asyncio.sleep(PAUSE)

    assert [command.session.station_id for command in commands] == ["CS-1", "CS-2"]
    assert waited == pb.CHARGING_NEGOTIATION_STATE_SENT
    assert second.station_id == "CS-2"
