"""Queries of the tokens."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tenants_pb2 import QuotaKind
from citrine.ocpp.id_tags import MAX_ID_TAG, id_tag_of, is_surrogate, surrogate_of
from citrine_core.db import Listed, LockedQuery, Page, database_of
from citrine_core.db.bulk import BulkUpsert
from citrine_core.db.changes import changed_within
from citrine_core.db.one_of import one_of, one_of_packed, pack
from citrine_core.db.violations import breaks_foreign_key
from citrine_core.errors import AlreadyExists, InvalidArgument, NotFound
from citrine_core.resources.tenants.quotas import Counted
from citrine_core.resources.tokens.filters import TokenFilter
from citrine_core.resources.tokens.formats import TYPES, lookup_of, lookups_of, same_spelling, type_of
from citrine_core.resources.tokens.models import Token

__all__ = ["TOKENS", "TokenKey", "TokenRepository", "surrogate_or_none"]

TOKENS = Counted(QuotaKind.QUOTA_KIND_TOKENS, Token.metadata.tables["tokens"])

_TABLE = Token.metadata.tables["tokens"]

_KEY = ("tenant_id", "lookup", "type")

_PUT = BulkUpsert(
    _TABLE,
    key=_KEY,
    # The spelling of an id stays as it was first written.
    preserve=("id_token", "surrogate", "create_time", "version"),
    changes={"version": _TABLE.c.version + 1},
)

_OF_KEYS = select(_TABLE).where(
    _TABLE.c.tenant_id == bindparam("tenant_id"), one_of_packed((_TABLE.c.lookup, _TABLE.c.type), "keys")
)

_LOCK = LockedQuery(_OF_KEYS, _TABLE.c.lookup, _TABLE.c.type)

TokenKey = tuple[str, str]
"""idToken and type, as a station sends them."""

_RANKS = {name: rank for rank, name in enumerate(TYPES)}


class TokenRepository:
    """Reads and writes tokens within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(self, tenant_id: str, keys: Collection[TokenKey]) -> dict[TokenKey, Token]:
        """Return the known ones among tokens that stations sent, by the key that was sent, in one query.

        The comparison of idToken and type ignores case, as identifierString does, and separators of bytes.
        """
        wanted = {key: (lookup_of(*key), type_of(key[1])) for key in keys}
        if not wanted:
            return {}
        lookups = {lookup for lookup, _ in wanted.values()}
        rows = await self._session.scalars(
            select(Token).where(Token.tenant_id == tenant_id, one_of(Token.lookup, lookups))
        )
        found = {(row.lookup, row.type): row for row in rows}
        return {key: found[stored] for key, stored in wanted.items() if stored in found}

    async def find_untyped(
        self, tenant_id: str, id_tokens: Collection[str], is_same: Callable[[str, str], bool]
    ) -> dict[str, Token]:
        """Return the known ones among tokens of which a station does not say the type, in one query.

        If there are several of one id, it is that of the first type of OCPP: a card rather than anything else.

        Args:
            tenant_id: Tenant of the tokens.
            id_tokens: Their ids, or surrogates of them.
            is_same: Returns whether a stored id and one that a station sent are one token by the tenant's rules.
        """
        lookups = {one: lookups_of(one) for one in id_tokens}
        if not lookups:
            return {}
        # Two indexes: of the ids, and of the surrogates.
        is_one = one_of(Token.lookup, set().union(*lookups.values()))
        surrogates = {one.upper() for one in id_tokens if is_surrogate(one)}
        if surrogates:
            is_one = or_(is_one, one_of(Token.surrogate, surrogates))
        rows = (await self._session.scalars(select(Token).where(Token.tenant_id == tenant_id, is_one))).all()
        found: dict[str, Token] = {}
        for row in sorted(rows, key=lambda row: (_RANKS.get(row.type, len(_RANKS)), row.type)):
            for one in id_tokens:
                is_named = row.lookup == lookup_of(one, row.type) and (
                    is_same(row.id_token, one) or same_spelling(id_tag_of(row.id_token, row.type), one)
                )
                if is_named or (row.surrogate is not None and row.surrogate == one.upper()):
                    found.setdefault(one, row)
        return found

    async def types_of(self, tenant_id: str, id_tokens: Collection[str]) -> dict[str, list[str]]:
        """Return the sorted types of the tokens with these ids, in one query; unknown ids are omitted."""
        lookups = {one: lookups_of(one) for one in id_tokens}
        if not lookups:
            return {}
        rows = await self._session.execute(
            select(Token.lookup, Token.type).where(
                Token.tenant_id == tenant_id, one_of(Token.lookup, set().union(*lookups.values()))
            )
        )
        known = sorted(rows, key=lambda row: row.type)
        found = {one: [kind for lookup, kind in known if lookup == lookup_of(one, kind)] for one in lookups}
        return {one: kinds for one, kinds in found.items() if kinds}

    async def get(self, tenant_id: str, id_token: str, type_name: str, *, for_update: bool = False) -> Token:
        """Return a token; without a type, the only token with this id.

        Raises:
            NotFound: When there is none.
            InvalidArgument: When no type is given and there are several.
        """
        lookups = {lookup_of(id_token, type_name)} if type_name else lookups_of(id_token)
        statement = select(Token).where(Token.tenant_id == tenant_id, Token.lookup.in_(lookups))
        if type_name:
            statement = statement.where(Token.type == type_of(type_name))
        if for_update:
            statement = statement.with_for_update()
        rows = (await self._session.scalars(statement.limit(2))).all()
        if not rows:
            raise NotFound("token", id_token)
        if len(rows) > 1:
            raise InvalidArgument("type", "must be given, because there are tokens of several types with this id")
        return rows[0]

    async def list(self, tenant_id: str, page: Page, wanted: TokenFilter) -> Listed[Token]:
        """Return tokens in the order of id and type, or of their last change."""
        statement = select(Token).where(Token.tenant_id == tenant_id, *wanted.conditions())
        if not wanted.by_time:
            return await page.read(self._session, statement, Token.lookup, Token.type)
        changed = await changed_within(self._session, Token.update_time, wanted.changed_from, wanted.changed_until)
        return await page.read(self._session, statement.where(*changed), Token.update_time, Token.lookup, Token.type)

    async def find_rows(
        self, tenant_id: str, keys: Collection[TokenKey], *, for_update: bool
    ) -> dict[TokenKey, Row[Any]]:
        """Return the rows of those tokens, given by lookup and type, that exist, in one query.

        Args:
            tenant_id: Tenant of the tokens.
            keys: Their lookups and types.
            for_update: Whether to lock them until the commit.
        """
        query = _LOCK.on(database_of(self._session)) if for_update else _OF_KEYS
        rows = await self._session.execute(query, {"tenant_id": tenant_id, "keys": pack(sorted(keys))})
        return {(row.lookup, row.type): row for row in rows}

    async def put_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store tokens, new ones and others, in the order of their keys. All rows have the same columns."""
        # In one order, so that two who store the same tokens can't deadlock.
        ordered = sorted(rows, key=lambda row: (row["lookup"], row["type"]))
        await _PUT.execute_mappings(self._session, ordered)

    async def add(self, token: Token) -> None:
        """Store a new token.

        Raises:
            AlreadyExists: When there is one of this id and type.
            NotFound: When the tenant is gone.
            QuotaExceeded: When the tenant may have no more.
        """
        token.surrogate = surrogate_or_none(token.id_token, token.type)
        await TOKENS.check(self._session, token.tenant_id)
        self._session.add(token)
        try:
            await self._session.flush()
        except IntegrityError as error:
            if breaks_foreign_key(error):
                raise NotFound("tenant", token.tenant_id) from error
            raise AlreadyExists("token", f"{token.id_token} of type {token.type}") from error

    async def remove(self, token: Token) -> None:
        """Remove a token."""
        await self._session.delete(token)


def surrogate_or_none(id_token: str, type_name: str) -> str | None:
    """Return what stations call a token that can't hold its id; None if they can."""
    return surrogate_of(id_token, type_name) if len(id_token) > MAX_ID_TAG else None
