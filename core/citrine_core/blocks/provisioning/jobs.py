"""Forgets stations that nobody knows and that did not come back."""

import logging
from datetime import timedelta

from citrine_core.jobs import Job
from citrine_core.resources.stations.repository import StationRepository
from citrine_core.services import Services

__all__ = ["HeldStations"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(hours=1)
"""Time from one look for such stations to the next."""

KEPT = timedelta(days=7)
"""How long a station is held that does not connect."""

MAX_ROWS = 100
"""Stations that are removed in one transaction at most."""


class HeldStations:
    """Stations that are held until an operator accepts them; several cores may look after them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.job = Job("stations that are held", INTERVAL, self.run)

    async def run(self) -> None:
        """Remove those that were not heard of for a week: the places are few, and anybody can take them."""
        since = self._services.clock() - KEPT
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
