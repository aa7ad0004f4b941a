"""Queries about tokens for other packages."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, func, or_, select, text, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tokens_pb2 import TokenStatus, TokenWhitelist
from citrine_core.db.one_of import one_of
from citrine_core.resources.tokens.formats import contract_lookup_of
from citrine_core.resources.tokens.models import Token, TokenOwnerSuspension

__all__ = [
    "find_of_contract",
    "find_of_group",
    "find_of_keys",
    "find_of_lookups",
    "find_tokens",
    "group_of",
    "has_more_tokens",
    "lock_tokens",
    "lookups_of_group",
    "tokens_of_party",
]

_TABLE = Token.__table__.c


def group_of(tenant_id: Any, lookup: Any, kind: Any) -> ScalarSelect[str | None]:
    """Return an expression: the group of the token that three columns identify. NULL: there is no such token."""
    return (
        select(_TABLE.group_id)
        .where(_TABLE.tenant_id == tenant_id, _TABLE.lookup == lookup, _TABLE.type == kind)
        .scalar_subquery()
    )


def lookups_of_group(tenant_id: str, group_id: str) -> Select[str]:
    """Return the query of the lookups of the tokens of a group."""
    return select(_TABLE.lookup).where(_TABLE.tenant_id == tenant_id, _TABLE.group_id == group_id)


def tokens_of_party(tenant_id: str, party: tuple[str, str]) -> Select[str, str]:
    """Return the query of lookup and type of the tokens of a party, given by country and party."""
    return select(_TABLE.lookup, _TABLE.type).where(
        _TABLE.tenant_id == tenant_id,
        _TABLE.country_code == party[0],
        _TABLE.party_id == party[1],
        text("party_id <> ''"),
    )


async def lock_tokens(session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]) -> None:
    """Lock those of the tokens, given by lookup and type, that exist, until the commit."""
    key = (_TABLE.lookup, _TABLE.type)
    await session.execute(
        select(*key)
        .where(_TABLE.tenant_id == tenant_id, one_of(key, keys))
        # All transactions lock in the same order, so that two can't deadlock.
        .order_by(*key)
        .with_for_update(key_share=True)
    )


async def find_tokens(
    session: AsyncSession,
    tenant_id: str,
    groups: Sequence[str],
    after: tuple[str, str] | None,
    limit: int,
    *,
    usable_at: datetime | None = None,
) -> Sequence[Token]:
    """Return the next tokens of a tenant behind a key, in the order of lookup and type.

    Args:
        session: The session of the database.
        tenant_id: Tenant of the tokens.
        groups: Return only tokens of these groups, in lower case; empty: of any.
        after: Lookup and type of the last one that was read. None: from the first one on.
        limit: Return no more than this many.
        usable_at: Leave out those that by themselves, or by their party, may not charge at this time, or not without
            being asked about. None: leave out none.
    """
    query = select(Token).where(Token.tenant_id == tenant_id, *_of_groups(groups), _is_usable(tenant_id, usable_at))
    if after is not None:
        query = query.where(tuple_(Token.lookup, Token.type) > tuple_(*after))
    return (await session.scalars(query.order_by(Token.lookup, Token.type).limit(limit))).all()


async def has_more_tokens(
    session: AsyncSession, tenant_id: str, groups: Sequence[str], most: int, *, usable_at: datetime | None = None
) -> bool:
    """Return whether a tenant has more than so many tokens, as `find_tokens` returns them.

    If some are left out, those are not counted whose rules say where and when they may charge.
    """
    conditions = [Token.tenant_id == tenant_id, *_of_groups(groups), _is_usable(tenant_id, usable_at)]
    if usable_at is not None:
        conditions.append(Token.rules.is_(None))
    return (await session.scalar(select(Token.lookup).where(*conditions).offset(most).limit(1))) is not None


async def find_of_keys(
    session: AsyncSession, tenant_id: str, groups: Sequence[str], keys: Collection[tuple[str, str]]
) -> Sequence[Token]:
    """Return those of the tokens, given by lookup and type, that are of some groups, in lower case; empty: of any."""
    is_one = one_of((Token.lookup, Token.type), keys)
    return (await session.scalars(select(Token).where(Token.tenant_id == tenant_id, *_of_groups(groups), is_one))).all()


def _of_groups(groups: Sequence[str]) -> Sequence[ColumnElement[bool]]:
    return [func.lower(Token.group_id).in_(groups)] if groups else []


def _is_usable(tenant_id: str, time: datetime | None) -> ColumnElement[bool]:
    if time is None:
        return true()
    suspension = TokenOwnerSuspension
    is_suspended = exists().where(
        suspension.tenant_id == tenant_id,
        suspension.country_code == Token.country_code,
        suspension.party_id == Token.party_id,
    )
    return (
        Token.status.in_((TokenStatus.TOKEN_STATUS_UNSPECIFIED, TokenStatus.TOKEN_STATUS_ACCEPTED))
        & Token.valid
        & (Token.whitelist != TokenWhitelist.TOKEN_WHITELIST_NEVER)
        & or_(Token.expire_time.is_(None), Token.expire_time > time)
        & ~is_suspended
    )


async def find_of_lookups(session: AsyncSession, tenant_id: str, lookups: Collection[str]) -> Sequence[Token]:
    """Return the tokens with some lookups, of any type."""
    query = select(Token).where(Token.tenant_id == tenant_id, one_of(Token.lookup, lookups))
    return (await session.scalars(query)).all()


async def find_of_group(session: AsyncSession, tenant_id: str, group_id: str) -> Sequence[Token]:
    """Return the tokens of a group."""
    return (await session.scalars(select(Token).where(Token.tenant_id == tenant_id, Token.group_id == group_id))).all()


async def find_of_contract(session: AsyncSession, tenant_id: str, contract_id: str) -> Sequence[Token]:
    """Return the tokens of a contract."""
    of_contract = Token.tenant_id == tenant_id, Token.contract_lookup == contract_lookup_of(contract_id)
    return (await session.scalars(select(Token).where(*of_contract, Token.contract_lookup != ""))).all()
