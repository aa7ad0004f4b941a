"""Queries of leases."""

from datetime import datetime

from sqlalchemy import Row, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.agenda.models import LeaseRow
from citrine_core.db.bulk import BulkUpsert, given

__all__ = ["LeaseRepository"]

_TABLE = LeaseRow.metadata.tables["leases"]

_CLAIM = BulkUpsert(
    _TABLE,
    ("name", "core_id", "renew_time", "expire_time"),
    ("name",),
    where=or_(
        _TABLE.c.core_id == given(_TABLE, "core_id"),
        _TABLE.c.expire_time <= given(_TABLE, "renew_time"),
    ),
    returning=("name",),
)


class LeaseRepository:
    """Leases, by their names."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, name: str) -> Row[*tuple[str, datetime, datetime]] | None:
        """Return core_id, renew_time and expire_time of a lease, or None."""
        columns = _TABLE.c.core_id, _TABLE.c.renew_time, _TABLE.c.expire_time
        connection = await self._session.connection()
        return (await connection.execute(select(*columns).where(_TABLE.c.name == name))).one_or_none()

    async def claim(self, name: str, core_id: str, now: datetime, until: datetime) -> bool:
        """Take or renew a lease for a core; return False if another core has it."""
        return bool(await _CLAIM.fetch(self._session, [(name, core_id, now, until)]))

    async def release(self, name: str, core_id: str, now: datetime) -> None:
        """Let any core take a lease that a core may have."""
        connection = await self._session.connection()
        await connection.execute(
            update(_TABLE).where(_TABLE.c.name == name, _TABLE.c.core_id == core_id).values(expire_time=now)
        )

    async def remove_before(self, time: datetime) -> None:
        """Delete the leases that expired before a time: no core has these jobs any more."""
        await (await self._session.connection()).execute(delete(_TABLE).where(_TABLE.c.expire_time < time))
