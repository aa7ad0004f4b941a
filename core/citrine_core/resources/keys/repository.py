"""Queries of the API keys."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Listed, Page, one_of
from citrine_core.errors import NotFound
from citrine_core.resources.keys.models import ApiKey

__all__ = ["KeyRepository"]


class KeyRepository:
    """Reads and writes API keys within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, key_id: str) -> ApiKey | None:
        """Return a key of whatever tenant, or None where there is none of this id."""
        return await self._session.get(ApiKey, key_id)

    async def find_all(self, key_ids: Collection[str]) -> dict[str, ApiKey]:
        """Return those of some keys that there are, of whatever tenant."""
        rows = await self._session.scalars(select(ApiKey).where(one_of(self._session, ApiKey.key_id, key_ids)))
        return {row.key_id: row for row in rows}

    async def has_any(self) -> bool:
        """Return whether there is a key of any tenant."""
        return bool(await self._session.scalar(select(exists(ApiKey))))

    async def get(self, tenant_id: str, key_id: str, *, operators: bool, for_update: bool = False) -> ApiKey:
        """Return a key of a tenant.

        Args:
            tenant_id: Whose it is.
            key_id: Its id.
            operators: True to find those of the operator as well.
            for_update: True to have whoever changes it as well wait.

        Raises:
            NotFound: When there is none of this id.
        """
        statement = select(ApiKey).where(_of(tenant_id, operators), ApiKey.key_id == key_id)
        found: ApiKey | None = await self._session.scalar(statement.with_for_update() if for_update else statement)
        if found is None:
            raise NotFound("key", key_id)
        return found

    async def list(self, tenant_id: str, page: Page, *, operators: bool) -> Listed[ApiKey]:
        """Return keys of a tenant, revoked ones included, in the order of their ids."""
        return await page.read(self._session, select(ApiKey).where(_of(tenant_id, operators)), ApiKey.key_id)

    async def in_file(self, key_file: str) -> ApiKey | None:
        """Return the key of a key file that is not revoked, or None."""
        found: ApiKey | None = await self._session.scalar(
            select(ApiKey).where(ApiKey.key_file == key_file, ApiKey.revoke_time.is_(None))
        )
        return found

    async def renew(self, key_id: str, now: datetime, expire_time: datetime) -> None:
        """Move on the end of a key that a core left in a file; one that has ended stays as it is."""
        await self._session.execute(
            update(ApiKey)
            .where(
                ApiKey.key_id == key_id,
                ApiKey.key_file.is_not(None),
                ApiKey.revoke_time.is_(None),
                ApiKey.expire_time > now,
                ApiKey.expire_time < expire_time,
            )
            .values(expire_time=expire_time),
            execution_options={"synchronize_session": False},
        )

    async def remove_of_files(self, before: datetime) -> None:
        """Remove keys that cores left in files and that ended before a time."""
        ended = or_(ApiKey.revoke_time < before, ApiKey.expire_time < before)
        await self._session.execute(
            delete(ApiKey).where(ApiKey.key_file.is_not(None), ended), execution_options={"synchronize_session": False}
        )

    async def use_all(self, key_ids: Collection[str], minute: datetime) -> None:
        """Say when keys were last used; a later time stays."""
        earlier = or_(ApiKey.last_use_time.is_(None), ApiKey.last_use_time < minute)
        await self._session.execute(
            update(ApiKey).where(one_of(self._session, ApiKey.key_id, key_ids), earlier).values(last_use_time=minute),
            execution_options={"synchronize_session": False},
        )

    async def add(self, key: ApiKey) -> None:
        """Store a new key.

        Raises:
            NotFound: When the tenant is gone.
        """
        self._session.add(key)
        try:
            await self._session.flush()
        except IntegrityError as error:
            # The id is random: it is the tenant that is wrong.
            raise NotFound("tenant", str(key.tenant_id)) from error


def _of(tenant_id: str, operators: bool) -> ColumnElement[bool]:
    of_tenant = ApiKey.tenant_id == tenant_id
    return or_(of_tenant, ApiKey.tenant_id.is_(None)) if operators else of_tenant
