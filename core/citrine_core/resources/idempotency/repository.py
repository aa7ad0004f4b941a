"""Queries of the idempotency keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Row, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.bulk import BulkInsert
from citrine_core.encryption import SecretColumn
from citrine_core.resources.idempotency.models import IdempotencyKey

__all__ = ["SECRETS", "IdempotencyKeys"]

_TABLE = IdempotencyKey.metadata.tables["idempotency_keys"]
_KEY = ("tenant_id", "idempotency_key")

_ADD = BulkInsert(_TABLE, ignore=True, key=_KEY, returning=("idempotency_key",))

SECRETS = SecretColumn(_TABLE, "secret_answer", _KEY, _TABLE.c.secret_answer.is_not(None))
"""Answers that bear secrets."""


class IdempotencyKeys:
    """Calls with idempotency keys, within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, tenant_id: str, key: str) -> Row[Any] | None:
        """Return the call that had a key, or None."""
        query = select(_TABLE).where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.idempotency_key == key)
        return (await self._session.execute(query)).one_or_none()

    async def add(self, row: Mapping[str, Any]) -> bool:
        """Store a call; return False if its key is taken.

        Waits for a transaction that stores the same key.
        """
        return bool(await _ADD.fetch_mappings(self._session, [row]))

    async def change(self, tenant_id: str, key: str, values: Mapping[str, Any]) -> bool:
        """Change a call that is stored; return False if it is not."""
        found = update(_TABLE).where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.idempotency_key == key)
        result = cast("CursorResult[Any]", await self._session.execute(found.values(values)))
        return result.rowcount > 0

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Delete at most so many calls of before a time; return False if there were none."""
        key = (_TABLE.c.tenant_id, _TABLE.c.idempotency_key)
        old = select(*key).where(_TABLE.c.create_time < time).limit(limit)
        result = cast("CursorResult[Any]", await self._session.execute(delete(_TABLE).where(tuple_(*key).in_(old))))
        return result.rowcount > 0
