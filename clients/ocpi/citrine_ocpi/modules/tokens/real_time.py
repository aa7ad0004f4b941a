"""The service that the core asks about tokens: their owners decide, by OCPI's real-time authorization."""

import asyncio
import hmac
import logging
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc

from citrine.authorizer.v1 import authorizer_pb2 as pb
from citrine.authorizer.v1.authorizer_pb2_grpc import AuthorizerServiceServicer, add_AuthorizerServiceServicer_to_server
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdTokenInfo
from citrine_ocpi.modules.tokens.questions import Questions
from citrine_ocpi.modules.tokens.store import TokenStore
from citrine_ocpi.services import Services

__all__ = ["RealTimeAuthorizer"]

MARGIN = 0.25
"""Seconds of the core's deadline that are left for the way back."""

LONGEST = 20.0
"""Seconds that an owner is waited for where the core sets no deadline."""

REUSED = 600.0
"""Seconds within which the transaction of a driver who was asked about begins: it is not asked about again."""

MOST = 10_000

_ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED

_logger = logging.getLogger(__name__)


class RealTimeAuthorizer(AuthorizerServiceServicer):
    """Serves `citrine.authorizer.v1` where the settings say so. `run` goes on until it is cancelled.

    Of a token of nobody's, and where its owner does not answer in time, it has no opinion: then the token decides, or
    is refused if its owner decides on it each time.

    Args:
        services: What it uses.
        store: Where tokens are stored that an owner told for the first time.
    """

    def __init__(self, services: Services, store: TokenStore) -> None:
        self._settings = services.settings
        self._questions = Questions(services, store)
        self._asked: OrderedDict[tuple[str, str], tuple[float, IdTokenInfo]] = OrderedDict()

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            OSError: When it can't listen, or a file can't be read.
        """
        listen = self._settings.ocpi_authorizer_listen
        if not listen:
            return
        self._credential = _text(self._settings.ocpi_authorizer_credential_file)
        server = grpc.aio.server()
        add_AuthorizerServiceServicer_to_server(self, server)
        certificate = self._settings.ocpi_authorizer_certificate_file
        key = self._settings.ocpi_authorizer_certificate_key_file
        try:
            if certificate is not None and key is not None:
                pair = (key.read_bytes(), certificate.read_bytes())
                server.add_secure_port(listen, grpc.ssl_server_credentials([pair]))
            else:
                server.add_insecure_port(listen)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {listen}") from error
        await server.start()
        _logger.info("the core may ask about tokens", extra={"address": listen})
        try:
            await server.wait_for_termination()
        finally:
            await server.stop(grace=1)

    async def Authorize(
        self, request: pb.AuthorizeRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> pb.AuthorizeResponse:
        """Return what owners say of tokens, each within the deadline of the call."""
        if self._credential and not self._is_credential(context.invocation_metadata()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the credential is not the adapter's")
        left = context.time_remaining()
        timeout = min(LONGEST, LONGEST if left is None else left) - MARGIN
        if self._settings.ocpi_tenant not in ("", request.tenant_id) or timeout <= 0:
            return pb.AuthorizeResponse(decisions=[pb.Decision() for _ in request.presentations])
        decisions = await asyncio.gather(*(self._decide(one, timeout) for one in request.presentations))
        return pb.AuthorizeResponse(decisions=decisions)

    def _is_credential(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> bool:
        given = next((value for name, value in metadata or () if name == "authorization"), "")
        wanted = f"Bearer {self._credential}"
        return hmac.compare_digest(given if isinstance(given, bytes) else given.encode(), wanted.encode())

    async def _decide(self, presented: pb.Presentation, timeout: float) -> pb.Decision:
        if presented.purpose == pb.Presentation.PURPOSE_STOP:
            # Who began may stop; what else there is to say of it the tokens of the core say.
            return pb.Decision()
        place = (presented.id_token.id_token.lower(), presented.station_id)
        now = asyncio.get_running_loop().time()
        known = self._asked.pop(place, None)
        if presented.purpose == pb.Presentation.PURPOSE_START and known is not None and known[0] > now:
            return pb.Decision(id_token_info=known[1])
        try:
            async with asyncio.timeout(timeout + MARGIN / 2):
                info = await self._questions.ask(presented, timeout)
        except TimeoutError:
            info = None
        except Exception as error:
            _logger.warning("nobody could be asked about a token", extra={"problem": str(error)[:300]})
            info = None
        if info is None:
            return pb.Decision()
        if presented.purpose == pb.Presentation.PURPOSE_ASK and info.status == _ACCEPTED:
            self._asked[place] = (now + REUSED, info)
            while len(self._asked) > MOST:
                self._asked.popitem(last=False)
        return pb.Decision(id_token_info=info)


def _text(file: Path | None) -> str:
    return "" if file is None else file.read_text(encoding="utf-8").strip()
