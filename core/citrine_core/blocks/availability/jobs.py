"""Resends ChangeAvailability to stations that lost the Inoperative state in a reboot (G03.FR.08, G04.FR.09)."""

import asyncio
import logging
from datetime import timedelta

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2.availability_pb2 import OPERATIONAL_STATUS_ENUM_INOPERATIVE, ChangeAvailabilityRequest
from citrine_core.background import Apart
from citrine_core.blocks.availability.models import WantedAvailability
from citrine_core.blocks.availability.repository import AvailabilityRepository
from citrine_core.errors import CoreError
from citrine_core.jobs import Job
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["AvailabilityReminders"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=30)
"""Interval between checks for availabilities that were lost in a reboot."""

MAX_REMINDERS = 50
"""Most commands that one core sends concurrently."""

REASON = "forgotten at a reboot"
"""Reason of the commands, and problem of availabilities whose command is not answered yet."""


class AvailabilityReminders:
    """Sends ChangeAvailability once after each boot that lost it. Several cores may run it concurrently."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._apart: Apart[tuple[str, str]] = Apart("availability after reboots")
        self.job = Job("availability after reboots", INTERVAL, self.run, is_shared=True)

    async def run(self) -> None:
        """Send a command for each lost availability. Its answer is recorded as that of any other command."""
        async with self._services.unit_of_work(read_only=True) as work:
            # Mostly there is none, so this read avoids a write transaction.
            forgotten = await AvailabilityRepository(work.session).forgotten(MAX_REMINDERS)
        if not forgotten:
            return
        async with self._services.unit_of_work() as work:
            repository, now = AvailabilityRepository(work.session), self._services.clock()
            claimed = [availability for availability in forgotten if await repository.claim(availability, REASON, now)]
            await work.commit()
        async with asyncio.TaskGroup() as tasks:
            for availability in claimed:
                asking = self._apart.run((availability.tenant_id, availability.station_id), self._ask, availability)
                tasks.create_task(asking, name=f"remind {availability.station_id}")

    async def _ask(self, availability: WantedAvailability) -> None:
        request = ChangeAvailabilityRequest(operational_status=OPERATIONAL_STATUS_ENUM_INOPERATIVE)
        if availability.evse_id:
            request.evse.id = availability.evse_id
        if availability.connector_id:
            request.evse.connector_id = availability.connector_id
        target = CommandTarget(station_id=availability.station_id, reason=REASON)
        try:
            await self._services.commands.send(system_caller(availability.tenant_id, "availability"), target, request)
        except CoreError as error:
            logger.warning(
                "a station could not be asked for its availability again",
                extra={"station_id": availability.station_id, "problem": str(error)},
            )
