"""Handlers of Authorize."""

from collections.abc import Sequence

from citrine.events.v1.events_pb2 import Event, TokenAuthorized
from citrine.ocpp.secrets import KEY_CODE
from citrine.ocpp.v2.authorization_pb2 import AuthorizeCertificateStatusEnum, AuthorizeRequest, AuthorizeResponse
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from citrine_core.blocks.authorization.decisions import Authorizations, Decision, Finding
from citrine_core.blocks.authorization.records.storing import record_decisions
from citrine_core.blocks.authorization.rules import Presented, Purpose
from citrine_core.blocks.authorization.untyped_tokens import name_types
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, handles
from citrine_core.resources.tokens import TokenRepository, type_of
from citrine_core.services import Services

__all__ = ["AuthorizationHandlers"]


class AuthorizationHandlers:
    """Handles requests of stations to authorize tokens (functional block C)."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._authorizations = Authorizations(services)

    @handles(AuthorizeRequest, batched=True)
    async def authorize(self, work: UnitOfWork, calls: Sequence[Call[AuthorizeRequest]]) -> Sequence[AuthorizeResponse]:
        """Answer whether tokens may charge (C01.FR.07)."""
        await name_types(work, self._services, calls)
        presented = [
            Presented(call.station_id, call.message.id_token, Purpose.ASK, finding=call.finding) for call in calls
        ]
        decisions = await self._authorizations.decide(work, calls[0].tenant_id, presented)
        responses = []
        known_as = await _known_types(work, decisions)
        for call, decision in zip(calls, decisions, strict=True):
            response = _answer(call.message, decision.info, call.finding)
            typed = type_of(call.message.id_token.type) == KEY_CODE
            authorized = TokenAuthorized(
                # C04.FR.04: a key code that a driver typed is never shown.
                id_token=IdToken(
                    id_token="***" if typed else call.message.id_token.id_token, type=call.message.id_token.type
                ),
                status=response.id_token_info.status,
                known_types=() if typed else known_as.get(call.message.id_token.id_token, ()),
            )
            work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, token_authorized=authorized))
            responses.append(response)
        # Last, for the certificates may have changed a status.
        await record_decisions(work, decisions, self._services.clock())
        return responses


async def _known_types(work: UnitOfWork, decisions: Sequence[Decision]) -> dict[str, list[str]]:
    """Return the types of the tenant's tokens that have the id, but not the type, of a token that is not known."""
    unknown = {one.presented.id_token.id_token for one in decisions if one.token is None and not one.accepted}
    return await TokenRepository(work.session).types_of(decisions[0].tenant_id, unknown) if unknown else {}


_Certificate = AuthorizeCertificateStatusEnum

_CANCELLED = frozenset(
    {
        AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_BLOCKED,
        AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_EXPIRED,
        AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID,
        AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN,
    }
)
"""Statuses of a token whose contract counts as cancelled (C07.FR.13)."""


def _answer(request: AuthorizeRequest, info: IdTokenInfo, finding: object) -> AuthorizeResponse:
    """Return the answer on the token and, if there is a contract, on its certificates (C07)."""
    status = finding.certificate_status if isinstance(finding, Finding) else None
    if status is None:
        if not request.HasField("certificate") and not request.iso_15118_certificate_hash_data:
            return AuthorizeResponse(id_token_info=info)
        # C07.FR.17: the contract was not checked.
        status = _Certificate.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR
    if status == _Certificate.AUTHORIZE_CERTIFICATE_STATUS_ENUM_ACCEPTED:
        # C07.FR.13, C07.FR.14
        if info.status in _CANCELLED:
            status = _Certificate.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CONTRACT_CANCELLED
    elif status == _Certificate.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERTIFICATE_EXPIRED:
        # C07.FR.15
        info.status = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_EXPIRED
    else:
        # C07.FR.16, C07.FR.17
        info.status = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID
    return AuthorizeResponse(id_token_info=info, certificate_status=_Certificate.ValueType(status))
