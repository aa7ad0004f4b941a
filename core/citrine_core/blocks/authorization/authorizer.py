"""Inquiries about tokens to the operator's AuthorizerService, before messages are submitted to their lanes."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import grpc
import orjson
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.authorization_pb2 import Authorizer
from citrine.api.v1.tokens_pb2 import TokenWhitelist
from citrine.authorizer.v1 import authorizer_pb2 as pb
from citrine.authorizer.v1.authorizer_pb2_grpc import AuthorizerServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum, TransactionEventRequest, TriggerReasonEnum
from citrine.ocpp.v2.types_pb2 import IdTokenInfo, MessageFormatEnum
from citrine_core.blocks.authorization.decisions import Asked, Finding
from citrine_core.blocks.authorization.directory import SettingsDirectory
from citrine_core.blocks.authorization.models import AuthorizationSettings
from citrine_core.blocks.authorization.repository import AUTHORIZER_CREDENTIALS
from citrine_core.blocks.authorization.rules import ASKED_EACH_TIME
from citrine_core.blocks.authorization.untyped_tokens import name_types
from citrine_core.dispatch import Call
from citrine_core.encryption import SecretUnreadable
from citrine_core.errors import DatabaseUnavailable
from citrine_core.resources.certificate_store import ContractRoots
from citrine_core.resources.tokens import NO_AUTHORIZATION, Token, TokenKey, TokenRepository, type_of
from citrine_core.services import Services

if TYPE_CHECKING:
    from citrine_core.blocks.authorization.contracts import ContractChecker

__all__ = ["AuthorizationInquirer", "usable"]

logger = logging.getLogger(__name__)

TIMEOUT = 3.0
"""Seconds in which an authorizer must answer, by default."""

LEAST_TIME = 0.05
"""Least seconds in which an authorizer must answer, even if the inquiry waited longer than the timeout."""

LONGEST_MESSAGE = 512
LONGEST_LANGUAGE = 8
PRIORITY = 9

_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED
_STOP_AUTHORIZED = TriggerReasonEnum.TRIGGER_REASON_ENUM_STOP_AUTHORIZED

_ChannelKey = tuple[str, bool, str]


class AuthorizationInquirer:
    """Asks the authorizer about tokens, and OCSP responders about contract certificates."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._directory = SettingsDirectory.of(services)
        self._contract_roots = ContractRoots.of(services)
        self._cipher = services.cipher
        self._credentials: dict[str, tuple[str, str]] = {}
        """By tenant the credential as it is stored, and in clear."""
        self._channels: dict[_ChannelKey, grpc.aio.Channel] = {}
        self._contracts: ContractChecker | None = None

    @property
    def messages(self) -> frozenset[type[Message]]:
        """Messages that may contain tokens."""
        return frozenset({AuthorizeRequest, TransactionEventRequest})

    def wants(self, tenant_id: str, message: Any) -> bool:
        """Return whether the authorizer or an OCSP responder may have to be asked about the message."""
        if not message.HasField("id_token"):
            return False
        if not self._directory.loaded or _has_contract(message):
            return True
        settings = self._directory.find(tenant_id)
        return settings is not None and bool(settings.authorizer_address)

    async def ask(self, calls: Sequence[Call[Any]], waited: float) -> Sequence[Finding | None]:
        """Return findings about tokens and contracts of calls of one tenant, in the same order."""
        if not self._directory.loaded:
            await self._directory.refresh()
            await self._contract_roots.refresh()
        settings = self._directory.find(calls[0].tenant_id)
        asked, contracts = await asyncio.gather(
            self._ask_authorizer(settings, calls, waited), self._check_contracts(settings, calls)
        )
        return [
            None if one is None and status is None else Finding(one, status)
            for one, status in zip(asked, contracts, strict=True)
        ]

    async def _check_contracts(
        self, settings: AuthorizationSettings | None, calls: Sequence[Call[Any]]
    ) -> Sequence[int | None]:
        """Return the AuthorizeCertificateStatusEnum of each call's ISO 15118 contract; None if it has none."""
        if not any(_has_contract(call.message) for call in calls):
            return [None] * len(calls)
        if self._contracts is None:
            # Imported only where contracts are used: the import takes time and memory.
            from citrine_core.blocks.authorization.contracts import ContractChecker
            from citrine_core.resources.ocsp import Ocsp

            self._contracts = ContractChecker(Ocsp.of(self._services))
        checker, roots = self._contracts, self._contract_roots.find(calls[0].tenant_id)
        hosts: list[str] = orjson.loads(settings.ocsp_hosts) if settings is not None else []

        async def check(message: Any) -> int | None:
            return await checker.check(message, roots, self._clock(), hosts) if _has_contract(message) else None

        return await asyncio.gather(*(check(call.message) for call in calls))

    async def _ask_authorizer(
        self, settings: AuthorizationSettings | None, calls: Sequence[Call[Any]], waited: float
    ) -> list[Asked | None]:
        found: list[Asked | None] = [None] * len(calls)
        if settings is None or not settings.authorizer_address:
            return found
        decided = await self._name_and_find(settings, calls)
        places = [
            place
            for place, call in enumerate(calls)
            if type_of(call.message.id_token.type) != NO_AUTHORIZATION and _key(call) not in decided
        ]
        if not places:
            return found
        presentations = [self._presentation(calls[place]) for place in places]
        ask = settings.authorizer_ask or Authorizer.ASK_UNKNOWN_TOKENS
        policy = settings.authorizer_offline_policy or Authorizer.OFFLINE_POLICY_DENY
        for place, info in zip(places, await self._call(settings, presentations, waited), strict=True):
            found[place] = Asked(ask, policy, info is not None, info if info and info.status else None)
        return found

    async def _name_and_find(self, settings: AuthorizationSettings, calls: Sequence[Call[Any]]) -> set[TokenKey]:
        """Return the stored tokens that the authorizer is not asked about; untyped tokens get their types."""
        try:
            async with self._unit_of_work(read_only=True) as work:
                await name_types(work, self._services, calls)
                found = await TokenRepository(work.session).find_all(settings.tenant_id, set(map(_key, calls)))
        except DatabaseUnavailable:
            return set()
        asks_all = settings.authorizer_ask == Authorizer.ASK_ALL_TOKENS
        same = self._directory.same_token
        return {
            key
            for key, token in found.items()
            if same(settings.tenant_id, token.id_token, key[0]) and not _is_asked(token, asks_all=asks_all)
        }

    async def _call(
        self, settings: AuthorizationSettings, presentations: Sequence[pb.Presentation], waited: float
    ) -> Sequence[IdTokenInfo | None]:
        """Return the answers, without a status where the authorizer has no opinion; all None if it did not answer."""
        nothing: list[IdTokenInfo | None] = [None] * len(presentations)
        timeout = TIMEOUT if settings.authorizer_timeout is None else settings.authorizer_timeout / 1000
        metadata = []
        if settings.authorizer_credential:
            try:
                metadata.append(("authorization", f"Bearer {await self._credential(settings)}"))
            except SecretUnreadable as error:
                logger.warning("the authorizer of a tenant can't be asked: %s", error, extra=_of(settings))
                return nothing
        request = pb.AuthorizeRequest(tenant_id=settings.tenant_id, presentations=presentations)
        # Any: the types of stubs are those of synchronous channels.
        stub: Any = AuthorizerServiceStub(self._channel(settings))
        try:
            response: pb.AuthorizeResponse = await stub.Authorize(
                request, timeout=max(timeout - waited, LEAST_TIME), metadata=metadata
            )
        except grpc.aio.AioRpcError as error:
            logger.warning("the authorizer of a tenant did not answer: %s", error.code().name, extra=_of(settings))
            return nothing
        if len(response.decisions) != len(presentations):
            logger.warning("the authorizer of a tenant answered a wrong number of decisions", extra=_of(settings))
            return nothing
        return [usable(decision.id_token_info) for decision in response.decisions]

    async def _credential(self, settings: AuthorizationSettings) -> str:
        stored, tenant_id = settings.authorizer_credential, settings.tenant_id
        known = self._credentials.get(tenant_id)
        if known is None or known[0] != stored:
            clear = await self._cipher.decrypt(stored, AUTHORIZER_CREDENTIALS.context(tenant_id))
            known = self._credentials[tenant_id] = (stored, clear)
        return known[1]

    def _channel(self, settings: AuthorizationSettings) -> grpc.aio.Channel:
        key = (settings.authorizer_address, settings.authorizer_tls, settings.authorizer_ca_certificates)
        if key not in self._channels:
            address, tls, roots = key
            if tls:
                credentials = grpc.ssl_channel_credentials(roots.encode() or None)
                self._channels[key] = grpc.aio.secure_channel(address, credentials)
            else:
                self._channels[key] = grpc.aio.insecure_channel(address)
        return self._channels[key]

    def _presentation(self, call: Call[Any]) -> pb.Presentation:
        message = call.message
        time = Timestamp()
        time.FromDatetime(self._clock())
        if isinstance(message, AuthorizeRequest):
            return pb.Presentation(
                station_id=call.station_id, id_token=message.id_token, purpose=pb.Presentation.PURPOSE_ASK, time=time
            )
        stops = message.event_type == _ENDED or message.trigger_reason == _STOP_AUTHORIZED
        return pb.Presentation(
            station_id=call.station_id,
            id_token=message.id_token,
            purpose=pb.Presentation.PURPOSE_STOP if stops else pb.Presentation.PURPOSE_START,
            evse_id=message.evse.id if message.HasField("evse") else None,
            transaction_id=message.transaction_info.transaction_id,
            time=message.timestamp if message.offline else time,
        )


def usable(info: IdTokenInfo) -> IdTokenInfo:
    """Return an authorizer's answer without the values that violate limits of OCPP."""
    found = IdTokenInfo()
    found.CopyFrom(info)
    for name in ("language1", "language2"):
        if len(getattr(found, name)) > LONGEST_LANGUAGE or not getattr(found, name):
            found.ClearField(name)
    # C01.FR.10, C01.FR.11
    if found.HasField("language2") and (not found.HasField("language1") or found.language1 == found.language2):
        found.ClearField("language2")
    if abs(found.charging_priority) > PRIORITY:
        found.ClearField("charging_priority")
    if found.HasField("group_id_token"):
        found.group_id_token.type = found.group_id_token.type or "Central"
        if not found.group_id_token.id_token:
            found.ClearField("group_id_token")
    if found.HasField("personal_message"):
        text = found.personal_message
        text.content = text.content[:LONGEST_MESSAGE]
        text.format = text.format or MessageFormatEnum.MESSAGE_FORMAT_ENUM_UTF8
        if len(text.language) > LONGEST_LANGUAGE or not text.language:
            text.ClearField("language")
        if not text.content:
            found.ClearField("personal_message")
    if any(evse_id < 0 for evse_id in found.evse_id):
        del found.evse_id[:]
    return found


def _is_asked(token: Token, *, asks_all: bool) -> bool:
    """Return whether the authorizer is asked about a stored token, by its whitelist mode and the tenant's settings."""
    return token.whitelist in ASKED_EACH_TIME or (asks_all and token.whitelist != TokenWhitelist.TOKEN_WHITELIST_ALWAYS)


def _has_contract(message: Any) -> bool:
    return isinstance(message, AuthorizeRequest) and bool(
        message.HasField("certificate") or message.iso_15118_certificate_hash_data
    )


def _key(call: Call[Any]) -> TokenKey:
    return (call.message.id_token.id_token, call.message.id_token.type)


def _of(settings: AuthorizationSettings) -> dict[str, str]:
    return {"tenant_id": settings.tenant_id, "address": settings.authorizer_address}
