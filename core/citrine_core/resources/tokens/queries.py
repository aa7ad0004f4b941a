"""Queries about tokens for other packages."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ScalarSelect, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.one_of import one_of
from citrine_core.resources.tokens.models import Token

__all__ = [
    "TokenOwner",
    "find_of_contract",
    "find_of_group",
    "find_of_lookups",
    "find_owners",
    "find_tokens",
    "group_of",
    "lock_tokens",
    "lookups_of_group",
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


class TokenOwner(NamedTuple):
    """Whose a token is."""

    group_id: str
    contract_id: str
    issuer: str
    visual_number: str
    country_code: str
    party_id: str


async def find_owners(
    session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], TokenOwner]:
    """Return whose those of the tokens are, given by lookup and type, that exist."""
    if not keys:
        return {}
    key = (_TABLE.lookup, _TABLE.type)
    rows = await session.execute(
        select(*key, *(_TABLE[name] for name in TokenOwner._fields)).where(
            _TABLE.tenant_id == tenant_id, one_of(key, keys)
        )
    )
    return {(row[0], row[1]): TokenOwner(*row[2:]) for row in rows}


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
