"""Queries of the edges that have a name."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Listed, Page
from citrine_core.db.bulk import BulkInsert
from citrine_core.errors import NotFound
from citrine_core.resources.edges.models import NamedEdge

__all__ = ["NamedEdgeRepository"]

_ADD = BulkInsert(
    NamedEdge.metadata.tables[NamedEdge.__tablename__],
    ("edge_name", "create_time"),
    ignore=True,
)


class NamedEdgeRepository:
    """Reads and writes named edges within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, edge_name: str) -> NamedEdge | None:
        """Return an edge, locked until the commit, or None."""
        found: NamedEdge | None = await self._session.scalar(
            select(NamedEdge).where(NamedEdge.edge_name == edge_name).with_for_update()
        )
        return found

    async def get(self, edge_name: str) -> NamedEdge:
        """Return an edge.

        Raises:
            NotFound: When there is none of this name.
        """
        found = await self._session.get(NamedEdge, edge_name)
        if found is None:
            raise NotFound("edge", edge_name)
        return found

    async def all(self) -> Sequence[NamedEdge]:
        """Return all edges."""
        return (await self._session.scalars(select(NamedEdge))).all()

    async def list(self, page: Page) -> Listed[NamedEdge]:
        """Return edges in the order of their names."""
        return await page.read(self._session, select(NamedEdge), NamedEdge.edge_name)

    async def ensure(self, edge_name: str, now: datetime) -> None:
        """Store a name, unless it is stored."""
        await _ADD.execute(self._session, [(edge_name, now)])
