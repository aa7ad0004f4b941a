"""Drivers and operators are shown a running cost that is reckoned to the same moment (I02)."""

import asyncio
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2 import ListTransactionCostsRequest
from citrine.edge.v1.link_pb2 import Command
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2.tariff_and_cost_pb2 import CostUpdatedResponse
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_transaction_costs import Costs, connect
from tests.support.charging import BEGINNING, started, updated
from tests.support.core import RunningCore

# A cent in a minute: what passes while the test runs is none.
PER_HOUR = tariff(element(component("CHARGING_TIME", "0.60")))


async def test_what_the_station_is_sent_is_what_the_api_shows(core: RunningCore) -> None:
    """The clock of the station is 4 minutes behind, which is tolerated: nobody is shown 4 minutes more."""
    api = Costs(core)
    await api.settings(running_cost=pb.RUNNING_COST_COST_UPDATED, running_cost_interval=Duration(seconds=3600))
    await api.assign(PER_HOUR)
    asked = asyncio.Event()

    def answer_command(command: Command) -> CostUpdatedResponse:
        asked.set()
        return CostUpdatedResponse()

    async with core.edge() as edge:
        edge.on_command = answer_command
        station = await connect(core, edge)
        await station.call(started(0, 0), receive_time=BEGINNING + timedelta(minutes=4))
        await station.call(updated(1, 0, minutes=60), receive_time=BEGINNING + timedelta(minutes=64))
        # Due at once, by settings that hold for what is under way.
        await api.settings(running_cost_interval=Duration(seconds=3600))
        await asyncio.wait_for(asked.wait(), 10)
        sent: list[Any] = [unwrap(command.request) for command in edge.commands]
        shown = await api.of()
        (listed,) = (await api.costs.ListTransactionCosts(ListTransactionCostsRequest(station_id="CS-1"))).costs

    assert [one.total_cost for one in sent] == [0.6]
    assert (shown.cost.total.after_tax, listed.cost.total.after_tax) == ("0.60", "0.60")
    reckoned = shown.reckoned_time.ToDatetime(BEGINNING.tzinfo) - BEGINNING
    assert timedelta(hours=1) <= reckoned < timedelta(hours=1, minutes=1)


async def test_what_was_queued_is_reckoned_to_its_arrival(core: RunningCore) -> None:
    """The last that is known is an hour old when it arrives: the driver still charges."""
    api = Costs(core)
    await api.assign(PER_HOUR)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 0))
        queued = updated(1, 0, minutes=60, offline=True)
        answer = await station.call(queued, receive_time=BEGINNING + timedelta(minutes=120))
        shown = await api.of()

    assert answer.total_cost == 1.2
    assert shown.cost.total.after_tax == "1.20"
