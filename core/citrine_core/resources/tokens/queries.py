"""What other packages may ask about tokens."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ScalarSelect, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.one_of_keys import one_of_keys
from citrine_core.resources.tokens.models import Token

__all__ = ["find_tokens", "group_of", "lock_tokens"]

_TABLE = Token.__table__.c


def group_of(tenant_id: Any, lookup: Any, kind: Any) -> ScalarSelect[str | None]:
    """Return an expression: the group of the token of three columns. NULL: there is no such token."""
    return (
        select(_TABLE.group_id)
        .where(_TABLE.tenant_id == tenant_id, _TABLE.lookup == lookup, _TABLE.type == kind)
        .scalar_subquery()
    )


async def lock_tokens(session: AsyncSession, tenant_id: str, keys: Collection[tuple[str, str]]) -> None:
    """Keep others from locking tokens, by lookup and type, until the commit; those that there are."""
    key = (_TABLE.lookup, _TABLE.type)
    await session.execute(
        select(*key)
        .where(_TABLE.tenant_id == tenant_id, one_of_keys(key, keys))
        # In one order everywhere, so that two that lock can't wait for each other.
        .order_by(*key)
        .with_for_update(key_share=True)
    )


async def find_tokens(
    session: AsyncSession, tenant_id: str, groups: Sequence[str], *, among: Select[Any] | None = None
) -> Sequence[Token]:
    """Return the tokens of a tenant.

    Args:
        session: Of the database.
        tenant_id: Of the tokens.
        groups: Only those of these groups, in lower case; empty for any.
        among: Only those whose lookup and type are among these.
    """
    query = select(Token).where(Token.tenant_id == tenant_id)
    if groups:
        query = query.where(func.lower(Token.group_id).in_(groups))
    if among is not None:
        query = query.where(tuple_(Token.lookup, Token.type).in_(among))
    return (await session.scalars(query)).all()
