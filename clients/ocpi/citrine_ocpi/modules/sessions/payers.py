"""Who pays for sessions: the parties of their tokens, as they were when the sessions began."""

import asyncio
from collections.abc import Mapping

from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.db import Database
from citrine_ocpi.modules.charging import Owner
from citrine_ocpi.modules.owners import Owners
from citrine_ocpi.published import PublishedRepository
from citrine_ocpi.transport import Version

__all__ = ["payers_of"]

AT_A_TIME = 20
"""Tokens that the core is asked about at the same time."""


async def payers_of(
    database: Database, owners: Owners, module: str, tokens: Mapping[str, IdToken]
) -> Mapping[str, Owner]:
    """Return whose the tokens of sessions are, where they are not the operator's own, or nobody's.

    A session that the partner was sent goes on as the same party's, and names the token as it does, though the token
    was deleted, or given to somebody else, since.

    Args:
        database: Of the adapter.
        owners: Knows whose tokens are.
        module: Of sessions.
        tokens: As stations named them, by what the session is made of.
    """
    limit = asyncio.Semaphore(AT_A_TIME)

    async def ask(token: IdToken) -> tuple[Owner | None, bool]:
        async with limit:
            owner = await owners.of(token)
            return owner, owner is not None or not await owners.is_known(token)

    answers = dict(zip(tokens, await asyncio.gather(*map(ask, tokens.values())), strict=True))
    found = {source: owner for source, (owner, _) in answers.items() if owner is not None}
    # Most of the others are the operator's own.
    asked = [source for source, (_, may_be_theirs) in answers.items() if may_be_theirs]
    if not asked:
        return found
    async with database.reading() as session:
        repository = PublishedRepository(session)
        sent: set[str] = set()
        for source, published_id, party in await repository.audiences_of_sources(module, asked):
            owner = found.get(source)
            if source in sent or (owner is not None and owner.party == party):
                continue
            sent.add(source)
            row = await repository.get(published_id)
            said = row.bodies[Version.V2_3_0]["cdr_token"]
            found[source] = Owner(party, contract_id=said["contract_id"], uid=said["uid"], type=said["type"])
    return found
