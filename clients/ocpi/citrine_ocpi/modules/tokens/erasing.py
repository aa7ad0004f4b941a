"""Takes drivers whose tokens the core deleted out of what is stored of them here."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

import grpc
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tokens_pb2 import GetTokenRequest
from citrine.events.v1.events_pb2 import Event, TokenChanged
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.feed import Effect
from citrine_ocpi.modules.charging import token_type
from citrine_ocpi.modules.tokens.mapping import core_type
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.published import PublishedRepository, PublishedRow, erase
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Version

__all__ = ["ErasingListener"]


class ErasingListener:
    """Erases a token that the core deleted, by itself or because its driver is erased: events don't say which.

    It comes after the listeners whose objects it changes.

    Args:
        services: Of the adapter.
    """

    kinds: Collection[str] = ("token_changed",)

    def __init__(self, services: Services) -> None:
        self._citrine = services.citrine

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from events."""
        gone = {
            (changed.id_token.id_token, changed.id_token.type): changed.id_token
            for changed in (event.token_changed for event in events)
            if changed.kind == TokenChanged.KIND_DELETED
        }
        return [partial(self._erase, token=one, is_back=await self._is_there(one)) for one in gone.values()]

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return nothing: no list says which tokens were deleted. What is older than its retention is removed."""
        return ()

    async def _is_there(self, token: IdToken) -> bool:
        try:
            await self._citrine.tokens.GetToken(GetTokenRequest(id_token=token.id_token, type=token.type))
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return False
            raise
        return True

    async def _erase(self, session: AsyncSession, *, token: IdToken, is_back: bool) -> None:
        """Erase a token.

        Args:
            session: Of the transaction.
            token: As the core had it.
            is_back: Whether its owner has said it anew, so that what it said is of now.
        """
        uid = token.id_token
        tokens = TokenRepository(session)
        for row in await tokens.find_of_uid(uid):
            if core_type(uid, row.type) == token.type and not is_back:
                await tokens.remove(row)
        await tokens.forget_authorizations(uid)
        objects = [one for one in await PublishedRepository(session).find_of_token(uid) if _is_of(one, token)]
        erase(objects)
        await DeliveryRepository(session).remove_dead_of(
            [f"{one.module}/{one.country_code}/{one.party_id}/{one.object_id}" for one in objects]
        )


def _is_of(row: PublishedRow, token: IdToken) -> bool:
    """Return whether an object is of a token, and not of one of another type with the same id."""
    said = row.bodies[Version.V2_3_0]["cdr_token"]["type"]
    return token.type in ("", core_type(token.id_token, said)) or said == token_type(token.type, Version.V2_3_0)
