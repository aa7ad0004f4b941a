"""Queries of erasures, and of what still needs the ids of a person."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.local_auth_list.queries import find_stations_with
from citrine_core.blocks.remote_control.queries import has_accepted_of
from citrine_core.blocks.reservation.queries import has_active_of
from citrine_core.blocks.transactions.lists.queries import find_keys_of, has_open_of
from citrine_core.db import Due, Listed, Page
from citrine_core.errors import NotFound
from citrine_core.resources.charge_records import is_any_due
from citrine_core.resources.commands.queries import list_unfinished_payloads
from citrine_core.resources.persons.models import ErasureRow
from citrine_core.resources.persons.pseudonyms import Person

__all__ = ["ErasureRepository"]

LONGEST_START = timedelta(hours=1)
"""How long a station that accepted a remote start may wait for the driver."""


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
    def due() -> Due:
        """Return the query of the time at which an erasure is next to go on."""
        return select(func.min(ErasureRow.next_time)).where(ErasureRow.next_time.is_not(None))

    async def list_due(self, now: datetime) -> Sequence[tuple[str, str]]:
        """Return tenant and id of the erasures that go on now."""
        query = select(ErasureRow.tenant_id, ErasureRow.erasure_id).where(ErasureRow.next_time <= now)
        return [(row[0], row[1]) for row in await self._session.execute(query.order_by(ErasureRow.next_time))]

    async def find_need(self, tenant_id: str, lookups: Collection[str], person: Person, now: datetime) -> str:
        """Return what still needs the ids of a person, in words; empty if nothing does."""
        if await has_open_of(self._session, tenant_id, lookups):
            return "an open transaction"
        if await has_active_of(self._session, tenant_id, lookups):
            return "a reservation"
        if await has_accepted_of(self._session, tenant_id, lookups, now - LONGEST_START):
            return "a remote start"
        stations = await find_stations_with(self._session, tenant_id, lookups)
        if stations:
            return f"the local list of {', '.join(stations)}"
        keys = await find_keys_of(self._session, tenant_id, lookups)
        if await is_any_due(self._session, tenant_id, keys):
            return "a charge record"
        if any(person.replace(one) != one for one in await list_unfinished_payloads(self._session, tenant_id)):
            return "a command"
        return ""
