"""The directory of partners: who calls by which token, and who there is."""

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.db import Database
from citrine_ocpi.encryption import TokenCipher
from citrine_ocpi.partner import OwnParty, Partner, PartnerEndpoint, PartnerParty
from citrine_ocpi.partners.hub_clients import UNREACHED, HubClientRow
from citrine_ocpi.partners.repository import PartnerRepository
from citrine_ocpi.partners.tables import EndpointRow, IssuedTokenRow, PartnerPartyRow, PartnerRow, WaitingPartyRow
from citrine_ocpi.transport.authorization import fingerprint, presented_tokens
from citrine_ocpi.transport.errors import Unauthorized
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.status import InterfaceRole, Version

__all__ = ["Partners"]

RowT = TypeVar("RowT", bound=PartnerPartyRow | HubClientRow | WaitingPartyRow | EndpointRow)

_logger = logging.getLogger(__name__)


class Partners:
    """Reads partners, each time from the database: another replica or a command may have changed them.

    Args:
        database: Where they are.
        cipher: Reads their tokens.
        clock: Returns the time now.
    """

    def __init__(self, database: Database, cipher: TokenCipher, clock: Clock = utc_now) -> None:
        self._database = database
        self._cipher = cipher
        self._clock = clock

    async def authenticate(self, authorization: str) -> tuple[Partner, str]:
        """Return who presents a header Authorization, and the token; the first use of a token is stored.

        Raises:
            Unauthorized: When it is nobody.
        """
        tokens = presented_tokens(authorization)
        if not tokens:
            raise Unauthorized("Authorization: Token and a credentials token is needed")
        hashes = {fingerprint(token): is_raw for is_raw, token in tokens.items()}
        async with self._database.reading() as session:
            repository = PartnerRepository(session)
            partner = None
            for row in await repository.issued(hashes):
                partner_row = await repository.find(row.partner_id)
                is_raw = hashes[row.token_hash]
                if partner_row is None or partner_row.is_raw is not is_raw:
                    _logger.warning(
                        "a partner sends its token in the wrong form: see --raw-token",
                        extra={"partner": row.partner_id, "raw": is_raw},
                    )
                    continue
                (partner,) = await self._complete(repository, [partner_row], row)
                break
        if partner is None:
            raise Unauthorized("the credentials token is not known")
        if row.first_use_time is None and row.is_confirmed and not row.is_invitation:
            async with self._database.writing() as session:
                await PartnerRepository(session).use(row.token_id, row.partner_id, self._clock())
        return partner, tokens[is_raw]

    async def find(self, partner_id: str) -> Partner | None:
        """Return a partner."""
        async with self._database.reading() as session:
            repository = PartnerRepository(session)
            row = await repository.find(partner_id)
            return None if row is None else (await self._complete(repository, [row]))[0]

    async def list_all(self) -> Sequence[Partner]:
        """Return all partners, by name."""
        async with self._database.reading() as session:
            repository = PartnerRepository(session)
            return await self._complete(repository, await repository.list_all())

    async def list_active(self) -> Sequence[Partner]:
        """Return the partners that are registered and not suspended."""
        return [one for one in await self.list_all() if one.is_registered and not one.is_suspended]

    async def own(self) -> Sequence[OwnParty]:
        """Return our own parties, the first one first."""
        async with self._database.reading() as session:
            return [
                OwnParty(Party(row.country_code, row.party_id), row.name, row.website, row.logo)
                for row in await PartnerRepository(session).own_parties()
            ]

    async def own_parties(self) -> Collection[Party]:
        """Return our own parties."""
        return [one.party for one in await self.own()]

    async def _complete(
        self, repository: PartnerRepository, rows: Sequence[PartnerRow], used: IssuedTokenRow | None = None
    ) -> list[Partner]:
        ids = [row.partner_id for row in rows]
        parties, endpoints = await repository.parties(ids), await repository.endpoints(ids)
        # Most partners are no hubs, and that question is a long one.
        hubs = [row.partner_id for row in rows if row.hub_consent_time is not None]
        clients = await repository.hub_clients(hubs) if hubs else ()
        waiting: list[WaitingPartyRow | HubClientRow] = [*await repository.waiting_parties(ids)]
        waiting += await repository.waiting_hub_clients(hubs) if hubs else ()
        return [
            self._partner(
                row,
                [*_of(row, parties), *_of(row, clients)],
                _of(row, waiting),
                _of(row, endpoints),
                used,
            )
            for row in rows
        ]

    def _partner(
        self,
        row: PartnerRow,
        parties: Iterable[PartnerPartyRow | HubClientRow],
        waiting: Iterable[WaitingPartyRow | HubClientRow],
        endpoints: Iterable[EndpointRow],
        used: IssuedTokenRow | None,
    ) -> Partner:
        return Partner(
            partner_id=row.partner_id,
            version=None if row.version is None else Version(row.version),
            is_suspended=row.suspend_time is not None,
            is_raw=row.is_raw,
            versions_url=row.versions_url,
            token=self._cipher.decrypt(row.token, row.partner_id) if row.token else "",
            hub=Party(row.hub_country_code, row.hub_party_id) if row.hub_party_id and row.hub_consent_time else None,
            is_broadcast=row.is_broadcast,
            may_be_hub=row.hub_consent_time is not None,
            parties=[_party(one) for one in parties],
            waiting_parties=[_party(one) for one in waiting],
            endpoints=[PartnerEndpoint(one.module, InterfaceRole(one.role), one.url) for one in endpoints],
            register_time=row.register_time,
            is_restricted=row.version is None or used is None or used.is_invitation,
        )


def _of(partner: PartnerRow, rows: Sequence[RowT]) -> list[RowT]:
    return [one for one in rows if one.partner_id == partner.partner_id]


def _party(row: PartnerPartyRow | WaitingPartyRow | HubClientRow) -> PartnerParty:
    is_away = isinstance(row, HubClientRow) and row.status in UNREACHED
    return PartnerParty(Party(row.country_code, row.party_id), row.role, _name(row), is_away)


def _name(party: PartnerPartyRow | WaitingPartyRow | HubClientRow) -> str:
    """Return the name of a party. A hub says none of those behind it."""
    return "" if isinstance(party, HubClientRow) else str(party.business_details.get("name", ""))
