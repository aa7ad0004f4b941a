"""Stores tokens of partners: what they said last in the adapter's database, what decides on them in the core."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import tokens_pb2 as pb
from citrine_ocpi.db import Database
from citrine_ocpi.modules.tokens.mapping import PARTNERS_FIELDS, AnyToken, core_type, to_core, token_models
from citrine_ocpi.modules.tokens.repository import TokenKey, TokenRepository
from citrine_ocpi.transport.errors import InvalidParameters, Unavailable
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.status import Version
from citrine_sdk import Citrine

__all__ = ["Stored", "TokenStore", "key_of"]

AT_A_TIME = 500
"""Tokens that one call passes on to the core."""

ASKED_AT_A_TIME = 20
"""Tokens that the core is asked about at the same time."""

TRIES = 5
"""How often the same token may change while it is passed on."""

FOREIGN = "there is a token of this uid that belongs to another party"

_NAMES = ("id_token", "type")


@dataclass
class Stored:
    """What became of tokens."""

    created: int = 0
    """How many the adapter did not know."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why a token could not be stored, by its uid."""


def key_of(party: Party, uid: str, token_type: str) -> TokenKey:
    """Return by what a token is found."""
    return party.country_code, party.party_id, uid.lower(), token_type


class TokenStore:
    """Stores tokens. A newer version of a token is never replaced by an older one, in whichever order they come.

    The row of the adapter decides which version counts; what it says is then passed on to the core, and again where it
    has changed meanwhile. So who repeats a request that had no answer ends with the same.

    Args:
        database: Where what partners said is.
        citrine: The core.
    """

    def __init__(self, database: Database, citrine: Citrine) -> None:
        self._database = database
        self._citrine = citrine

    async def find(self, key: TokenKey, version: Version) -> AnyToken | None:
        """Return a token as its owner said it last."""
        async with self._database.reading() as session:
            row = (await TokenRepository(session).find([key])).get(key)
        return None if row is None else token_models(version)[0].model_validate(row.body)

    async def put(self, parties: Collection[Party], tokens: Sequence[AnyToken]) -> Stored:
        """Store tokens of a partner.

        Args:
            parties: To one of which they must belong.
            tokens: Each once.

        Raises:
            grpc.aio.AioRpcError: When the core can't be reached, or may store no more.
        """
        found = Stored()
        by_key: dict[TokenKey, AnyToken] = {}
        for token in tokens:
            party = Party(str(token.country_code), str(token.party_id))
            if party in parties:
                by_key[key_of(party, str(token.uid), str(token.type))] = token
            else:
                found.refused[str(token.uid)] = f"{party} is no party of this connection"
        known = await self._known(by_key)
        owned = await self._owned(by_key)
        found.refused |= {str(token.uid): FOREIGN for key, token in by_key.items() if key not in owned}
        valid = {key: token for key, token in by_key.items() if str(token.uid) not in found.refused}
        found.refused |= await self._invalid([*valid.values()])
        rows = {
            key: (token.last_updated, token.wire())
            for key, token in valid.items()
            if str(token.uid) not in found.refused
        }
        async with self._database.writing() as session:
            await TokenRepository(session).store(rows)
        found.refused |= await self._pass_on({key: owned[key] for key in rows})
        found.created = sum(key not in known and str(by_key[key].uid) not in found.refused for key in rows)
        return found

    async def patch(self, key: TokenKey, changes: Mapping[str, Any], version: Version) -> AnyToken | None:
        """Change fields of a token, and return it. None: it is not known, or the core has it no more.

        What is known here follows what the core deletes a little later: the answer is the same before and after.

        Raises:
            InvalidParameters: When a field is wrong, or the core has a token of this id that is another party's.
            pydantic.ValidationError: When a field is wrong.
            Unavailable: When it changes all the time.
            grpc.aio.AioRpcError: When the core can't be reached.
        """
        for _ in range(TRIES):
            async with self._database.reading() as session:
                row = (await TokenRepository(session).find([key])).get(key)
            etag = await self._etag(Party(*key[:2]), key[2], key[3])
            if etag is None:
                raise InvalidParameters(FOREIGN)
            if row is None or not etag:
                return None
            token: AnyToken = token_models(version)[0].model_validate(row.body)
            changed: AnyToken = token.patched(changes)
            if changed.last_updated < row.last_updated:
                # It was overtaken by what came since.
                return token
            if refused := await self._invalid([changed]):
                raise InvalidParameters("; ".join(refused.values()))
            async with self._database.writing() as session:
                repository = TokenRepository(session)
                done = await repository.replace(key, row.last_updated, changed.last_updated, changed.wire())
            if done:
                if refused := await self._pass_on({key: etag}):
                    raise InvalidParameters("; ".join(refused.values()))
                return changed
        raise Unavailable("the token changes all the time")

    async def _known(self, keys: Mapping[TokenKey, object]) -> set[TokenKey]:
        async with self._database.reading() as session:
            return {*await TokenRepository(session).find([*keys])} if keys else set()

    async def _owned(self, tokens: Mapping[TokenKey, AnyToken]) -> dict[TokenKey, str]:
        """Return the etags of the tokens that the core has of their owners, empty for those that it does not have.

        Those that belong to somebody else are left out, also where the adapter has them: the operator may have given
        the id to another one since.
        """
        limit = asyncio.Semaphore(ASKED_AT_A_TIME)

        async def etag(token: AnyToken) -> str | None:
            async with limit:
                party = Party(str(token.country_code), str(token.party_id))
                return await self._etag(party, str(token.uid), str(token.type))

        etags = await asyncio.gather(*map(etag, tokens.values()))
        return {key: found for key, found in zip(tokens, etags, strict=True) if found is not None}

    async def _etag(self, party: Party, uid: str, token_type: str) -> str | None:
        """Return the etag of a token that the core has of a party. Empty: it has none. None: it is somebody else's."""
        request = pb.GetTokenRequest(id_token=uid, type=core_type(uid, token_type))
        try:
            found = await self._citrine.tokens.GetToken(request)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return ""
            raise
        return str(found.etag) if Party(found.country_code, found.party_id) == party else None

    async def _invalid(self, tokens: Sequence[AnyToken]) -> dict[str, str]:
        """Return the tokens that the core would not store, with what is wrong."""
        refused: dict[str, str] = {}
        for first in range(0, len(tokens), AT_A_TIME):
            page = tokens[first : first + AT_A_TIME]
            async for answer in self._import([*map(to_core, page)], pb.TOKEN_IMPORT_MODE_PREVIEW):
                for error in answer.errors:
                    refused[str(page[error.index].uid)] = f"{error.field}: {error.description}"
        return refused

    async def _pass_on(self, owned: Mapping[TokenKey, str]) -> dict[str, str]:
        """Have the core say what the adapter's rows say, also where another request changes them meanwhile.

        Args:
            owned: Etags of the tokens in the core, as they were when their owners were looked at.

        Returns:
            Tokens that belong to somebody else by now, with what is wrong.
        """
        refused: dict[str, str] = {}
        left: Mapping[TokenKey, datetime | None] = dict.fromkeys(owned)
        for turn in range(TRIES):
            keys = [*left]
            async with self._database.reading() as session:
                found = await TokenRepository(session).find(keys) if keys else {}
            changed = {key: row for key, row in found.items() if row.last_updated != left[key]}
            if not changed:
                return refused
            model = token_models(Version.V2_3_0)[0]
            tokens: dict[TokenKey, AnyToken] = {key: model.model_validate(row.body) for key, row in changed.items()}
            if turn:
                owned = await self._owned(tokens)
                refused |= {str(token.uid): FOREIGN for key, token in tokens.items() if key not in owned}
            again = await self._write({key: token for key, token in tokens.items() if key in owned}, owned)
            left = {key: None if key in again else changed[key].last_updated for key in tokens if key in owned}
        raise Unavailable("the token changes all the time")

    async def _write(self, tokens: Mapping[TokenKey, AnyToken], etags: Mapping[TokenKey, str]) -> set[TokenKey]:
        """Write tokens to the core where it has them as they were. Return those that it may have otherwise by now."""
        again: set[TokenKey] = set()
        for is_new in (False, True):
            keys = [key for key in tokens if (not etags[key]) is is_new]
            for first in range(0, len(keys), AT_A_TIME):
                page = keys[first : first + AT_A_TIME]
                values = [to_core(tokens[key]) for key in page]
                for key, value in zip(page, values, strict=True):
                    value.etag = etags[key]
                # One that somebody made in between stays as it is, since the mask names nothing that changes.
                fields = _NAMES if is_new else PARTNERS_FIELDS
                async for answer in self._import(values, pb.TOKEN_IMPORT_MODE_VALID_TOKENS, fields):
                    again |= {page[error.index] for error in answer.errors if error.field == "etag"}
                    if is_new and answer.unchanged:
                        again |= {*page}
        return again

    def _import(
        self,
        tokens: Sequence[pb.Token],
        mode: pb.TokenImportMode.ValueType,
        fields: Sequence[str] = PARTNERS_FIELDS,
    ) -> "grpc.aio.StreamStreamCall[pb.ImportTokensRequest, pb.ImportTokensResponse]":
        request = pb.ImportTokensRequest(tokens=tokens, mode=mode, update_mask=FieldMask(paths=fields))
        return self._citrine.tokens.ImportTokens(iter([request]))
