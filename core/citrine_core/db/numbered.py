"""Rows of a tenant by the number that the database gave them, which the API shows as text."""

from typing import Any, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.errors import NotFound

__all__ = ["get_numbered"]

MOST_DIGITS = 18
"""More are too many bits for the database."""


class Numbered(Protocol):
    """A table with such numbers."""

    id: Any
    tenant_id: Any


Row = TypeVar("Row", bound=Numbered)


async def get_numbered(
    session: AsyncSession, table: type[Row], name: str, tenant_id: str, number: str, *, for_update: bool = False
) -> Row:
    """Return a row, locked until the commit if it is to be changed.

    Args:
        session: The session to read by.
        table: The table.
        name: What the row is, for people.
        tenant_id: Its tenant.
        number: Its number, as the API shows it.
        for_update: Whether to lock it.

    Raises:
        NotFound: When there is none of this number.
    """
    found = None
    if number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS:
        query = select(table).where(table.tenant_id == tenant_id, table.id == int(number))
        found = (await session.scalars(query.with_for_update() if for_update else query)).one_or_none()
    if found is None:
        raise NotFound(name, number)
    return found
