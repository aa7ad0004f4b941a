"""Queries of throttles."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine_core.blocks.transactions.limits.throttling.models import TransactionThrottle
from citrine_core.db import Due, database_of
from citrine_core.db.bulk import BulkUpsert
from citrine_core.db.one_of import one_of

__all__ = ["ThrottleRepository"]

_TABLE = TransactionThrottle.metadata.tables["transaction_throttles"]

_KEY = ("tenant_id", "station_id", "transaction_id")

_WANT = BulkUpsert(
    _TABLE,
    key=_KEY,
    preserve=("profile_id", "send_time"),
    where=_TABLE.c.state == int(pb.THROTTLE_STATE_RELEASING),
)


class ThrottleRepository:
    """Throttles of transactions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(self, tenant_id: str, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Row[Any]]:
        """Return the throttles of those transactions that have one, by station and transaction."""
        if not keys:
            return {}
        columns = (_TABLE.c.station_id, _TABLE.c.transaction_id)
        rows = await self._session.execute(select(_TABLE).where(_TABLE.c.tenant_id == tenant_id, one_of(columns, keys)))
        return {(row.station_id, row.transaction_id): row for row in rows}

    async def find(self, tenant_id: str, key: tuple[str, str]) -> Row[Any] | None:
        """Return the throttle of a transaction; None if there is none."""
        return (await self.find_all(tenant_id, [key])).get(key)

    async def find_by_profile(self, tenant_id: str, station_id: str, profile_id: int) -> Row[Any] | None:
        """Return the active throttle of a profile of a station; None if the profile belongs to none."""
        query = select(_TABLE).where(
            _TABLE.c.tenant_id == tenant_id,
            _TABLE.c.station_id == station_id,
            _TABLE.c.profile_id == profile_id,
            _TABLE.c.due_time.is_not(None),
        )
        return (await self._session.execute(query.limit(1))).one_or_none()

    async def want(self, tenant_id: str, keys: Collection[tuple[str, str]], now: datetime) -> None:
        """Request throttles for transactions that have none, or whose throttle is being lifted."""
        rows = [
            {
                "tenant_id": tenant_id,
                "station_id": station_id,
                "transaction_id": transaction_id,
                "state": int(pb.THROTTLE_STATE_WANTED),
                "profile_id": None,
                "attempts": 0,
                "due_time": now,
                "send_time": None,
                "problem": "",
                "update_time": now,
            }
            for station_id, transaction_id in sorted(keys)
        ]
        await _WANT.execute_mappings(self._session, rows)

    async def release(self, tenant_id: str, keys: Collection[tuple[str, str]], now: datetime) -> bool:
        """Request to lift the throttles of transactions; return whether there is any."""
        if not keys:
            return False
        columns = (_TABLE.c.station_id, _TABLE.c.transaction_id)
        values = {"attempts": 0, "due_time": now, "problem": "", "update_time": now}
        changed = await self._session.execute(
            update(_TABLE)
            .where(_TABLE.c.tenant_id == tenant_id, one_of(columns, keys))
            .where(_TABLE.c.state != pb.THROTTLE_STATE_RELEASING)
            .values(state=int(pb.THROTTLE_STATE_RELEASING), **values)
            .returning(_TABLE.c.station_id)
        )
        return bool(changed.all())

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which a throttle is next due."""
        return select(func.min(_TABLE.c.due_time)).where(_TABLE.c.due_time.is_not(None))

    async def has_due(self, now: datetime) -> bool:
        """Return whether a throttle is due."""
        return bool(await self._session.scalar(select(exists().where(_TABLE.c.due_time <= now))))

    async def claim(self, now: datetime, until: datetime, limit: int) -> Sequence[Row[Any]]:
        """Claim due throttles for this core until a time."""
        query = select(_TABLE).where(_TABLE.c.due_time <= now).order_by(_TABLE.c.due_time).limit(limit)
        rows = (await self._session.execute(database_of(self._session).claim(query))).all()
        for row in rows:
            await self._session.execute(update(_TABLE).where(*_is(row)).values(due_time=until))
        return rows

    async def store(self, row: Row[Any], claimed: datetime, due_time: datetime | None, **values: Any) -> bool:
        """Store the result of a step; return False, without a change, if the state was changed concurrently.

        Args:
            row: The throttle as it was read.
            claimed: End of the claim. If it was made due since, it stays due.
            due_time: When its next step is due.
            values: Columns that change.
        """
        found = await self._session.execute(
            update(_TABLE)
            .where(*_is(row), _TABLE.c.state == row.state)
            .values(values or {"attempts": row.attempts})
            .returning(_TABLE.c.due_time)
        )
        if not found.all():
            return False
        await self._session.execute(
            update(_TABLE).where(*_is(row), _TABLE.c.due_time == claimed).values(due_time=due_time)
        )
        return True

    async def note(self, row: Row[Any], due_time: datetime, **values: Any) -> None:
        """Store a station's answer, and when the next step is due."""
        await self._session.execute(update(_TABLE).where(*_is(row)).values(due_time=due_time, **values))

    async def remove(self, row: Row[Any]) -> bool:
        """Delete a lifted throttle; return False if it was requested again."""
        gone = await self._session.execute(
            delete(_TABLE).where(*_is(row), _TABLE.c.state == row.state).returning(_TABLE.c.station_id)
        )
        return bool(gone.all())


def _is(row: Row[Any]) -> list[ColumnElement[bool]]:
    return [_TABLE.c[name] == getattr(row, name) for name in _KEY]
