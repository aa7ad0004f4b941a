"""Registration: credentials are exchanged, changed and ended, at the wish of either side."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.db import Database
from citrine_ocpi.encryption import TokenCipher
from citrine_ocpi.ids import new_credentials_token
from citrine_ocpi.models import OcpiModel
from citrine_ocpi.partner import OwnParty, Partner
from citrine_ocpi.partners.credentials import CREDENTIALS, Acquaintance, acquaintance_of, own_credentials
from citrine_ocpi.partners.directory import Partners
from citrine_ocpi.partners.introduction import CREDENTIALS_MODULE, Introduction, introduce
from citrine_ocpi.partners.repository import PartnerRepository
from citrine_ocpi.partners.tables import EndpointRow, IssuedTokenRow, PartnerPartyRow, WaitingPartyRow
from citrine_ocpi.transport.authorization import fingerprint
from citrine_ocpi.transport.calls import Call
from citrine_ocpi.transport.client import PartnerClient, PartnerFailed, PartnerRefused
from citrine_ocpi.transport.errors import InvalidParameters, MethodNotAllowed, OcpiError, Unauthorized
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.server import BASE
from citrine_ocpi.transport.status import InterfaceRole, Status, Version

__all__ = ["Registration", "RegistrationFailed"]

_LOCATIONS = frozenset({("locations", InterfaceRole.RECEIVER)})
"""Where a partner is sent locations."""

_logger = logging.getLogger(__name__)


class RegistrationFailed(Exception):
    """We wanted to exchange credentials, and could not; said in one line."""


class Registration:
    """Exchanges credentials with partners.

    What is issued in an exchange is stored before the partner has it; what we call the partner by changes only when
    the exchange is over. So whoever is interrupted can begin anew with what it had.

    Args:
        database: Where partners are.
        partners: Reads them.
        cipher: Encrypts their tokens.
        client: Calls them.
        public_url: Where they reach us.
        clock: Returns the time now.
    """

    def __init__(
        self,
        database: Database,
        partners: Partners,
        cipher: TokenCipher,
        client: PartnerClient,
        public_url: str,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._partners = partners
        self._cipher = cipher
        self._client = client
        self.versions_url = f"{public_url}{BASE}/versions"
        self._clock = clock

    async def present(self, call: Call) -> OcpiModel:
        """Return our credentials for a partner who asks for them, with the token that it called with."""
        return await self._own(call.version, call.presented_token)

    async def accept(self, call: Call) -> OcpiModel:
        """Register a partner who has a token A, and return our credentials for it.

        Raises:
            MethodNotAllowed: When it is registered.
            InvalidParameters: When its credentials are wrong, or name a party of somebody else.
            OcpiError: When it can't be asked for its endpoints, or lacks some.
        """
        if call.partner.is_registered:
            raise MethodNotAllowed("registered already: PUT changes credentials")
        return await self._exchange(call, ends_invitation=True)

    async def renew(self, call: Call) -> OcpiModel:
        """Change the credentials of a partner, and the version to that of the endpoint; return new ones for it.

        Raises:
            MethodNotAllowed: When it is not registered.
            InvalidParameters: When its credentials are wrong, or name a party of somebody else.
            OcpiError: When it can't be asked for its endpoints, or lacks some.
        """
        if call.partner.is_restricted:
            raise MethodNotAllowed("not registered: POST registers")
        return await self._exchange(call, ends_invitation=False)

    async def end(self, call: Call) -> None:
        """End a registration at the wish of the partner.

        Raises:
            MethodNotAllowed: When it is not registered.
        """
        if call.partner.is_restricted:
            raise MethodNotAllowed("not registered")
        await self.forget(call.partner.partner_id)
        _logger.info("a partner ended its registration", extra={"partner": call.partner.partner_id})

    async def forget(self, partner_id: str) -> None:
        """Have neither side call the other by what was exchanged."""
        async with self._database.writing() as session:
            repository = PartnerRepository(session)
            row = await repository.lock(partner_id)
            if row is not None:
                row.version, row.token, row.register_time = None, "", None
                await repository.revoke(IssuedTokenRow.partner_id == partner_id)
                await repository.replace_endpoints(partner_id, ())
                await repository.replace_parties(partner_id, ())
                await repository.replace_waiting_parties(partner_id, ())

    async def _exchange(self, call: Call, *, ends_invitation: bool) -> OcpiModel:
        """Store a partner's credentials after it was asked for its endpoints by them."""
        said = acquaintance_of(call.model(CREDENTIALS[call.version]))
        caller = call.partner
        await self._check_parties(caller.partner_id, said)
        asked = replace(caller, token=said.token, versions_url=said.versions_url, endpoints=())
        found = await introduce(self._client, asked, call.version)
        token = new_credentials_token()
        credentials = await self._own(call.version, token)
        async with self._database.writing() as session:
            repository = PartnerRepository(session)
            presented = fingerprint(call.presented_token)
            await repository.lock(caller.partner_id)
            if ends_invitation:
                # Who came by the same token A at the same time was first.
                if not await repository.revoke(IssuedTokenRow.token_hash == presented, IssuedTokenRow.is_invitation):
                    raise MethodNotAllowed("registered already: PUT changes credentials")
                await repository.revoke(IssuedTokenRow.partner_id == caller.partner_id)
            elif not await repository.issued([presented]):
                # The operator ended the registration while the partner was asked for its endpoints.
                raise Unauthorized("the credentials token is not known any more")
            await self._store(repository, caller.partner_id, said, found, is_anew=ends_invitation)
            repository.add(self._issued(caller.partner_id, token, is_confirmed=True))
        _logger.info(
            "a partner registered" if ends_invitation else "a partner changed its credentials",
            extra={"partner": caller.partner_id, "version": str(call.version)},
        )
        return credentials

    async def register(self, partner: Partner, version: Version | None = None) -> Partner:
        """Register ourselves at a partner by the token A that it gave us.

        Args:
            partner: With the token and its versions URL.
            version: The version that is wanted. None: the newest that both sides speak.

        Raises:
            RegistrationFailed: When the partner can't be reached, refuses, or answers wrongly.
        """
        if partner.is_registered:
            raise RegistrationFailed(f"{partner.partner_id} is registered: rotate changes credentials")
        if not partner.token or not partner.versions_url:
            raise RegistrationFailed(f"{partner.partner_id} has given no token: it registers itself by ours")
        return await self._propose(partner, "POST", version)

    async def rotate(self, partner: Partner, version: Version | None = None) -> Partner:
        """Change the tokens of both sides, and the version.

        Args:
            partner: Who is registered.
            version: The version to go to. None: it remains.

        Raises:
            RegistrationFailed: When the partner can't be reached, refuses, or answers wrongly.
        """
        if not partner.is_registered:
            raise RegistrationFailed(f"{partner.partner_id} is not registered")
        return await self._propose(partner, "PUT", version or partner.version)

    async def _propose(self, partner: Partner, method: str, version: Version | None) -> Partner:
        """Send new credentials to a partner, and store those that it answers."""
        try:
            found = await introduce(self._client, partner, version)
            token = new_credentials_token()
            own = await self._own(found.version, token)
            # It calls back by the token before it answers.
            token_hash = fingerprint(token)
            async with self._database.writing() as session:
                PartnerRepository(session).add(self._issued(partner.partner_id, token, is_confirmed=False))
            said = await self._sent(replace(partner, endpoints=found.endpoints), method, found, own, token_hash)
            await self._check_parties(partner.partner_id, said)
            await self._check_newest(partner, said, token_hash)
        except OcpiError as error:
            raise RegistrationFailed(str(error)) from error
        async with self._database.writing() as session:
            repository = PartnerRepository(session)
            row = await repository.lock(partner.partner_id)
            is_ended = row is None or (method == "PUT" and row.version is None)
            if is_ended or not await repository.issued([token_hash]):
                raise RegistrationFailed(f"the registration of {partner.partner_id} was ended meanwhile")
            try:
                await self._store(repository, partner.partner_id, said, found, is_anew=method == "POST")
            except OcpiError as error:
                raise RegistrationFailed(str(error)) from error
            if method == "POST":
                await repository.revoke(
                    IssuedTokenRow.partner_id == partner.partner_id, IssuedTokenRow.token_hash != token_hash
                )
            for issued in await repository.issued([token_hash]):
                issued.is_confirmed = True
        registered = await self._partners.find(partner.partner_id)
        assert registered is not None
        return registered

    async def _sent(
        self, partner: Partner, method: str, found: Introduction, own: OcpiModel, token_hash: str
    ) -> Acquaintance:
        body = own.model_dump_json(exclude_none=True).encode()
        try:
            answer = await self._client.send(
                partner, method, found.credentials_url, module=CREDENTIALS_MODULE, body=body
            )
        except PartnerRefused as error:
            await self._withdraw(token_hash)
            raise RegistrationFailed(f"{found.credentials_url}: {error}") from error
        except PartnerFailed as error:
            # It may have stored our token, which is good as long as no other one is used.
            if not error.is_uncertain:
                await self._withdraw(token_hash)
            raise RegistrationFailed(f"{found.credentials_url}: {error}") from error
        try:
            return acquaintance_of(CREDENTIALS[found.version].model_validate(answer.data))
        except (InvalidParameters, ValueError) as error:
            raise RegistrationFailed(
                f"the credentials that it answers are wrong: {' '.join(str(error).split())}"
            ) from error

    async def _withdraw(self, token_hash: str) -> None:
        async with self._database.writing() as session:
            await PartnerRepository(session).revoke(IssuedTokenRow.token_hash == token_hash)

    async def _own(self, version: Version, token: str) -> OcpiModel:
        return own_credentials(version, token, self.versions_url, await self._own_parties())

    async def _own_parties(self) -> Sequence[OwnParty]:
        own = await self._partners.own()
        if not own:
            raise NoPartyYet("no party is set up here yet: citrine ocpi party set")
        return own

    async def _check_parties(self, partner_id: str, said: Acquaintance) -> None:
        """Refuse credentials with a party that is somebody else's: it would see that one's tokens and sessions."""
        async with self._database.reading() as session:
            repository = PartnerRepository(session)
            _refuse(await repository.foreign_parties(partner_id, said.owned, await repository.own_parties()))

    async def _check_newest(self, partner: Partner, said: Acquaintance, token_hash: str) -> None:
        """Refuse credentials that a partner gave us where it gave others meanwhile, and these are not good any more.

        Two exchanges at a time come to an end in any order, and only the partner knows which was its last.

        Raises:
            RegistrationFailed: When they are not.
        """
        known = await self._partners.find(partner.partner_id)
        if known is None or known.token == partner.token:
            return
        asked = replace(partner, token=said.token, versions_url=said.versions_url)
        try:
            await self._client.send(asked, "GET", said.versions_url, module="versions")
        except (PartnerRefused, PartnerFailed) as error:
            if isinstance(error, PartnerRefused):
                await self._withdraw(token_hash)
            raise RegistrationFailed(
                f"the credentials of {partner.partner_id} were exchanged by somebody else meanwhile: {error}"
            ) from error

    def _issued(self, partner_id: str, token: str, *, is_confirmed: bool) -> IssuedTokenRow:
        return IssuedTokenRow(
            partner_id=partner_id,
            token_hash=fingerprint(token),
            is_invitation=False,
            is_confirmed=is_confirmed,
            create_time=self._clock(),
        )

    async def _store(
        self,
        repository: PartnerRepository,
        partner_id: str,
        said: Acquaintance,
        found: Introduction,
        *,
        is_anew: bool,
    ) -> None:
        """Store what was exchanged.

        Args:
            repository: Of the transaction.
            partner_id: With whom.
            said: Its credentials.
            found: Its version and endpoints.
            is_anew: Whether it registers by a token A, with which the operator accepts whoever it is. Otherwise what
                it was not before waits for the operator.
        """
        row = await repository.find(partner_id)
        if row is None:
            raise MethodNotAllowed("the partner was removed meanwhile")
        if said.hub is not None and row.hub_consent_time is None:
            raise InvalidParameters("roles: the operator has not agreed yet that this is a hub")
        # Somebody else may have come with the same party meanwhile. Nobody does from here on.
        _refuse(await repository.foreign_parties(partner_id, said.owned, await repository.lock_own_parties()))
        accepted = said.owned if is_anew else await _accepted(repository, partner_id) & said.owned
        known = {Party(one.country_code, one.party_id) for one in await repository.parties([partner_id])}
        # What was stored as sent to who had no endpoint for it was not sent.
        gets_first = not {(one.module, one.role) for one in await repository.endpoints([partner_id])} & _LOCATIONS
        has_none = is_anew or (gets_first and any((one.module, one.role) in _LOCATIONS for one in found.endpoints))
        if has_none or (known, row.version) != ({*accepted}, str(found.version)):
            await repository.show_locations_anew(partner_id, is_anew=has_none)
        row.version = str(found.version)
        row.versions_url = said.versions_url
        row.token = self._cipher.encrypt(said.token, partner_id)
        if said.hub is None:
            row.hub_country_code = row.hub_party_id = ""
        elif said.hub not in said.owned - accepted:
            row.hub_country_code, row.hub_party_id = said.hub.country_code, said.hub.party_id
        row.register_time = row.register_time or self._clock()
        await self._store_parties(repository, partner_id, said, accepted)
        await repository.replace_endpoints(
            partner_id,
            {
                (one.module, one.role): EndpointRow(
                    partner_id=partner_id, module=one.module, role=str(one.role), url=one.url
                )
                for one in found.endpoints
            }.values(),
        )

    async def _store_parties(
        self, repository: PartnerRepository, partner_id: str, said: Acquaintance, accepted: Collection[Party]
    ) -> None:
        named = [
            (
                one.party in accepted,
                {
                    "country_code": one.party.country_code,
                    "party_id": one.party.party_id,
                    "role": one.role,
                    "partner_id": partner_id,
                    "business_details": details,
                },
            )
            for one, details in zip(said.parties, said.business_details, strict=True)
        ]
        await repository.replace_parties(partner_id, [PartnerPartyRow(**one) for is_known, one in named if is_known])
        hub = said.hub and (said.hub.country_code, said.hub.party_id)
        waiting = [
            WaitingPartyRow(**one, is_hub=(one["country_code"], one["party_id"]) == hub)
            for is_known, one in named
            if not is_known
        ]
        await repository.replace_waiting_parties(partner_id, waiting)
        if waiting:
            names = ", ".join(sorted(str(one) for one in said.owned - {*accepted}))
            of_partner = {"partner": partner_id, "parties": names}
            _logger.warning("parties of a partner wait for citrine ocpi partner accept", extra=of_partner)


class NoPartyYet(OcpiError):
    """The operator has not said yet who we are."""

    status = Status.SERVER_ERROR


async def _accepted(repository: PartnerRepository, partner_id: str) -> set[Party]:
    """Return the parties that a partner is, or that it may say to be behind it."""
    known = {Party(one.country_code, one.party_id) for one in await repository.parties([partner_id])}
    behind = {Party(one.country_code, one.party_id) for one in await repository.hub_clients([partner_id])}
    return known | behind


def _refuse(foreign: Collection[Party]) -> None:
    if foreign:
        raise InvalidParameters(f"roles: {', '.join(sorted(map(str, foreign)))} is somebody else's")
