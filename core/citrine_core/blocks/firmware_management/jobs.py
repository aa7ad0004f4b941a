"""The job that ends updates and publications about which stations report nothing for too long."""

from citrine_core.blocks.firmware_management.campaigns.following import follow
from citrine_core.blocks.firmware_management.models import FirmwarePublication, FirmwareUpdate
from citrine_core.blocks.firmware_management.publications import end_silent_publication
from citrine_core.blocks.firmware_management.repository import FirmwareRepository
from citrine_core.blocks.firmware_management.updates import apply_silence, changed_event
from citrine_core.services import Services

__all__ = ["Silence"]

MOST = 500
"""Most updates that are ended in one transaction."""


class Silence:
    """Ends updates and publications whose deadline has passed. Several cores may run it concurrently."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._silence = services.settings.firmware_silence

    async def run(self) -> None:
        """End all that are due, except for those that another core has locked."""
        while await self._end_updates():
            pass
        while await self._end_publications():
            pass

    async def _end_updates(self) -> bool:
        now = self._clock()
        async with self._unit_of_work(read_only=True) as work:
            if not await FirmwareRepository(work.session).has_silent(FirmwareUpdate, now):
                return False
        async with self._unit_of_work() as work:
            rows = await FirmwareRepository(work.session).silent(FirmwareUpdate, now, MOST)
            for row in rows:
                apply_silence(row, now, self._silence)
                work.emit(changed_event(row))
            await follow(work, rows, now)
            await work.commit()
        return len(rows) == MOST

    async def _end_publications(self) -> bool:
        now = self._clock()
        async with self._unit_of_work(read_only=True) as work:
            if not await FirmwareRepository(work.session).has_silent(FirmwarePublication, now):
                return False
        async with self._unit_of_work() as work:
            rows = await FirmwareRepository(work.session).silent(FirmwarePublication, now, MOST)
            for row in rows:
                work.emit(end_silent_publication(row, now, self._silence))
            await work.commit()
        return len(rows) == MOST
