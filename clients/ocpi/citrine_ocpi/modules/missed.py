"""What partners missed while they were suspended or not registered: it is sent once they get anything."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from citrine_ocpi.deliveries import Push
from citrine_ocpi.partner import Partner
from citrine_ocpi.published import PublishedRepository, PublishedRow
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Party

__all__ = ["Missed"]

LOOK = 5.0
"""Seconds between looks at whether somebody missed something."""

RECENT = timedelta(hours=1)
"""How old what is looked at may be, for partners of whom all was looked at."""

AT_A_TIME = 200

_logger = logging.getLogger(__name__)


class Missed:
    """Sends the objects of a module that partners may see and were never sent. `run` goes on until it is cancelled.

    Args:
        services: Of the adapter.
        module: Whose objects are for the parties of their audience alone.
        push: Makes what is sent to a partner of an object, for a party behind it.
        is_once: Whether what anybody was sent is missed by nobody: its party has it, by whatever connection.
    """

    def __init__(
        self,
        services: Services,
        module: str,
        push: Callable[[Partner, PublishedRow, Party], Push],
        *,
        is_once: bool = False,
    ) -> None:
        self._services = services
        self._module = module
        self._push = push
        self._is_once = is_once
        self._served: dict[str, tuple[datetime | None, frozenset[Party]]] = {}
        """When those partners registered of whom all was looked at, and who they were."""

    async def run(self) -> None:
        """Send what was missed until cancelled."""
        while True:
            try:
                await self._send()
            except Exception:
                _logger.exception("what partners missed can't be sent", extra={"objects": self._module})
            await asyncio.sleep(LOOK)

    async def _send(self) -> None:
        partners = await self._services.partners.list_active()
        active = {one.partner_id for one in partners}
        self._served = {name: known for name, known in self._served.items() if name in active}
        for partner in partners:
            now = (partner.register_time, partner.owned_parties())
            is_served = partner.register_time is not None and self._served.get(partner.partner_id) == now
            since = self._services.clock() - RECENT if is_served else None
            while await self._send_some(partner, since) == AT_A_TIME:
                pass
            self._served[partner.partner_id] = now

    async def _send_some(self, partner: Partner, since: datetime | None) -> int:
        """Store some of what a partner missed to be sent, and return how much there was."""
        parties = partner.owned_parties()
        if not parties:
            return 0
        by = None if self._is_once else partner.partner_id
        async with self._services.database.reading() as session:
            # Mostly there is nothing, and nobody waits for it.
            if not await PublishedRepository(session).missed(self._module, by, parties, since, 1):
                return 0
        async with self._services.database.writing() as session:
            repository = PublishedRepository(session)
            rows = await repository.missed(self._module, by, parties, since, AT_A_TIME, is_locked=True)
            pushes = [
                self._push(partner, row, party)
                for row, party in rows
                # Another replica may be first.
                if await repository.add_recipients(row, {partner.partner_id})
            ]
            await self._services.outbox.add(session, pushes)
        return len(rows)
