"""Whose tokens are: looked up, and as it is stored with what was charged by them."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.charge_records_pb2 import ChargeRecordToken
from citrine_core.db.one_of import one_of
from citrine_core.resources.tokens.models import Token

__all__ = ["TokenOwner", "find_owners", "owner_of", "owner_recorded", "pack_owner", "unpack_owner"]

_TABLE = Token.__table__.c


class TokenOwner(NamedTuple):
    """Whose a token is."""

    group_id: str
    contract_id: str
    issuer: str
    visual_number: str
    country_code: str
    party_id: str


def owner_of(token: Token) -> TokenOwner:
    """Return whose a stored token is."""
    return TokenOwner(*(getattr(token, name) for name in TokenOwner._fields))


def pack_owner(owner: TokenOwner) -> bytes:
    """Return an owner as it is stored: a serialised citrine.api.v1.ChargeRecordToken without its id."""
    return ChargeRecordToken(**owner._asdict()).SerializeToString(deterministic=True)


def unpack_owner(stored: bytes) -> TokenOwner:
    """Return an owner from its stored form."""
    return owner_recorded(ChargeRecordToken.FromString(stored))


def owner_recorded(token: ChargeRecordToken) -> TokenOwner:
    """Return whose the token of a charge record is."""
    return TokenOwner(*(getattr(token, name) for name in TokenOwner._fields))


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
