"""Queries of other modules into the transactions that tokens have."""

from collections.abc import Collection, Sequence

from sqlalchemy import Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.transactions.models import Transaction
from citrine_core.db.one_of import one_of
from citrine_core.resources.tokens import lookups_of

__all__ = ["MOST_IDS", "find_keys_of", "find_owners_of", "has_open_of", "keys_of"]

MOST_IDS = 1000
"""Ids of transactions that a list may be of."""

_TABLE = Transaction.__table__.c


async def has_open_of(session: AsyncSession, tenant_id: str, lookups: Collection[str]) -> bool:
    """Return whether one of some tokens has an open transaction."""
    of_them = _TABLE.tenant_id == tenant_id, one_of(_TABLE.id_token_lookup, lookups)
    return bool(await session.scalar(select(exists().where(*of_them, Transaction.is_open()))))


async def find_keys_of(session: AsyncSession, tenant_id: str, lookups: Collection[str]) -> Sequence[tuple[str, str]]:
    """Return station and id of all transactions of some tokens."""
    of_them = _TABLE.tenant_id == tenant_id, one_of(_TABLE.id_token_lookup, lookups)
    rows = await session.execute(select(_TABLE.station_id, _TABLE.transaction_id).where(*of_them))
    return [(row[0], row[1]) for row in rows]


async def find_owners_of(
    session: AsyncSession, tenant_id: str, lookups: Collection[str]
) -> Sequence[tuple[str, str, bytes]]:
    """Return whose tokens with some lookups were when transactions began: lookup, type and owner, each once.

    The owner is as it is stored (see `unpack_owner`).
    """
    columns = (_TABLE.id_token_lookup, _TABLE.id_token_type, _TABLE.token_owner)
    of_them = _TABLE.tenant_id == tenant_id, one_of(_TABLE.id_token_lookup, lookups)
    rows = await session.execute(select(*columns).where(*of_them, _TABLE.token_owner.is_not(None)).distinct())
    return [(row[0], row[1] or "", row[2]) for row in rows]


def keys_of(tenant_id: str, transaction_ids: Collection[str], id_token: str) -> Select[str, str]:
    """Return the query of station and id of the transactions with some ids, of a token, or both.

    Args:
        tenant_id: Whose they are.
        transaction_ids: The ids. Empty: any.
        id_token: The token. Empty: any.
    """
    # SQLite would read all of an index that has the other columns, but not this one.
    is_stored = _TABLE.sequence + 0 >= 0
    query = select(_TABLE.station_id, _TABLE.transaction_id).where(_TABLE.tenant_id == tenant_id, is_stored)
    if transaction_ids:
        query = query.where(one_of(_TABLE.transaction_id, {*transaction_ids}))
    if id_token:
        query = query.where(_TABLE.id_token_lookup.in_(lookups_of(id_token)))
    return query
