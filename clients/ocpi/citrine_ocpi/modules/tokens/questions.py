"""Questions to owners about tokens: who is asked, where the driver is, and what the answer means."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

import grpc
from pydantic import ValidationError

from citrine.api.v1.locations_pb2 import ListLocationEvsesRequest
from citrine.api.v1.tokens_pb2 import GetTokenRequest, Token
from citrine.authorizer.v1 import authorizer_pb2 as pb
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdTokenInfo
from citrine_ocpi.models import v2_2_1, v2_3_0
from citrine_ocpi.modules.tokens.mapping import core_type, info_of, is_same_uid, token_models
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.modules.tokens.store import TokenStore, key_of
from citrine_ocpi.partner import Partner
from citrine_ocpi.services import Services
from citrine_ocpi.transport.client import PartnerFailed, PartnerRefused
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.status import InterfaceRole, Status, Version

__all__ = ["Questions"]

REMEMBERED = 30.0
"""Seconds for which it is not asked again where a station is."""

RETENTION = timedelta(days=2)
"""How long it is stored what an owner calls its answer: the session begins by then."""

LONGEST_UID = 36
"""Characters of a uid of OCPI: who presents more presents no partner's token."""

_TYPES = ("RFID", "APP_USER", "AD_HOC_USER", "EMAID", "OTHER")

_ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
_INVALID = IdTokenInfo(status=AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID)
_UNKNOWN = IdTokenInfo(status=AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN)

_Answer = v2_2_1.AuthorizationInfo | v2_3_0.AuthorizationInfo
_ANSWERS = (v2_2_1.AuthorizationInfo, v2_3_0.AuthorizationInfo)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Place:
    location_id: str
    evse_ids: Mapping[str, int]
    """Numbers of the station's EVSEs, by uid in small letters."""
    uids: Mapping[int, str]


class Questions:
    """Asks owners about tokens.

    Args:
        services: What it uses.
        store: Where tokens are stored that an owner told for the first time.
    """

    def __init__(self, services: Services, store: TokenStore) -> None:
        self._services = services
        self._store = store
        self._places: dict[str, tuple[float, _Place]] = {}

    async def ask(self, presented: pb.Presentation, timeout: float) -> IdTokenInfo | None:
        """Return what the owner of a token says. None: it has none, or does not answer.

        A token whose owner is suspended, or not connected any more, is Invalid: nobody would pay.

        Raises:
            grpc.aio.AioRpcError: When the core can't be asked about it.
        """
        token = await self._token(presented)
        if token is not None and not token.party_id:
            return None
        partners = await self._services.partners.list_active()
        place = await self._place(presented.station_id)
        if token is None:
            return await self._ask_all(presented, partners, place, timeout)
        party = Party(token.country_code, token.party_id)
        partner = next((one for one in partners if one.owns(party)), None)
        if partner is None:
            return None if party in await self._services.partners.own_parties() else _INVALID
        token_type = await self._type_of(party, token)
        if await self._is_commanded(partner, token, presented.station_id):
            return await self._by_command(party, token, token_type)
        answer = await self._ask(partner, party, token.id_token, token_type, presented, place, timeout)
        if not isinstance(answer, _ANSWERS):
            return answer
        return await self._counted(partner, token.id_token, answer, presented, place)

    async def _is_commanded(self, partner: Partner, token: Token, station_id: str) -> bool:
        """Return whether the owner of a token has let it charge at a station by a command, and is not asked."""
        async with self._services.database.reading() as session:
            return await TokenRepository(session).is_commanded(
                partner.partner_id, token.id_token, station_id, self._services.clock()
            )

    async def _by_command(self, party: Party, token: Token, token_type: str) -> IdTokenInfo:
        """Return what a station is answered about a token that its owner let charge by a command."""
        said = await self._store.find(key_of(party, token.id_token, token_type), Version.V2_3_0)
        if said is None:
            return IdTokenInfo(status=_ACCEPTED)
        return info_of(v2_3_0.AuthorizationInfo.model_validate({"allowed": "ALLOWED", "token": said.wire()}), {})

    async def _ask_all(
        self, presented: pb.Presentation, partners: Sequence[Partner], place: _Place, timeout: float
    ) -> IdTokenInfo | None:
        """Return the first answer of a partner that knows a token which nobody told before."""
        if not self._services.settings.ocpi_ask_about_unknown_tokens:
            return None
        uid, types = presented.id_token.id_token, {core_type(presented.id_token.id_token, one): one for one in _TYPES}
        token_type = types.get(presented.id_token.type, "OTHER") if presented.id_token.type else "RFID"

        async def ask(partner: Partner) -> tuple[Partner, _Answer | IdTokenInfo | None]:
            return partner, await self._ask(partner, None, uid, token_type, presented, place, timeout)

        for question in asyncio.as_completed([ask(one) for one in partners]):
            partner, answer = await question
            if answer is None or isinstance(answer, IdTokenInfo):
                continue
            # So that it is known whose session it is.
            stored = await self._store.put(partner.owned_parties(), [answer.token])
            if not stored.refused:
                return await self._counted(partner, str(answer.token.uid), answer, presented, place)
        return None

    async def _counted(
        self, partner: Partner, uid: str, answer: _Answer, presented: pb.Presentation, place: _Place
    ) -> IdTokenInfo:
        """Return what an answer means, and store what its owner calls it if it lets the driver charge."""
        info = info_of(answer, place.evse_ids)
        if answer.authorization_reference and info.status == _ACCEPTED:
            reference, now = str(answer.authorization_reference), self._services.clock()
            async with self._services.database.writing() as session:
                await TokenRepository(session).add_authorization(
                    partner.partner_id, uid, presented.station_id, reference, now, RETENTION
                )
        return info

    async def _ask(
        self,
        partner: Partner,
        party: Party | None,
        uid: str,
        token_type: str,
        presented: pb.Presentation,
        place: _Place,
        timeout: float,
    ) -> _Answer | IdTokenInfo | None:
        endpoint = partner.endpoint("tokens", InterfaceRole.SENDER)
        own = await self._services.partners.own()
        if endpoint is None or partner.version is None or not own or len(uid) > LONGEST_UID:
            return None
        body = None
        if place.location_id:
            uids = [place.uids[presented.evse_id]] if presented.evse_id in place.uids else [*place.uids.values()]
            body = json.dumps({"location_id": place.location_id, "evse_uids": uids}).encode()
        try:
            answer = await self._services.client.send(
                partner,
                "POST",
                f"{endpoint.url.rstrip('/')}/{quote(uid, safe='')}/authorize",
                module="tokens",
                body=body,
                query={"type": token_type},
                routing=partner.routing(own[0].party, party),
                timeout=timeout,
            )
            found: _Answer = token_models(partner.version)[1].model_validate(answer.data)
        except PartnerRefused as error:
            if error.http_status == 404 or error.status == Status.UNKNOWN_TOKEN:
                return _UNKNOWN
            _logger.warning("a partner refuses a question", extra=_extra(partner, error))
            return None
        except (PartnerFailed, ValidationError) as error:
            _logger.warning("a partner does not answer a question", extra=_extra(partner, error))
            return None
        if not is_same_uid(uid, str(found.token.uid)):
            _logger.warning("a partner answers about another token", extra={"partner": partner.partner_id})
            return None
        return found

    async def _token(self, presented: pb.Presentation) -> Token | None:
        request = GetTokenRequest(id_token=presented.id_token.id_token, type=presented.id_token.type)
        try:
            found: Token = await self._services.citrine.tokens.GetToken(request)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return None
            raise
        return found

    async def _type_of(self, party: Party, token: Token) -> str:
        """Return the type by which an owner knows a token: the one that it told."""
        keys = {key_of(party, token.id_token, one): one for one in _TYPES}
        async with self._services.database.reading() as session:
            found = await TokenRepository(session).find([*keys])
        known = [keys[key] for key in found if core_type(token.id_token, keys[key]) == token.type]
        guessed = [one for one in _TYPES if core_type(token.id_token, one) == token.type]
        return next(iter([*known, *guessed]), "OTHER")

    async def _place(self, station_id: str) -> _Place:
        known = self._places.get(station_id)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        page = await self._services.citrine.locations.ListLocationEvses(ListLocationEvsesRequest(station_id=station_id))
        found = _Place(
            page.evses[0].location_id if page.evses else "",
            {one.uid.lower(): one.evse_id for one in page.evses if one.evse_id},
            {one.evse_id: one.uid for one in page.evses if one.evse_id},
        )
        if len(self._places) > 50_000:
            self._places.clear()
        self._places[station_id] = (time.monotonic() + REMEMBERED, found)
        return found


def _extra(partner: Partner, error: Exception) -> dict[str, str]:
    return {"partner": partner.partner_id, "problem": str(error).replace("\n", " ")[:300]}
