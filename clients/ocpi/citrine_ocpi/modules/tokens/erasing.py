"""Takes drivers whose tokens the core deleted out of what is stored of them here."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

import grpc
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tokens_pb2 import GetTokenRequest
from citrine.events.v1.events_pb2 import Event, TokenChanged
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.feed import Effect
from citrine_ocpi.modules.charging import token_type
from citrine_ocpi.modules.tokens.comparison import find_gone
from citrine_ocpi.modules.tokens.mapping import core_type
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.published import PublishedRepository, PublishedRow, erase
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Party, Version

__all__ = ["ErasingListener"]


COMPARED = "tokens compared"
"""Name of the position that says that tokens were compared once for all."""

PAUSE = 10.0

_logger = logging.getLogger(__name__)


class ErasingListener:
    """Erases a token that the core deleted, by itself or because its driver is erased: events don't say which.

    It comes after the listeners whose objects it changes. Once the core has erased a driver, events that were not
    received before have a pseudonym in the place of the token: then what is stored here is compared with its tokens.

    Args:
        services: Of the adapter.
    """

    kinds: Collection[str] = ("token_changed", "person_erased")

    def __init__(self, services: Services) -> None:
        self._citrine = services.citrine
        self._database = services.database

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from events."""
        gone = {
            (changed.id_token.id_token, changed.id_token.type): changed.id_token
            for changed in (event.token_changed for event in events)
            if changed.kind == TokenChanged.KIND_DELETED
        }
        effects: list[Effect] = [partial(self._erase, token=one, owner=await self._owner(one)) for one in gone.values()]
        if any(event.HasField("person_erased") for event in events):
            effects += await self.compare()
        return effects

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return what erases tokens that were deleted unheard."""
        return await self.compare()

    async def run(self) -> None:
        """Compare once for all: what was erased before there were events of that went unheard."""
        while True:
            try:
                async with self._database.reading() as session:
                    if await PublishedRepository(session).position(COMPARED):
                        return
                effects = await self.compare()
                async with self._database.writing() as session:
                    for effect in effects:
                        await effect(session)
                    await PublishedRepository(session).set_position(COMPARED, 1)
                return
            except (grpc.aio.AioRpcError, SQLAlchemyError, OSError) as error:
                _logger.info("tokens can't be compared with those of the core yet", extra={"problem": str(error)[:300]})
            await asyncio.sleep(PAUSE)

    async def compare(self) -> Sequence[Effect]:
        """Return what erases tokens that the core has no more.

        Raises:
            grpc.aio.AioRpcError: When the core can't be asked.
        """
        gone = await find_gone(self._database, self._citrine)
        return [partial(self._erase, token=one, owner=None) for one in gone]

    async def _owner(self, token: IdToken) -> Party | None:
        """Return the party of a token that was deleted, where there is one again. None: there is none, or of nobody."""
        try:
            found = await self._citrine.tokens.GetToken(GetTokenRequest(id_token=token.id_token, type=token.type))
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return None
            raise
        return Party(found.country_code, found.party_id) if found.party_id else None

    async def _erase(self, session: AsyncSession, *, token: IdToken, owner: Party | None) -> None:
        """Erase a token.

        Args:
            session: Of the transaction.
            token: As the core had it. Without a type: of any.
            owner: Who has said it anew, so that what it said is of now. None: nobody.
        """
        uid = token.id_token
        tokens = TokenRepository(session)
        for row in await tokens.find_of_uid(uid):
            is_it = token.type in ("", core_type(uid, row.type))
            if is_it and Party(row.country_code, row.party_id) != owner:
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
