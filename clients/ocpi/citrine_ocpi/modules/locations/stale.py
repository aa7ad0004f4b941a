"""Sends locations to partners that registered or were resumed, and to parties that a hub reaches again."""

import asyncio
import logging

from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.modules.locations.sending import MODULE, LocationSender, StoredBefore, present_readers
from citrine_ocpi.partner import Partner
from citrine_ocpi.published import LocationFilters, PublishedRepository, StaleLocations
from citrine_ocpi.services import Services
from citrine_ocpi.transport import InterfaceRole

__all__ = ["StaleLocationsSender"]

LOOK = 2.0
"""Seconds between looks at whether somebody has not got a location as it is."""

AT_A_TIME = 50

MOST_WAITING = 500
"""Deliveries that wait for a partner, as long as there are more of which nothing is added."""

_logger = logging.getLogger(__name__)


class StaleLocationsSender:
    """Sends partners the locations that they have not got as they are. `run` goes on until it is cancelled.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sender = LocationSender(services)

    async def run(self) -> None:
        """Send what is stale until cancelled."""
        while True:
            try:
                await self._send()
            except Exception:
                _logger.exception("locations that partners have not got can't be sent")
            await asyncio.sleep(LOOK)

    async def _send(self) -> None:
        async with self._services.database.reading() as session:
            names = await StaleLocations(session).partners()
            # These are sent what they see once their filter is applied.
            names -= (await LocationFilters(session).changes()).keys()
        if not names:
            return
        for partner in await self._services.partners.list_active():
            is_receiver = partner.endpoint(MODULE, InterfaceRole.RECEIVER) is not None
            while partner.partner_id in names and is_receiver and await self._send_some(partner):
                pass

    async def _send_some(self, partner: Partner) -> bool:
        """Store some locations to be sent to a partner, and return whether there may be more to be sent now."""
        async with self._services.database.writing() as session:
            if await DeliveryRepository(session).count_waiting(partner.partner_id, MOST_WAITING) >= MOST_WAITING:
                return False
            repository = PublishedRepository(session)
            rows = await StaleLocations(session).next(partner.partner_id, present_readers(partner), AT_A_TIME)
            for row in rows:
                audience = await repository.audience(row)
                await self._sender.send(
                    session,
                    row,
                    StoredBefore(row.bodies, row.state, audience),
                    audience,
                    [partner],
                    is_shown=True,
                    is_refresh=False,
                    is_of_some=True,
                )
        return len(rows) == AT_A_TIME
