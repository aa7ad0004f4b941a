"""The job that stamps tariffs which cores of before `update_time` change, so that no list by time misses them."""

from datetime import timedelta

from citrine_core.blocks.tariff_and_cost.repository import TariffRepository
from citrine_core.db.changes import change_time
from citrine_core.services import Services

__all__ = ["STAMP_INTERVAL", "UnstampedTariffs"]

STAMP_INTERVAL = timedelta(minutes=1)


class UnstampedTariffs:
    """Stamps tariffs that changed without it, while cores of before the upgrade still run and once they ended."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def run(self) -> None:
        """Stamp all there are. They changed now, for readers may have asked up to now."""
        async with self._unit_of_work(read_only=True) as work:
            # Mostly there is none, and then nobody has to wait for a turn to write.
            if not await TariffRepository(work.session).has_unstamped():
                return
        async with self._unit_of_work() as work:
            await TariffRepository(work.session).stamp(await change_time(work.session, self._clock))
            await work.commit()
