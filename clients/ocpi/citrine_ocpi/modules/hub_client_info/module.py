"""What hubs tell of the parties behind them: received, and listed from time to time."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.encryption import EncryptionKeyError
from citrine_ocpi.feed import Listener
from citrine_ocpi.models import v2_2_1, v2_3_0, written_time
from citrine_ocpi.partner import OPERATORS, Partner
from citrine_ocpi.partners.hub_clients import Arrival, HubClientRepository
from citrine_ocpi.partners.owners import PartyOwnerRepository
from citrine_ocpi.published import StaleLocations
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.client import PartnerFailed, PartnerRefused
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.errors import InvalidParameters, MethodNotAllowed, NotFound
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.status import InterfaceRole, Version

__all__ = ["MODULE", "HubClientInfoModule"]

MODULE = "hubclientinfo"

LOOK = 15.0
"""Seconds after which hubs are looked for that have registered, or whose list is old."""

LIST_INTERVAL = timedelta(hours=1)
"""How often the list of a hub is read, beside what it tells by itself."""

OVERLAP = timedelta(minutes=5)
"""How much before the last list the next one begins."""

_MODELS: Mapping[Version, type[v2_2_1.ClientInfo] | type[v2_3_0.ClientInfo]] = {
    Version.V2_2_1: v2_2_1.ClientInfo,
    Version.V2_3_0: v2_3_0.ClientInfo,
}

_logger = logging.getLogger(__name__)

ClientInfo = v2_2_1.ClientInfo | v2_3_0.ClientInfo


class HubClientInfoModule:
    """Stores what hubs say of the parties behind them.

    Args:
        services: Of the adapter.
        look: Seconds after which hubs are looked for that were not asked lately.
    """

    def __init__(self, services: Services, look: float = LOOK) -> None:
        self._services = services
        self._look = look
        self._listed: dict[tuple[str, datetime | None], datetime] = {}
        """When the list of a hub was read, by the hub and its registration."""

    def endpoints(self) -> Sequence[Endpoint]:
        """Return what hubs call."""
        handlers = {"GET": self._show, "PUT": self._store}
        return [Endpoint(MODULE, InterfaceRole.RECEIVER, "{country_code}/{party_id}", handlers)]

    def listeners(self) -> Sequence[Listener]:
        """Return nothing: the core has no events of hubs."""
        return ()

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return what reads the lists of hubs."""
        return [self._follow]

    # What hubs call.

    async def _show(self, call: Call) -> Reply:
        party = _party(call)
        async with self._services.database.reading() as session:
            row = await HubClientRepository(session).find(call.partner.partner_id, party)
        if row is None:
            raise NotFound(f"{party} is not known")
        fields = {"country_code": row.country_code, "party_id": row.party_id, "last_updated": row.update_time}
        return Reply(_MODELS[call.version].model_validate({**fields, "role": row.role, "status": row.status}))

    async def _store(self, call: Call) -> Reply:
        if not call.partner.is_hub:
            raise MethodNotAllowed("parties are behind hubs alone")
        info: ClientInfo = call.model(_MODELS[call.version])
        if _party_of(info) != _party(call):
            raise InvalidParameters("country_code and party_id are others in the path than in the body")
        await self._store_all(call.partner, [info])
        return Reply()

    async def _store_all(self, hub: Partner, infos: Sequence[ClientInfo]) -> None:
        own, now = set(await self._services.partners.own_parties()), self._services.clock()
        waiting = set[str]()
        async with self._services.database.writing() as session:
            repository, arrivals = HubClientRepository(session), list[tuple[Party, str, Arrival]]()
            for info in infos:
                # We are behind it ourselves.
                if (party := _party_of(info)) in own:
                    continue
                role, status = info.role[:20], info.status[:20]
                arrival = await repository.store(hub.partner_id, party, role, status, info.last_updated, now)
                arrivals.append((party, role, arrival))
            owned = await PartyOwnerRepository(session).claim(hub.partner_id, {party for party, _, _ in arrivals})
            for party, role, arrival in arrivals:
                if party not in owned:
                    waiting |= {str(party)} if arrival is not Arrival.NONE else set()
                elif arrival is Arrival.NEW and role not in OPERATORS:
                    await StaleLocations(session).add_all(hub.partner_id, party, is_anew=True)
                elif arrival is Arrival.BACK:
                    await DeliveryRepository(session).begin_anew(hub.partner_id, now, party)
        if waiting:
            extra = {"partner": hub.partner_id, "parties": ", ".join(sorted(waiting))}
            _logger.warning("parties behind a hub wait for citrine ocpi partner accept", extra=extra)
        self._services.outbox.filled.set()

    # What is asked of hubs.

    async def _follow(self) -> None:
        while True:
            try:
                for hub in await self._services.partners.list_active():
                    if hub.is_hub:
                        await self._read(hub)
            except (SQLAlchemyError, OSError, EncryptionKeyError):
                _logger.exception("parties behind hubs can't be stored")
            await asyncio.sleep(self._look)

    async def _read(self, hub: Partner) -> None:
        """Read the list of a hub, where that was not done lately."""
        key, now = (hub.partner_id, hub.register_time), self._services.clock()
        endpoint, listed = hub.endpoint(MODULE, InterfaceRole.SENDER), self._listed.get(key)
        if endpoint is None or hub.version is None or (listed is not None and now - listed < LIST_INTERVAL):
            return
        query = {} if listed is None else {"date_from": written_time(listed - OVERLAP)}
        try:
            async for page in self._services.client.pages(hub, endpoint.url, module=MODULE, query=query):
                await self._store_all(hub, [*_infos(hub, hub.version, page.data)])
        except (PartnerFailed, PartnerRefused) as error:
            _logger.warning(
                "the parties behind a hub can't be listed", extra={"partner": hub.partner_id, "problem": str(error)}
            )
            return
        self._listed[key] = now


def _infos(hub: Partner, version: Version, data: object) -> Sequence[ClientInfo]:
    """Return what is readable of a page."""
    found: list[ClientInfo] = []
    for one in data if isinstance(data, list) else ():
        try:
            info = _MODELS[version].model_validate(one)
            _party_of(info)
        except (ValidationError, InvalidParameters) as error:
            said = {"partner": hub.partner_id, "problem": " ".join(str(error).split())}
            _logger.warning("a party behind a hub is left out", extra=said)
        else:
            found.append(info)
    return found


def _party(call: Call) -> Party:
    return _parsed(call.path["country_code"], call.path["party_id"])


def _party_of(info: ClientInfo) -> Party:
    return _parsed(info.country_code, info.party_id)


def _parsed(country_code: str, party_id: str) -> Party:
    try:
        return Party.parse(f"{country_code}-{party_id}")
    except ValueError:
        raise InvalidParameters("country_code has 2 letters, party_id 3 letters or digits") from None
