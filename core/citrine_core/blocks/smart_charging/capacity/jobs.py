"""The job that updates due plans and sends their profiles, in passes, until a station has all profiles of its plan.

Each pass reads the state of the station, and sends the profiles that may be sent now. They are recorded before they
are sent, and each answer makes the plan due again. So the next pass, also after a crash or on another core, continues
from the record.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.protobuf.message import Message

from citrine.api.v1 import common_pb2 as common
from citrine_core.background import Apart
from citrine_core.blocks.smart_charging.capacity.look import LONGEST_ANSWER, Order, Planning
from citrine_core.blocks.smart_charging.capacity.repository import PlanRepository
from citrine_core.errors import CoreError
from citrine_core.jobs import Job
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["CapacityPlans"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=15)
"""Interval between checks for due plans; triggers wake the job at once."""

LEASE = timedelta(seconds=30)
"""How long the claim of a core on a plan lasts, before another core may process it."""

AT_ONCE = 64
"""Most profiles that a core sends concurrently."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A plan that this core has claimed."""

    tenant_id: str
    station_id: str
    until: datetime


class CapacityPlans:
    """Updates due plans, and sends their profiles. Several cores may run it concurrently."""

    def __init__(self, services: Services, planning: Planning) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._planning = planning
        self._more = asyncio.Event()
        self._apart: Apart[tuple[str, str]] = Apart("capacities of stations")
        self.job = Job("capacities of stations", INTERVAL, self.run, due=PlanRepository.due())

    def wake(self) -> None:
        """Process due plans now. Called by `work.after_commit`."""
        self._more.set()
        self.job.wake()

    async def run(self) -> None:
        """Process all due plans; a station that does not answer does not delay the others."""
        sending: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._more.clear()
                while len(sending) < AT_ONCE and (claimed := await self._claim()) is not None:
                    for order in await self._look(claimed):
                        one = self._apart.run((order.tenant_id, order.station_id), self._send, order)
                        sending.add(tasks.create_task(one, name=f"share of {order.station_id}"))
                    sending = {task for task in sending if not task.done()}
                if not sending:
                    return
                more = tasks.create_task(self._wait_for_more(), name="more plans")
                await asyncio.wait({*sending, more}, return_when=asyncio.FIRST_COMPLETED)
                more.cancel()
                sending = {task for task in sending if not task.done()}

    async def _wait_for_more(self) -> None:
        await self._more.wait()

    async def _claim(self) -> _Claimed | None:
        now = self._clock()
        async with self._unit_of_work(read_only=True) as work:
            if not await PlanRepository(work.session).is_any_due(now):
                return None
        async with self._unit_of_work() as work:
            until = now + LEASE
            found = await PlanRepository(work.session).claim(now, until)
            await work.commit()
        return _Claimed(*found, until) if found is not None else None

    async def _look(self, claimed: _Claimed) -> Sequence[Order]:
        try:
            async with self._unit_of_work() as work:
                orders = await self._planning.look(
                    work, claimed.tenant_id, claimed.station_id, claimed.until, self._clock()
                )
                await work.commit()
        except Exception as error:
            # A plan that fails must not delay the others; it is due again when its lease expires.
            logger.error("a plan could not be made", extra={"station_id": claimed.station_id}, exc_info=error)
            return []
        return orders

    async def _send(self, order: Order) -> None:
        target = common.CommandTarget(station_id=order.station_id, reason=order.reason)
        target.timeout.FromTimedelta(LONGEST_ANSWER)
        message: Message = order.message
        try:
            await self._services.commands.send(system_caller(order.tenant_id, "capacity"), target, message)
        except CoreError as error:
            # The handler of the failure records the end of the command, and makes the plan due again.
            extra = {"station_id": order.station_id, "problem": str(error)}
            logger.info("a profile that sets a share of a capacity was not accepted", extra=extra)
