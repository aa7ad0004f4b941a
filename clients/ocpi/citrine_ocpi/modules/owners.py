"""Whose a token is: the party that the core knows it to belong to, remembered for a while."""

import time
from collections.abc import Sequence
from dataclasses import replace

import grpc
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.locations_pb2 import PublishToken
from citrine.api.v1.tokens_pb2 import TOKEN_WHITELIST_ALWAYS, GetTokenRequest, ListTokensRequest, Token
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.modules.charging import Owner
from citrine_ocpi.modules.tokens.mapping import core_type
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.transport import Party
from citrine_sdk import Citrine

__all__ = ["Owners", "as_known"]

REMEMBERED = 60.0
"""Seconds: most tokens are the operator's own, and each message of theirs would be another question."""

MOST = 50_000
"""Tokens that are remembered."""


class Owners:
    """Finds the parties of tokens.

    Args:
        citrine: The core.
    """

    def __init__(self, citrine: Citrine) -> None:
        self._citrine = citrine
        self._known: dict[tuple[str, str], tuple[float, Token | None]] = {}

    async def of(self, token: IdToken) -> Owner | None:
        """Return whose a token is. None: it is the operator's own, or not known."""
        found = await self._find(token)
        return None if found is None else _owner(found)

    async def is_known(self, token: IdToken) -> bool:
        """Return whether the core has a token."""
        return await self._find(token) is not None

    async def _find(self, token: IdToken) -> Token | None:
        key = (token.id_token.lower(), token.type)
        known = self._known.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if len(self._known) >= MOST:
            self._known.clear()
        found = await self._ask(token.id_token, token.type)
        self._known[key] = (time.monotonic() + REMEMBERED, found)
        return found

    def forget(self, token: IdToken) -> None:
        """Ask about a token again, because it changed."""
        self._known.pop((token.id_token.lower(), token.type), None)

    async def shown_to(self, token: PublishToken) -> set[Party]:
        """Return the parties that a location may be shown to because it names a token, or a group.

        A token that is named by nothing but its number in print can't be found.
        """
        found: set[Party] = set()
        if token.uid:
            named = await self._ask(token.uid, "")
            owner = None if named is None else _owner(named)
            found |= {owner.party} if owner is not None else set()
        elif token.group_id:
            async for page in self._citrine.pages(
                self._citrine.tokens.ListTokens, ListTokensRequest(group_id=token.group_id)
            ):
                found |= {owner.party for one in page.tokens if (owner := _owner(one)) is not None}
        return found

    async def _ask(self, id_token: str, type_name: str) -> Token | None:
        try:
            found: Token = await self._citrine.tokens.GetToken(GetTokenRequest(id_token=id_token, type=type_name))
            return found
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return None
            raise


async def as_known(session: AsyncSession, tokens: Sequence[tuple[Owner, IdToken]]) -> Sequence[Owner]:
    """Return owners of tokens with the types by which they know these, which stations know by others."""
    uids = [owner.uid or token.id_token for owner, token in tokens]
    parties = [owner.party for owner, _ in tokens]
    types = await TokenRepository(session).types_of([*zip(parties, uids, strict=True)])
    found = []
    for (owner, token), uid in zip(tokens, uids, strict=True):
        said = sorted(one for one in types.get((owner.party, uid.lower()), ()) if core_type(uid, one) == token.type)
        found.append(replace(owner, type=said[0]) if said else owner)
    return found


def _owner(token: Token) -> Owner | None:
    if not (token.country_code and token.party_id):
        return None
    return Owner(
        Party(token.country_code, token.party_id),
        contract_id=token.contract_id,
        uid=token.id_token,
        is_whitelisted=token.whitelist == TOKEN_WHITELIST_ALWAYS,
    )
