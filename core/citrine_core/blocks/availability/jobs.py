"""Takes out of service again what a station forgot at a reboot, though it should not (G03.FR.08, G04.FR.09)."""

import asyncio
import logging
from datetime import timedelta

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2.availability_pb2 import OPERATIONAL_STATUS_ENUM_INOPERATIVE, ChangeAvailabilityRequest
from citrine_core.blocks.availability.models import WantedAvailability
from citrine_core.blocks.availability.repository import AvailabilityRepository
from citrine_core.errors import CoreError
from citrine_core.jobs import Job
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["AvailabilityReminders"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=30)
"""Time from one look for what was forgotten to the next."""

MAX_REMINDERS = 50
"""Commands that one core sends at a time."""

REASON = "forgotten at a reboot"
"""Of the commands, and of what is not answered yet."""


class AvailabilityReminders:
    """Asks once more, once after each boot; several cores may do so."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.job = Job("availability after reboots", INTERVAL, self.run)

    async def run(self) -> None:
        """Ask for all that was forgotten. What the station answers is kept as with any other change."""
        async with self._services.unit_of_work(read_only=True) as work:
            # Looked for before it is a writer's turn: mostly there is none.
            forgotten = await AvailabilityRepository(work.session).forgotten(MAX_REMINDERS)
        if not forgotten:
            return
        async with self._services.unit_of_work() as work:
            repository, now = AvailabilityRepository(work.session), self._services.clock()
            claimed = [availability for availability in forgotten if await repository.claim(availability, REASON, now)]
            await work.commit()
        async with asyncio.TaskGroup() as tasks:
            for availability in claimed:
                tasks.create_task(self._ask(availability), name=f"remind {availability.station_id}")

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
                "a station could not be asked again",
                extra={"station_id": availability.station_id, "problem": str(error)},
            )
