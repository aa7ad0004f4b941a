"""Queries of erasures."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Due, Listed, Page
from citrine_core.errors import NotFound
from citrine_core.resources.persons.models import ErasureRow

__all__ = ["ErasureRepository"]


class ErasureRepository:
    """Reads and writes erasures within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, tenant_id: str, erasure_id: str, *, for_update: bool = False) -> ErasureRow:
        """Return an erasure.

        Raises:
            NotFound: When there is none of this id.
        """
        found = await self._session.get(ErasureRow, (tenant_id, erasure_id), with_for_update=for_update or None)
        if found is None:
            raise NotFound("erasure", erasure_id)
        return found

    async def list(self, tenant_id: str, page: Page) -> Listed[ErasureRow]:
        """Return erasures, the latest first."""
        query = select(ErasureRow).where(ErasureRow.tenant_id == tenant_id)
        return await page.read(self._session, query, ErasureRow.create_time, ErasureRow.erasure_id, descending=True)

    async def list_running(self, tenant_id: str) -> Sequence[ErasureRow]:
        """Return the erasures of a tenant that are not finished."""
        query = select(ErasureRow).where(ErasureRow.tenant_id == tenant_id, ErasureRow.next_time.is_not(None))
        return (await self._session.scalars(query)).all()

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which an erasure is next to go on."""
        return select(func.min(ErasureRow.next_time)).where(ErasureRow.next_time.is_not(None))

    async def list_due(self, now: datetime) -> Sequence[tuple[str, str]]:
        """Return tenant and id of the erasures that go on now."""
        query = select(ErasureRow.tenant_id, ErasureRow.erasure_id).where(ErasureRow.next_time <= now)
        return [(row[0], row[1]) for row in await self._session.execute(query.order_by(ErasureRow.next_time))]
