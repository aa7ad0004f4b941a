"""Removes what is stored of drivers: of a partner that is removed, and what is older than its retention."""

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.clock import Clock
from citrine_ocpi.config import OcpiSettings
from citrine_ocpi.db import Database
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.feed import LeftOutRepository
from citrine_ocpi.modules.commands.repository import CommandRepository
from citrine_ocpi.modules.reservations import ReservationRepository
from citrine_ocpi.modules.tokens.questions import RETENTION
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.partner import Partner
from citrine_ocpi.partners.owners import PartyOwnerRepository
from citrine_ocpi.partners.repository import PartnerRepository
from citrine_ocpi.published import PublishedRepository

__all__ = ["Retention", "remove_partner_data"]

INTERVAL = timedelta(hours=1)

AT_ONCE = 500
"""Objects of a module that one transaction removes."""

_logger = logging.getLogger(__name__)


async def remove_partner_data(session: AsyncSession, partner: Partner) -> None:
    """Remove tokens, sessions, CDRs, commands and reservations of a partner, as long as it is still known."""
    published = PublishedRepository(session)
    # Who ended the registration by itself has no parties any more.
    parties = partner.owned_parties() | await published.parties_of_recipient(partner.partner_id)
    partners = PartnerRepository(session)
    others = [one.partner_id for one in await partners.list_all() if one.partner_id != partner.partner_id]
    foreign = {(one.country_code, one.party_id) for one in await partners.parties(others)}
    foreign |= {(one.country_code, one.party_id) for one in await PartyOwnerRepository(session).owned(others)}
    own = [one for one in parties if (one.country_code, one.party_id) not in foreign]
    await published.remove_of_parties(own)
    names = [(one.country_code, one.party_id) for one in own]
    await TokenRepository(session).remove_of_partner(partner.partner_id, names)
    await CommandRepository(session).remove_of_partner(partner.partner_id)
    await ReservationRepository(session).remove_of_partner(partner.partner_id)
    await LeftOutRepository(session).remove_of_partner(partner.partner_id)


class Retention:
    """Removes what is too old. `run` goes on until it is cancelled.

    Args:
        database: Of the adapter.
        settings: Say how old it may be.
        clock: Returns the time now.
    """

    def __init__(self, database: Database, settings: OcpiSettings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def run(self) -> None:
        """Remove what is too old, every hour, until cancelled."""
        while True:
            try:
                await self.remove_old()
            except (SQLAlchemyError, OSError) as error:
                problem = " ".join(str(error).split())
                _logger.warning("what is too old can't be removed", extra={"problem": problem})
            await asyncio.sleep(INTERVAL.total_seconds())

    async def remove_old(self) -> None:
        """Remove what is too old."""
        now = self._clock()
        letters, objects = self._settings.ocpi_dead_letter_retention, self._settings.ocpi_object_retention
        async with self._database.writing() as session:
            await TokenRepository(session).remove_authorizations(now - RETENTION)
            await CommandRepository(session).remove_old(now)
            await ReservationRepository(session).remove_before(now - RETENTION)
            if letters is not None:
                await LeftOutRepository(session).remove_before(now - letters)
            if letters is not None and (count := await DeliveryRepository(session).remove_dead_before(now - letters)):
                _logger.info("dead letters were removed, since they are too old", extra={"count": count})
        count = AT_ONCE if objects is not None else 0
        while objects is not None and count == AT_ONCE:
            async with self._database.writing() as session:
                count = await PublishedRepository(session).remove_older(now - objects, AT_ONCE)
