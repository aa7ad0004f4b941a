"""Jobs of block B: removal of held stations that nobody accepts, and requests for the inventory of new stations."""

import asyncio
import logging
from datetime import timedelta

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.reports_pb2 import REPORT_KIND_DEVICE_MODEL
from citrine.ocpp.v2.provisioning_pb2 import REPORT_BASE_ENUM_FULL_INVENTORY, GetBaseReportRequest
from citrine_core.background import Apart
from citrine_core.errors import CoreError
from citrine_core.jobs import Job
from citrine_core.resources.reports import ReportRequests
from citrine_core.resources.stations.registrations import RegistrationRepository
from citrine_core.resources.stations.repository import StationRepository
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["HeldStations", "Inventories"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(hours=1)
"""Interval between checks for such stations."""

RETENTION = timedelta(days=7)
"""How long a station that does not connect is held."""

MAX_ROWS = 100
"""Most stations removed in one transaction."""


class HeldStations:
    """Removes held stations that no operator accepted; several cores may run it at the same time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.job = Job("stations that are held", INTERVAL, self.run, is_shared=True)

    async def run(self) -> None:
        """Remove held stations that were not seen for a week: anybody can occupy the few places for them."""
        since = self._services.clock() - RETENTION
        while True:
            async with self._services.unit_of_work() as work:
                stations = StationRepository(work.session)
                silent = await stations.held_and_silent(since, MAX_ROWS)
                for station in silent:
                    await self._services.forget_station(work, station.tenant_id, station.station_id)
                    await stations.remove(station)
                await work.commit()
            if silent:
                logger.info("stations that nobody accepted are forgotten", extra={"stations": len(silent)})
            if len(silent) < MAX_ROWS:
                return


INVENTORY_INTERVAL = timedelta(seconds=5)
"""Interval between checks for stations whose inventory is due."""

INVENTORIES = 20
"""Most stations that one core asks at a time, so that a fleet that boots at once sends its inventories gradually."""

INVENTORY_RETRY = timedelta(minutes=5)
"""Time until the retry, if a station did not answer or could not send a report at that time (B07.FR.13)."""

INVENTORY_ATTEMPTS = 3

INVENTORY_OF_ABSENT = timedelta(hours=1)
"""Time until the next look at a station that is not connected, or not accepted, when its inventory is due. As many as
a network may lose at once are then looked at once an hour, and not with each look for work."""

LOOK_AT = 200
"""Due stations that are read at a time."""

WHO = "inventory"


class Inventories:
    """Requests the full inventory of new stations and of those with other firmware; several cores may do so."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reports = ReportRequests(services)
        self._apart: Apart[tuple[str, str]] = Apart("inventories of new stations")
        self.job = Job(
            "inventories of new stations", INVENTORY_INTERVAL, self.run, due=RegistrationRepository.inventory_due()
        )

    async def run(self) -> None:
        """Request all inventories that are due."""
        while due := await self._claim():
            async with asyncio.TaskGroup() as tasks:
                for tenant_id, station_id in due:
                    asking = self._apart.run((tenant_id, station_id), self._ask, tenant_id, station_id)
                    tasks.create_task(asking, name=f"inventory of {station_id}")

    async def _claim(self) -> list[tuple[str, str]]:
        """Claim the inventories of some stations; postpone those of stations that can't be asked now."""
        claimed: list[tuple[str, str]] = []
        now, is_rest = self._services.clock(), True
        while is_rest and not claimed:
            async with self._services.unit_of_work(read_only=True) as work:
                # The query runs before the write transaction begins, because usually no inventory is due.
                due = await RegistrationRepository(work.session).due_inventories(now, LOOK_AT)
            if not due:
                break
            is_rest = len(due) == LOOK_AT
            absent = {(one.tenant_id, one.station_id) for one in due if not one.can_be_asked}
            async with self._services.unit_of_work() as work:
                stations = RegistrationRepository(work.session)
                if absent:
                    await stations.postpone_inventories(absent, now, now + INVENTORY_OF_ABSENT)
                for one in [one for one in due if one.can_be_asked][:INVENTORIES]:
                    if await stations.claim_inventory(
                        one.tenant_id, one.station_id, one.due_time, now + INVENTORY_RETRY, INVENTORY_ATTEMPTS
                    ):
                        claimed.append((one.tenant_id, one.station_id))
                await work.commit()
        return claimed

    async def _ask(self, tenant_id: str, station_id: str) -> None:
        target = CommandTarget(station_id=station_id, reason=WHO)
        request = GetBaseReportRequest(report_base=REPORT_BASE_ENUM_FULL_INVENTORY)
        try:
            await self._reports.send(system_caller(tenant_id, WHO), target, request, REPORT_KIND_DEVICE_MODEL)
        except CoreError as error:
            logger.info(
                "a station was not asked for its inventory", extra={"station_id": station_id, "problem": str(error)}
            )
