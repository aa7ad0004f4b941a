"""Queries of the suspensions of parties, whose tokens are all refused meanwhile."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Listed, Page, database_of
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of import one_of
from citrine_core.errors import NotFound
from citrine_core.resources.tokens.models import Token, TokenOwnerSuspension

__all__ = ["Party", "SuspensionRepository", "find_suspended"]

Party = tuple[str, str]
"""Country and party."""

_TABLE = TokenOwnerSuspension.metadata.tables["token_owner_suspensions"]

_ADD = BulkInsert(_TABLE, ignore=True, key=("tenant_id", "country_code", "party_id", "reason"))


async def find_suspended(session: AsyncSession, tenant_id: str, tokens: Iterable[Token]) -> Mapping[Party, datetime]:
    """Return since when those of the parties that tokens belong to are suspended that are. No query if none has one."""
    parties = {(one.country_code, one.party_id) for one in tokens if one.party_id}
    return await SuspensionRepository(session).since(tenant_id, parties)


class SuspensionRepository:
    """Reads and writes suspensions within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def since(self, tenant_id: str, parties: Collection[Party]) -> Mapping[Party, datetime]:
        """Return since when those of the parties are suspended that are."""
        if not parties:
            return {}
        columns = _TABLE.c
        key = (columns.country_code, columns.party_id)
        rows = await self._session.execute(
            select(*key, func.min(columns.suspend_time).label("since"))
            .where(columns.tenant_id == tenant_id, one_of(key, parties))
            .group_by(*key)
        )
        return {(row.country_code, row.party_id): row.since for row in rows}

    async def add(
        self, tenant_id: str, party: Party, reason: str, requested_by: str, now: datetime
    ) -> tuple[TokenOwnerSuspension, bool]:
        """Store a suspension unless there is one for the same reason; return what is stored, and whether it is new.

        Whoever else adds or removes one of the party waits until the commit, if there is any.
        """
        await self._lock(tenant_id, party)
        names = ("tenant_id", "country_code", "party_id", "reason", "requested_by", "suspend_time")
        row = dict(zip(names, (tenant_id, *party, reason, requested_by, now), strict=True))
        before = await self._session.get(TokenOwnerSuspension, (tenant_id, *party, reason))
        if before is not None:
            return before, False
        await _ADD.execute_mappings(self._session, [row])
        stored = await self._session.get(TokenOwnerSuspension, (tenant_id, *party, reason))
        assert stored is not None
        return stored, True

    async def remove(self, tenant_id: str, party: Party, reason: str) -> None:
        """Remove a suspension. Whoever else adds or removes one of the party waits until the commit.

        Raises:
            NotFound: When there is none for that reason.
        """
        await self._lock(tenant_id, party)
        columns = _TABLE.c
        same = (columns.country_code == party[0], columns.party_id == party[1], columns.reason == reason)
        gone = await self._session.execute(
            delete(_TABLE).where(columns.tenant_id == tenant_id, *same).returning(columns.reason)
        )
        if not gone.all():
            raise NotFound("suspension of", f"{party[0]}-{party[1]}")

    async def list(self, tenant_id: str, page: Page) -> Listed[TokenOwnerSuspension]:
        """Return suspensions by country, party and reason."""
        row = TokenOwnerSuspension
        statement = select(row).where(row.tenant_id == tenant_id)
        return await page.read(self._session, statement, row.country_code, row.party_id, row.reason)

    async def _lock(self, tenant_id: str, party: Party) -> None:
        """Lock the suspensions of a party, so that who changes one of them sees what others made of the rest."""
        columns = _TABLE.c
        query = select(columns.reason).where(
            columns.tenant_id == tenant_id, columns.country_code == party[0], columns.party_id == party[1]
        )
        await self._session.execute(database_of(self._session).lock(query, columns.reason))
