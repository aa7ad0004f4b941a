"""What operators do with partners and with our own parties, by commands on the adapter's database."""

from collections.abc import Awaitable, Callable, Collection

from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.db import Database
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.encryption import TokenCipher
from citrine_ocpi.ids import new_credentials_token
from citrine_ocpi.partner import OPERATORS, OwnParty, Partner
from citrine_ocpi.partners.directory import Partners
from citrine_ocpi.partners.registration import Registration
from citrine_ocpi.partners.repository import PartnerRepository
from citrine_ocpi.partners.tables import IssuedTokenRow, OwnPartyRow, PartnerPartyRow, PartnerRow
from citrine_ocpi.transport.authorization import fingerprint
from citrine_ocpi.transport.client import PartnerClient, PartnerFailed, PartnerRefused
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.status import InterfaceRole

__all__ = ["Administration", "AdministrationRefused"]


class AdministrationRefused(Exception):
    """What an operator wants is not possible; said in one line."""


class Administration:
    """Partners and parties as operators see them.

    Args:
        database: Where they are.
        partners: Reads them.
        cipher: Encrypts tokens.
        registration: Exchanges credentials.
        client: Calls partners.
        remove_data: Removes what else is stored of a partner.
        clock: Returns the time now.
    """

    def __init__(
        self,
        database: Database,
        partners: Partners,
        cipher: TokenCipher,
        registration: Registration,
        client: PartnerClient,
        remove_data: Callable[[AsyncSession, Partner], Awaitable[None]],
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._remove_data = remove_data
        self.partners = partners
        self._cipher = cipher
        self.registration = registration
        self._client = client
        self._clock = clock

    async def get(self, partner_id: str) -> Partner:
        """Return a partner.

        Raises:
            AdministrationRefused: When there is none.
        """
        partner = await self.partners.find(partner_id)
        if partner is None:
            raise AdministrationRefused(f"partner {partner_id} does not exist")
        return partner

    async def add(
        self,
        partner_id: str,
        *,
        versions_url: str = "",
        token: str = "",
        is_raw: bool = False,
        is_hub: bool = False,
        is_broadcast: bool = False,
    ) -> str:
        """Add a partner, and return our token A for it. Empty: it gave one to us.

        Args:
            partner_id: What it is called here.
            versions_url: Where its versions are, if it gave us a token A.
            token: That token.
            is_raw: Whether it has tokens in headers as they are.
            is_hub: Whether it may be a hub: who is behind it is what it says.
            is_broadcast: Whether it sends on to all behind it what they all may see.

        Raises:
            AdministrationRefused: When there is a partner of that name, or no party of ours.
        """
        if not await self.partners.own():
            raise AdministrationRefused("no party is set up here yet: citrine ocpi party set")
        row = PartnerRow(
            partner_id=partner_id,
            is_raw=is_raw,
            versions_url=versions_url,
            token=self._cipher.encrypt(token, partner_id) if token else "",
            hub_country_code="",
            hub_party_id="",
            hub_consent_time=self._clock() if is_hub else None,
            is_broadcast=is_broadcast,
            create_time=self._clock(),
        )
        async with self._database.writing() as session:
            repository = PartnerRepository(session)
            if await repository.find(partner_id) is not None:
                raise AdministrationRefused(f"partner {partner_id} exists already")
            repository.add(row)
        return "" if token else await self.invite(partner_id)

    async def invite(self, partner_id: str) -> str:
        """Return a new token A for a partner. A registration that there was is over.

        Raises:
            AdministrationRefused: When there is no such partner.
        """
        await self.get(partner_id)
        await self.registration.forget(partner_id)
        token = new_credentials_token()
        async with self._database.writing() as session:
            PartnerRepository(session).add(
                IssuedTokenRow(
                    partner_id=partner_id,
                    token_hash=fingerprint(token),
                    is_invitation=True,
                    is_confirmed=True,
                    create_time=self._clock(),
                )
            )
        return token

    async def change(
        self,
        partner_id: str,
        *,
        is_raw: bool | None = None,
        is_hub: bool | None = None,
        is_broadcast: bool | None = None,
    ) -> None:
        """Change what the operator says of a partner. None: as it is.

        Args:
            partner_id: What it is called here.
            is_raw: Whether it has tokens in headers as they are.
            is_hub: Whether it may be a hub. One that may not any more sees nothing of who is behind it.
            is_broadcast: Whether it sends on to all behind it what they all may see.

        Raises:
            AdministrationRefused: When there is no such partner, or who is no hub is to broadcast.
        """
        await self.get(partner_id)
        async with self._database.writing() as session:
            row = await PartnerRepository(session).lock(partner_id)
            if row is None:
                return
            if is_raw is not None:
                row.is_raw = is_raw
            if is_hub is not None:
                row.hub_consent_time = (row.hub_consent_time or self._clock()) if is_hub else None
            if is_broadcast and row.hub_consent_time is None:
                raise AdministrationRefused(f"{partner_id} may be no hub: only hubs broadcast")
            if is_broadcast is not None or row.hub_consent_time is None:
                row.is_broadcast = bool(is_broadcast)
            if is_hub is not None or is_broadcast is not None:
                await PartnerRepository(session).show_locations_anew(partner_id, is_anew=False)

    async def accept(self, partner_id: str, parties: Collection[Party]) -> None:
        """Accept that a partner is parties which it named since it registered, or has behind it: theirs is its own.

        Raises:
            AdministrationRefused: When there is no such partner, one of the parties does not wait, or is somebody's.
        """
        await self.get(partner_id)
        async with self._database.writing() as session:
            repository = PartnerRepository(session)
            partner = await repository.lock(partner_id)
            rows = await repository.waiting_parties([partner_id])
            clients = await repository.waiting_hub_clients([partner_id])
            waiting = {Party(one.country_code, one.party_id) for one in rows}
            waiting |= {Party(one.country_code, one.party_id) for one in clients}
            if unknown := {*parties} - waiting:
                raise AdministrationRefused(f"{_listed(unknown)} does not wait: citrine ocpi partner show {partner_id}")
            own = await repository.lock_own_parties()
            if foreign := await repository.foreign_parties(partner_id, parties, own):
                raise AdministrationRefused(f"{_listed(foreign)} is somebody else's")
            for row in rows:
                if Party(row.country_code, row.party_id) not in parties:
                    continue
                repository.add(
                    PartnerPartyRow(
                        country_code=row.country_code,
                        party_id=row.party_id,
                        role=row.role,
                        partner_id=partner_id,
                        business_details=row.business_details,
                    )
                )
                if row.is_hub and partner is not None:
                    partner.hub_country_code, partner.hub_party_id = row.country_code, row.party_id
                await session.delete(row)
                await repository.show_locations_anew(partner_id, is_anew=False)
            await repository.give(partner_id, parties)
            for client in clients:
                party = Party(client.country_code, client.party_id)
                if party in parties and client.role not in OPERATORS:
                    await repository.show_locations_anew(partner_id, party, is_anew=True)

    async def suspend(self, partner_id: str, *, is_suspended: bool) -> None:
        """Have nothing be exchanged with a partner for the time being, or again.

        Raises:
            AdministrationRefused: When there is no such partner.
        """
        await self.get(partner_id)
        async with self._database.writing() as session:
            row = await PartnerRepository(session).find(partner_id)
            if row is not None:
                if row.suspend_time is not None and not is_suspended:
                    # That it could not be sent meanwhile counts for nothing.
                    await DeliveryRepository(session).begin_anew(partner_id, self._clock())
                row.suspend_time = (row.suspend_time or self._clock()) if is_suspended else None

    async def remove(self, partner_id: str, *, is_notified: bool = True) -> str:
        """Remove a partner with all that is stored of it, and return why it could not be notified. Empty: it was.

        Raises:
            AdministrationRefused: When there is no such partner.
        """
        partner = await self.get(partner_id)
        problem = await self._end(partner) if is_notified and partner.is_registered else ""
        async with self._database.writing() as session:
            await self._remove_data(session, partner)
            await PartnerRepository(session).delete(partner_id)
        return problem

    async def _end(self, partner: Partner) -> str:
        endpoint = partner.endpoint("credentials", InterfaceRole.SENDER) or partner.endpoint(
            "credentials", InterfaceRole.RECEIVER
        )
        if endpoint is None:
            return "it has no endpoint of the credentials module"
        try:
            await self._client.send(partner, "DELETE", endpoint.url, module="credentials")
        except (PartnerFailed, PartnerRefused) as error:
            return str(error)
        return ""

    async def set_party(self, party: OwnParty) -> None:
        """Add a party of ours, or change its details."""
        async with self._database.writing() as session:
            repository = PartnerRepository(session)
            row = await repository.find_own_party(party.party)
            if row is None:
                row = OwnPartyRow(
                    country_code=party.party.country_code, party_id=party.party.party_id, create_time=self._clock()
                )
                repository.add(row)
            row.name, row.website, row.logo = party.name, party.website, party.logo

    async def remove_party(self, party: Party) -> None:
        """Remove a party of ours. Partners learn of it with the next exchange of credentials.

        Raises:
            AdministrationRefused: When there is none.
        """
        async with self._database.writing() as session:
            if not await PartnerRepository(session).delete_own_party(party):
                raise AdministrationRefused(f"party {party} is none of ours")


def _listed(parties: Collection[Party]) -> str:
    return ", ".join(sorted(map(str, parties)))
