"""Compares the tokens of which something is stored here with those that the core has: some may be gone unheard."""

import asyncio
from collections.abc import Sequence

import grpc

from citrine.api.v1.tokens_pb2 import ExportTokensRequest, GetTokenRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.db import Database
from citrine_ocpi.modules.tokens.mapping import core_type
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.published import PublishedRepository
from citrine_sdk import Citrine

__all__ = ["find_gone"]

AT_ONCE = 20
"""Tokens that the core is asked about at the same time."""


async def find_gone(database: Database, citrine: Citrine) -> Sequence[IdToken]:
    """Return the tokens of which something is stored here, and that the core has no more.

    Those without a type are of any: no token has that id. Lists of all tokens of the parties say which ones there are;
    the core is asked about those alone that are not in them, as they may be another party's by now.

    Args:
        database: Of the adapter.
        citrine: The core.

    Raises:
        grpc.aio.AioRpcError: When the core can't be asked.
    """
    async with database.reading() as session:
        tokens = TokenRepository(session)
        of_party = {party: await tokens.of_party(party) for party in await tokens.parties()}
        named, seen_by = await PublishedRepository(session).tokens()
        named |= await tokens.asked_about()
    ids: set[str] = set()
    missing: list[tuple[str, str]] = []
    for party in {*of_party, *seen_by}:
        there: set[tuple[str, str]] = set()
        request = ExportTokensRequest(country_code=party.country_code, party_id=party.party_id)
        async for part in citrine.tokens.ExportTokens(request):
            there |= {(one.id_token.lower(), one.type) for one in part.tokens}
        ids |= {one for one, _ in there}
        stored = [(uid, core_type(uid, token_type)) for uid, token_type in of_party.get(party, ())]
        missing += [one for one in stored if one not in there]
    missing += [(uid, "") for uid in named - ids]
    limit = asyncio.Semaphore(AT_ONCE)

    async def is_gone(uid: str, token_type: str) -> bool:
        async with limit:
            try:
                await citrine.tokens.GetToken(GetTokenRequest(id_token=uid, type=token_type))
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    return True
                # Without a type: several have that id.
                if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                    raise
        return False

    gone = await asyncio.gather(*(is_gone(*one) for one in missing))
    return [IdToken(id_token=uid, type=kind) for (uid, kind), is_so in zip(missing, gone, strict=True) if is_so]
