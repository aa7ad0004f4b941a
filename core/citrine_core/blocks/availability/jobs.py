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

MAX_WISHES = 50
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
            forgotten = await AvailabilityRepository(work.session).forgotten(MAX_WISHES)
        if not forgotten:
            return
        async with self._services.unit_of_work() as work:
            repository, now = AvailabilityRepository(work.session), self._services.clock()
            taken = [wish for wish in forgotten if await repository.take(wish, REASON, now)]
            await work.commit()
        async with asyncio.TaskGroup() as tasks:
            for wish in taken:
                tasks.create_task(self._ask(wish), name=f"remind {wish.station_id}")

    async def _ask(self, wish: WantedAvailability) -> None:
        request = ChangeAvailabilityRequest(operational_status=OPERATIONAL_STATUS_ENUM_INOPERATIVE)
        if wish.evse_id:
            request.evse.id = wish.evse_id
        if wish.connector_id:
            request.evse.connector_id = wish.connector_id
        target = CommandTarget(station_id=wish.station_id, reason=REASON)
        try:
            await self._services.commands.send(system_caller(wish.tenant_id, "availability"), target, request)
        except CoreError as error:
            logger.warning(
                "a station could not be asked again",
                extra={"station_id": wish.station_id, "problem": str(error)},
            )
