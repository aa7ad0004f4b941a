"""Compares the tokens of which something is stored here with those that the core has: some may be gone unheard."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import grpc

from citrine.api.v1.tokens_pb2 import ExportTokensRequest, GetTokenRequest, ListTokensRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.db import Database
from citrine_ocpi.modules.tokens.mapping import core_type
from citrine_ocpi.modules.tokens.repository import TokenKey, TokenRepository
from citrine_ocpi.published import PublishedRepository
from citrine_sdk import Citrine

__all__ = ["Gone", "find_gone"]

AT_ONCE = 20
"""Tokens that the core is asked about at the same time."""

LONGEST_UID = 36
"""Characters of a token that an object names: of a longer one it names the first."""


@dataclass(frozen=True)
class Gone:
    """A token that the core has no more."""

    token: IdToken
    """Without a type: of any."""
    last_updated: Mapping[TokenKey, datetime]
    """Of the rows that there were of it before the core was asked: what was said since counts."""


async def find_gone(database: Database, citrine: Citrine) -> Sequence[Gone]:
    """Return the tokens of which something is stored here, and that the core has no more.

    Lists of all tokens of the parties say which ones there are; the core is asked about those alone that are not in
    them, as they may be another party's by now.

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
    missing: list[Gone] = []
    for party in {*of_party, *seen_by}:
        there: set[tuple[str, str]] = set()
        request = ExportTokensRequest(country_code=party.country_code, party_id=party.party_id)
        async for part in citrine.tokens.ExportTokens(request):
            there |= {(one.id_token.lower(), one.type) for one in part.tokens}
        ids |= {one[:LONGEST_UID] for one, _ in there}
        for key, last_updated in of_party.get(party, {}).items():
            uid, core_name = key[2], core_type(key[2], key[3])
            if (uid, core_name) not in there:
                missing.append(Gone(IdToken(id_token=uid, type=core_name), {key: last_updated}))
    missing += [Gone(IdToken(id_token=uid), {}) for uid in named - ids]
    limit = asyncio.Semaphore(AT_ONCE)

    async def is_gone(token: IdToken) -> bool:
        async with limit:
            if not token.type and len(token.id_token) >= LONGEST_UID:
                return not await _begins_one(citrine, token.id_token)
            return await _is_unknown(citrine, token)

    gone = await asyncio.gather(*(is_gone(one.token) for one in missing))
    return [one for one, is_so in zip(missing, gone, strict=True) if is_so]


async def _is_unknown(citrine: Citrine, token: IdToken) -> bool:
    try:
        await citrine.tokens.GetToken(GetTokenRequest(id_token=token.id_token, type=token.type))
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return True
        # Without a type: several have that id.
        if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
            raise
    return False


async def _begins_one(citrine: Citrine, prefix: str) -> bool:
    """Return whether the core has a token whose id begins so: it may be longer than objects name it."""
    found = await citrine.tokens.ListTokens(ListTokensRequest(id_token_prefix=prefix, page_size=1))
    return bool(found.tokens)
