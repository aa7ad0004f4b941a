"""Queries about tokens for other packages."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ScalarSelect, Select, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.one_of import one_of
from citrine_core.resources.tokens.models import Token

__all__ = [
    "find_of_contract",
    "find_of_group",
    "find_of_lookups",
    "find_tokens",
    "group_of",
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
    session: AsyncSession, tenant_id: str, groups: Sequence[str], *, among: Select[Any] | None = None, most: int
) -> Sequence[Token]:
    """Return the tokens of a tenant, in no order.

    Args:
        session: The session of the database.
        tenant_id: Tenant of the tokens.
        groups: Return only tokens of these groups, in lower case; empty: of any.
        among: Return only tokens with one of these pairs of lookup and type.
        most: Return no more than this many.
    """
    query = select(Token).where(Token.tenant_id == tenant_id).limit(most)
    if groups:
        query = query.where(func.lower(Token.group_id).in_(groups))
    if among is not None:
        query = query.where(tuple_(Token.lookup, Token.type).in_(among))
    return (await session.scalars(query)).all()


async def find_of_lookups(session: AsyncSession, tenant_id: str, lookups: Collection[str]) -> Sequence[Token]:
    """Return the tokens with some lookups, of any type."""
    query = select(Token).where(Token.tenant_id == tenant_id, one_of(Token.lookup, lookups))
    return (await session.scalars(query)).all()


async def find_of_group(session: AsyncSession, tenant_id: str, group_id: str) -> Sequence[Token]:
    """Return the tokens of a group."""
    return (await session.scalars(select(Token).where(Token.tenant_id == tenant_id, Token.group_id == group_id))).all()


async def find_of_contract(session: AsyncSession, token: Token) -> Sequence[Token]:
    """Return the tokens of the contract of a token."""
    of_contract = Token.tenant_id == token.tenant_id, Token.contract_lookup == token.contract_lookup
    return (await session.scalars(select(Token).where(*of_contract, Token.contract_lookup != ""))).all()
