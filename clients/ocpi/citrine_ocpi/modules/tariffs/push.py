"""Sends tariffs to partners when they change, and when partners are shown others than before."""

import asyncio
import hashlib
import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from urllib.parse import quote

import grpc
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.events.v1.events_pb2 import Event
from citrine_ocpi.deliveries import Push
from citrine_ocpi.encryption import EncryptionKeyError
from citrine_ocpi.feed import Effect, LeftOutRepository, Subject
from citrine_ocpi.models import OcpiModel
from citrine_ocpi.modules.tariffs.catalog import Catalog, Offers, Shown
from citrine_ocpi.modules.tariffs.repository import SentTariffRepository
from citrine_ocpi.partner import Partner
from citrine_ocpi.services import Services
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.status import InterfaceRole

__all__ = ["MODULE", "TariffPushes"]

MODULE = "tariffs"

REFRESH = 300.0
"""Seconds after which what partners are shown is compared with what they were sent: assignments begin and end without
an event, tokens come into groups, and partners register."""

_logger = logging.getLogger(__name__)


class TariffPushes:
    """Makes pushes of changed tariffs.

    Args:
        services: Of the adapter.
        catalog: Knows who is shown what.
    """

    kinds: Collection[str] = ("tariff_changed",)

    def __init__(self, services: Services, catalog: Catalog) -> None:
        self._services = services
        self._catalog = catalog

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what partners are to be sent of the tariffs that changed."""
        return await self._effects({event.tariff_changed.tariff_id for event in events})

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return what partners are to be sent of all tariffs."""
        return await self._effects(None)

    async def refresh(self) -> None:
        """Compare all tariffs with what partners were sent, again and again, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH)
            try:
                for effect in await self._effects(None):
                    async with self._services.database.writing() as session:
                        await effect(session)
            except (grpc.aio.AioRpcError, SQLAlchemyError, OSError, EncryptionKeyError) as error:
                _logger.warning("tariffs of partners can't be compared", extra={"problem": type(error).__name__})

    async def _effects(self, tariff_ids: Collection[str] | None) -> list[Effect]:
        partners = [
            one
            for one in await self._services.partners.list_active()
            if one.endpoint(MODULE, InterfaceRole.RECEIVER) is not None
        ]
        if not partners:
            return []
        offers = await self._catalog.read(tariff_ids)
        return [
            self._effect(partner, offers.party, tariff_ids, await self._shown_to(partner, offers))
            for partner in partners
            if offers.party is not None
        ]

    async def _shown_to(self, partner: Partner, offers: Offers) -> Shown:
        assert partner.version is not None
        return await self._catalog.shown_to(partner.owned_parties(), partner.version, offers)

    def _effect(self, partner: Partner, party: Party, tariff_ids: Collection[str] | None, shown: Shown) -> Effect:
        async def store(session: AsyncSession) -> None:
            repository = SentTariffRepository(session)
            pushes = []
            sent = await repository.sent(partner.partner_id) if partner.is_hub else {}
            for tariff_id, expressed in shown.tariffs.items():
                receivers = _receivers(partner, shown.audiences[tariff_id])
                if not receivers:
                    continue
                names = [str(one) for one in receivers if one is not None] if partner.is_hub else []
                text = f"{partner.register_time} {expressed.tariff.model_dump_json()}"
                digest = hashlib.sha256(text.encode()).hexdigest()
                known, had = sent.get(tariff_id, ("", ()))
                if await repository.store(partner.partner_id, tariff_id, digest, str(party), names):
                    if expressed.approximations:
                        said = {"partner": partner.partner_id, "tariff": tariff_id, "rules": expressed.approximations}
                        _logger.info("a tariff is approximated", extra=said)
                    # Who got it as it is does not get it again, because another party comes or goes.
                    new = [one for one in receivers if known != digest or str(one) not in had]
                    pushes += [_push(partner, party, tariff_id, expressed.tariff, one) for one in new]
                    lost = [Party.parse(one) for one in had if names and one not in names]
                    # Who is not reached at present lists what there is once it is.
                    pushes += [_push(partner, party, tariff_id, None, one) for one in lost if partner.reaches(one)]
            for tariff_id, of, to in await repository.remove(partner.partner_id, tariff_ids, shown.tariffs.keys()):
                receivers = [Party.parse(one) for one in to] or [None]
                pushes += [_push(partner, Party.parse(of), tariff_id, None, one) for one in receivers]
            await self._services.outbox.add(session, pushes)
            left_out = LeftOutRepository(session)
            await left_out.remove_but(partner.partner_id, MODULE, tariff_ids, shown.refused.keys())
            for tariff_id, error in shown.refused.items():
                subject = Subject(MODULE, tariff_id)
                await left_out.add(subject, partner.partner_id, str(error), self._services.clock())
                said = {"partner": partner.partner_id, "tariff": tariff_id, "problem": str(error)}
                _logger.warning("a tariff is not shown: OCPI can't say it", extra=said)

        return store


def _receivers(partner: Partner, audience: Collection[Party] | None) -> Sequence[Party | None]:
    """Return for whom a tariff is sent to a partner. None: for the partner, or for all behind a hub."""
    if not partner.is_hub:
        return [next((one.party for one in partner.parties if audience and one.party in audience), None)]
    return [None if one == partner.hub else one for one in partner.receivers(audience)]


def _push(
    partner: Partner, party: Party, tariff_id: str, tariff: OcpiModel | None, receiver: Party | None = None
) -> Push:
    return Push(
        partner_id=partner.partner_id,
        module=MODULE,
        object_key=f"{MODULE}/{party}/{tariff_id}{f'@{receiver}' if receiver and partner.is_hub else ''}",
        path=f"{party.country_code}/{party.party_id}/{quote(tariff_id, safe='')}",
        body=tariff,
        routing=partner.routing(party, receiver),
        method="PUT" if tariff is not None else "DELETE",
    )
