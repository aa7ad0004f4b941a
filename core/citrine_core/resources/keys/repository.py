"""Queries of the API keys."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tenants_pb2 import QuotaKind
from citrine_core.db import Listed, Page, one_of
from citrine_core.errors import NotFound
from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.tenants.quotas import Counted

__all__ = ["KEYS", "KeyRepository"]

KEYS = Counted(QuotaKind.QUOTA_KIND_KEYS, ApiKey.metadata.tables["api_keys"], ApiKey.revoke_time.is_(None))


class KeyRepository:
    """Reads and writes API keys within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, key_id: str) -> ApiKey | None:
        """Return a key of any tenant, or None if there is none with this id."""
        return await self._session.get(ApiKey, key_id)

    async def find_all(self, key_ids: Collection[str]) -> dict[str, ApiKey]:
        """Return those of the keys that exist, of any tenant."""
        rows = await self._session.scalars(select(ApiKey).where(one_of(ApiKey.key_id, key_ids)))
        return {row.key_id: row for row in rows}

    async def has_any(self) -> bool:
        """Return whether there is a key of any tenant."""
        return bool(await self._session.scalar(select(exists(ApiKey))))

    async def get(self, tenant_id: str, key_id: str, *, operators: bool, for_update: bool = False) -> ApiKey:
        """Return a key of a tenant.

        Args:
            tenant_id: Tenant of the key.
            key_id: Id of the key.
            operators: Whether to find keys of the operator too.
            for_update: Whether to lock the key until the commit.

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
        """Extend the validity of a key that a core wrote into a file; an expired key is unchanged."""
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
        """Remove keys that cores wrote into files and that expired before a time."""
        ended = or_(ApiKey.revoke_time < before, ApiKey.expire_time < before)
        await self._session.execute(
            delete(ApiKey).where(ApiKey.key_file.is_not(None), ended), execution_options={"synchronize_session": False}
        )

    async def use_all(self, key_ids: Collection[str], minute: datetime) -> None:
        """Store when keys were last used; a later stored time is unchanged."""
        earlier = or_(ApiKey.last_use_time.is_(None), ApiKey.last_use_time < minute)
        await self._session.execute(
            update(ApiKey).where(one_of(ApiKey.key_id, key_ids), earlier).values(last_use_time=minute),
            execution_options={"synchronize_session": False},
        )

    async def add(self, key: ApiKey) -> None:
        """Store a new key.

        Raises:
            NotFound: When the tenant is gone.
            QuotaExceeded: When the tenant may have no more.
        """
        if key.tenant_id is not None:
            await KEYS.check(self._session, key.tenant_id)
        self._session.add(key)
        try:
            await self._session.flush()
        except IntegrityError as error:
            # The id is random, so the conflict is due to the tenant.
            raise NotFound("tenant", str(key.tenant_id)) from error


def _of(tenant_id: str, operators: bool) -> ColumnElement[bool]:
    of_tenant = ApiKey.tenant_id == tenant_id
    return or_(of_tenant, ApiKey.tenant_id.is_(None)) if operators else of_tenant
