"""What stations ask us about tokens."""

from collections.abc import Sequence

from citrine.events.v1.events_pb2 import Event, TokenAuthorized
from citrine.ocpp.v2 import options_pb2
from citrine.ocpp.v2.authorization_pb2 import AuthorizeCertificateStatusEnum, AuthorizeRequest, AuthorizeResponse
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdTokenInfo
from citrine_core.blocks.authorization.rules import find_tokens, id_token_info
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, handles
from citrine_core.services import Services

__all__ = ["AuthorizationHandlers"]

_SPELLINGS = {
    value.number: value.GetOptions().Extensions[options_pb2.spelling]
    for value in AuthorizationStatusEnum.DESCRIPTOR.values
}


class AuthorizationHandlers:
    """What stations ask us about tokens (functional block C)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    @handles(AuthorizeRequest, batched=True)
    async def authorize(self, work: UnitOfWork, calls: Sequence[Call[AuthorizeRequest]]) -> Sequence[AuthorizeResponse]:
        """Answer whether tokens may charge (C01.FR.07)."""
        known = await find_tokens(work.session, calls[0].tenant_id, [call.message.id_token for call in calls])
        now = self._clock()
        responses = []
        for call in calls:
            response = _answer(call.message, id_token_info(call.message.id_token, known, now))
            authorized = TokenAuthorized(
                id_token=call.message.id_token.id_token, status=_SPELLINGS[response.id_token_info.status]
            )
            work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, token_authorized=authorized))
            responses.append(response)
        return responses


def _answer(request: AuthorizeRequest, info: IdTokenInfo) -> AuthorizeResponse:
    if not request.HasField("certificate"):
        # Hash data alone: the station checked the contract's chain itself. We have nothing to say of the
        # certificate, so certificateStatus stays away, and the token decides.
        return AuthorizeResponse(id_token_info=info)
    # C07.FR.17: the station leaves it to us to verify the certificate, and we can't.
    info.status = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID
    return AuthorizeResponse(
        id_token_info=info,
        certificate_status=AuthorizeCertificateStatusEnum.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR,
    )
