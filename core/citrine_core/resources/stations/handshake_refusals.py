"""Refused handshakes: one row per station with the last reason, written in batches."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, and_, case, delete, exists, not_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import stations_pb2 as pb
from citrine_core.db import ANY_TIME, Listed, Page, Span, one_of
from citrine_core.db.bulk import BulkUpsert, given
from citrine_core.resources.connections.queries import SESSIONS
from citrine_core.resources.stations.models import HandshakeRefusal, Station
from citrine_core.rpc import to_timestamp

__all__ = ["HandshakeRefusals", "RefusalOfId", "handshake_refusal_to_proto"]

RefusalOfId: TypeAlias = Row[HandshakeRefusal, bool]
"""A refusal, and whether a station with its id exists."""

_TABLE = HandshakeRefusal.metadata.tables["handshake_refusals"]
_KEY = ("tenant_id", "station_id", "unknown_tenant_id", "source")

_CONNECTED = (
    select(SESSIONS.c.open_time)
    .where(
        SESSIONS.c.tenant_id == given(_TABLE, "tenant_id"),
        SESSIONS.c.station_id == given(_TABLE, "station_id"),
    )
    .scalar_subquery()
)
_IS_OVER = _TABLE.c.last_time < _CONNECTED
_ATTEMPTS, _FIRST_TIME = given(_TABLE, "attempts"), given(_TABLE, "first_time")
_ADD = BulkUpsert(
    _TABLE,
    key=_KEY,
    overwrite=("reason", "remote_address", "offered", "detail", "last_time"),
    changes={
        "attempts": case((_IS_OVER, _ATTEMPTS), else_=_TABLE.c.attempts + _ATTEMPTS),
        "first_time": case((_IS_OVER, _FIRST_TIME), else_=_TABLE.c.first_time),
    },
)

_REGISTERED = and_(
    HandshakeRefusal.unknown_tenant_id == "",
    exists().where(Station.tenant_id == HandshakeRefusal.tenant_id, Station.station_id == HandshakeRefusal.station_id),
)


class HandshakeRefusals:
    """Reads and writes refused handshakes within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_all(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Store attempts, one row per key; their number is added to that since the station last connected.

        Args:
            rows: Rows with all columns of the table. The latest attempt replaces the stored one.
        """
        # All writers use the same order, so that two cores can't deadlock.
        ordered = sorted(rows, key=lambda row: tuple(row[name] for name in _KEY))
        await _ADD.execute_mappings(self._session, ordered)

    async def find_since_connected(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, HandshakeRefusal]:
        """Return the last refusals of stations, without stations that connected since."""
        session = and_(
            SESSIONS.c.tenant_id == HandshakeRefusal.tenant_id, SESSIONS.c.station_id == HandshakeRefusal.station_id
        )
        rows = await self._session.scalars(
            select(HandshakeRefusal)
            .outerjoin(SESSIONS, session)
            .where(
                HandshakeRefusal.tenant_id == tenant_id,
                one_of(HandshakeRefusal.station_id, station_ids),
                HandshakeRefusal.unknown_tenant_id == "",
                or_(SESSIONS.c.open_time.is_(None), SESSIONS.c.open_time <= HandshakeRefusal.last_time),
            )
        )
        return {row.station_id: row for row in rows}

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        unregistered_only: bool,
        reason: int = 0,
        last: Span = ANY_TIME,
    ) -> Listed[RefusalOfId]:
        """Return refusals, the latest first, of one station id or of all."""
        query = select(HandshakeRefusal, _REGISTERED.label("registered")).where(
            HandshakeRefusal.tenant_id == tenant_id, *last.of(HandshakeRefusal.last_time)
        )
        if reason:
            query = query.where(HandshakeRefusal.reason == reason)
        if station_id:
            query = query.where(HandshakeRefusal.station_id == station_id)
        if unregistered_only:
            query = query.where(not_(_REGISTERED))
        row = HandshakeRefusal
        key = (row.last_time, row.station_id, row.unknown_tenant_id, row.source)
        return await page.read_rows(self._session, query, *key, descending=True)

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the refusals of a station."""
        await self._session.execute(
            delete(_TABLE).where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id)
        )

    async def retain_unregistered(self, tenant_id: str, most: int) -> None:
        """Remove refusals of ids that are no stations, except the latest ones of the tenant."""
        await self._retain(tenant_id, most, not_(_REGISTERED), HandshakeRefusal.source == "")

    async def retain_sources(self, tenant_id: str, most: int) -> None:
        """Remove failed TLS handshakes, except those of the sources that came last."""
        await self._retain(tenant_id, most, HandshakeRefusal.source != "")

    async def _retain(self, tenant_id: str, most: int, *conditions: ColumnElement[bool]) -> None:
        key = [getattr(HandshakeRefusal, name) for name in _KEY]
        old = (
            select(*key)
            .where(HandshakeRefusal.tenant_id == tenant_id, *conditions)
            .order_by(HandshakeRefusal.last_time.desc())
            .offset(most)
        )
        await self._session.execute(delete(_TABLE).where(tuple_(*(_TABLE.c[name] for name in _KEY)).in_(old)))

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Remove refusals from before a time, up to a limit; return False if there were none."""
        key = _TABLE.primary_key.columns
        old = select(*key).where(_TABLE.c.last_time < time).limit(limit)
        result = await (await self._session.connection()).execute(delete(_TABLE).where(tuple_(*key).in_(old)))
        return result.rowcount > 0


def handshake_refusal_to_proto(row: HandshakeRefusal, *, registered: bool) -> pb.HandshakeRefusal:
    """Return a refusal as the API shows it."""
    return pb.HandshakeRefusal(
        station_id=row.station_id,
        registered=registered,
        reason=pb.HandshakeRefusal.Reason.ValueType(row.reason),
        remote_address=row.remote_address,
        attempts=row.attempts,
        first_time=to_timestamp(row.first_time),
        last_time=to_timestamp(row.last_time),
        offered=row.offered,
        unknown_tenant_id=row.unknown_tenant_id,
        detail=row.detail,
    )
