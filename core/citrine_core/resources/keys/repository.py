"""Queries of the API keys."""

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Listed, Page
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

    async def has_any(self) -> bool:
        """Tell whether there is a key of any tenant."""
        return bool(await self._session.scalar(select(exists(ApiKey))))

    async def get(self, tenant_id: str, key_id: str, *, operators: bool) -> ApiKey:
        """Return a key of a tenant.

        Args:
            tenant_id: Whose it is.
            key_id: Its id.
            operators: True to find those of the operator as well.

        Raises:
            NotFound: When there is none of this id.
        """
        statement = select(ApiKey).where(_of(tenant_id, operators), ApiKey.key_id == key_id)
        found: ApiKey | None = await self._session.scalar(statement)
        if found is None:
            raise NotFound("key", key_id)
        return found

    async def list(self, tenant_id: str, page: Page, *, operators: bool) -> Listed[ApiKey]:
        """Return keys of a tenant, revoked ones included, in the order of their ids."""
        return await page.read(self._session, select(ApiKey).where(_of(tenant_id, operators)), ApiKey.key_id)

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
