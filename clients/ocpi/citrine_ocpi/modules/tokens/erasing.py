"""Takes drivers whose tokens the core deleted out of what is stored of them here."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

import grpc
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tokens_pb2 import GetTokenRequest
from citrine.events.v1.events_pb2 import Event, TokenChanged
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.feed import Effect
from citrine_ocpi.modules.charging import token_type
from citrine_ocpi.modules.tokens.comparison import Gone, find_gone
from citrine_ocpi.modules.tokens.mapping import core_type
from citrine_ocpi.modules.tokens.repository import TokenKey, TokenRepository
from citrine_ocpi.modules.tokens.tables import TokenRow
from citrine_ocpi.published import PublishedRepository, PublishedRow, erase
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Party, Version

__all__ = ["ErasingListener"]


COMPARED = "tokens compared"
"""Name of the position that says how often it was asked, when tokens were compared last, that they be so."""

WANTED = "tokens to be compared"
"""Name of the position that counts how often it was asked that tokens be compared."""

AT_FIRST = 1
"""That they were asked for once for all: what was erased before there were events of that went unheard."""

PAUSE = 10.0
"""Seconds between looks at whether tokens are to be compared; another replica may have followed the events."""

BETWEEN = 60.0
"""Seconds between two comparisons at least: drivers who are erased one after the other are found by one."""

_logger = logging.getLogger(__name__)


class ErasingListener:
    """Erases a token that the core deleted, by itself or because its driver is erased: events don't say which.

    It comes after the listeners whose objects it changes. Once the core has erased a driver, events that were not
    received before have a pseudonym in the place of the token: then what is stored here is compared with its tokens,
    beside the events, which wait for nothing that long.

    Args:
        services: Of the adapter.
    """

    kinds: Collection[str] = ("token_changed", "person_erased")

    def __init__(self, services: Services) -> None:
        self._citrine = services.citrine
        self._database = services.database
        self._asked = asyncio.Event()
        """Set after a commit that says that tokens are to be compared."""

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from events."""
        gone = {
            (changed.id_token.id_token, changed.id_token.type): changed.id_token
            for changed in (event.token_changed for event in events)
            if changed.kind == TokenChanged.KIND_DELETED
        }
        effects: list[Effect] = []
        for token in gone.values():
            async with self._database.reading() as session:
                rows = await TokenRepository(session).find_of_uid(token.id_token)
            known = Gone(token, {_key(row): row.last_updated for row in rows})
            effects.append(partial(self._erase, gone=known, owner=await self._owner(token)))
        if any(event.HasField("person_erased") for event in events):
            effects.append(self._ask)
        return effects

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return what has tokens be compared: some may have been deleted unheard."""
        return [self._ask]

    async def _ask(self, session: AsyncSession) -> None:
        repository = PublishedRepository(session)
        await repository.set_position(WANTED, max(await repository.position(WANTED), AT_FIRST) + 1)
        event.listen(session.sync_session, "after_commit", lambda _: self._asked.set(), once=True)

    async def run(self) -> None:
        """Compare tokens where that is asked for, until cancelled."""
        while True:
            self._asked.clear()
            try:
                if await self._compare():
                    await asyncio.sleep(BETWEEN)
            except (grpc.aio.AioRpcError, SQLAlchemyError, OSError) as error:
                _logger.info("tokens can't be compared with those of the core yet", extra={"problem": str(error)[:300]})
            try:
                async with asyncio.timeout(PAUSE):
                    await self._asked.wait()
            except TimeoutError:
                pass

    async def _compare(self) -> bool:
        """Erase tokens that the core has no more. Return False if nobody asked for that since it was done."""
        async with self._database.reading() as session:
            repository = PublishedRepository(session)
            wanted = max(await repository.position(WANTED), AT_FIRST)
            if await repository.position(COMPARED) >= wanted:
                return False
        gone = await find_gone(self._database, self._citrine)
        async with self._database.writing() as session:
            for one in gone:
                await self._erase(session, gone=one, owner=None)
            await PublishedRepository(session).set_position(COMPARED, wanted)
        return True

    async def _owner(self, token: IdToken) -> Party | None:
        """Return the party of a token that was deleted, where there is one again. None: there is none, or of nobody."""
        try:
            found = await self._citrine.tokens.GetToken(GetTokenRequest(id_token=token.id_token, type=token.type))
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return None
            raise
        return Party(found.country_code, found.party_id) if found.party_id else None

    async def _erase(self, session: AsyncSession, *, gone: Gone, owner: Party | None) -> None:
        """Erase a token.

        Args:
            session: Of the transaction.
            gone: The token as the core had it.
            owner: Who has said it anew, so that what it said is of now. None: nobody.
        """
        token, uid = gone.token, gone.token.id_token
        tokens = TokenRepository(session)
        for row in await tokens.find_of_uid(uid):
            is_it = token.type in ("", core_type(uid, row.type))
            # What its owner has said since the core was asked is of now, too.
            is_as_known = gone.last_updated.get(_key(row)) == row.last_updated
            if is_it and is_as_known and Party(row.country_code, row.party_id) != owner:
                await tokens.remove(row)
        await tokens.forget_authorizations(uid)
        objects = [one for one in await PublishedRepository(session).find_of_token(uid) if _is_of(one, token)]
        erase(objects)
        await DeliveryRepository(session).remove_dead_of(
            [f"{one.module}/{one.country_code}/{one.party_id}/{one.object_id}" for one in objects]
        )


def _key(row: TokenRow) -> TokenKey:
    return row.country_code, row.party_id, row.lookup, row.type


def _is_of(row: PublishedRow, token: IdToken) -> bool:
    """Return whether an object is of a token, and not of one of another type with the same id."""
    said = row.bodies[Version.V2_3_0]["cdr_token"]["type"]
    return token.type in ("", core_type(token.id_token, said)) or said == token_type(token.type, Version.V2_3_0)
