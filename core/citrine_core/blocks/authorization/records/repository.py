"""Queries of decisions on tokens."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_ACCEPTED
from citrine_core.blocks.authorization.records.models import AuthorizationRecord
from citrine_core.db import ANY_TIME, Listed, Page, Span, one_of
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.numbered import get_numbered
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.tokens import lookups_of

__all__ = ["AuthorizationRecords", "RecordRow"]

_RECORDS = AuthorizationRecord.metadata.tables["authorization_records"]

# The conditions of indexes, in which they have no parameter.
_REFUSED = text("authorization_records.status <> 1")
_OF_GROUP = text("authorization_records.group_id <> ''")


class RecordRow(NamedTuple):
    """A row of `authorization_records`, but for its id."""

    tenant_id: str
    station_id: str
    evse_id: int | None
    transaction_id: str
    purpose: int
    id_token: str
    id_token_type: str
    id_token_lookup: str
    group_id: str
    status: int
    authorizer: int
    decide_time: datetime


_ADD = BulkInsert(_RECORDS, RecordRow._fields)


class AuthorizationRecords:
    """Decisions on tokens within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, rows: Sequence[RecordRow]) -> None:
        """Store decisions."""
        await _ADD.execute(self._session, rows)

    async def get(self, tenant_id: str, record_id: str) -> AuthorizationRecord:
        """Return a decision.

        Raises:
            NotFound: When there is none of this id.
        """
        return await get_numbered(self._session, AuthorizationRecord, "authorization record", tenant_id, record_id)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        id_token: str = "",
        group_id: str = "",
        purpose: int = 0,
        status: int = 0,
        refused_only: bool = False,
        decided: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[AuthorizationRecord]:
        """Return decisions, the latest first."""
        row = AuthorizationRecord
        query = select(row).where(row.tenant_id == tenant_id, *decided.of(row.decide_time))
        for column, value in ((row.station_id, station_id), (row.purpose, purpose), (row.status, status)):
            if value:
                query = query.where(column == value)
        if refused_only or status not in (0, AUTHORIZATION_STATUS_ENUM_ACCEPTED):
            query = query.where(_REFUSED)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, row.station_id, stations))
        if id_token:
            query = query.where(row.id_token_lookup.in_(lookups_of(id_token)))
        if group_id:
            query = query.where(row.group_id == group_id, _OF_GROUP)
        return await page.read(self._session, query, row.decide_time, row.id, descending=True)

    async def remove_before(self, tenant_ids: Collection[str], time: datetime, limit: int) -> bool:
        """Delete at most so many old decisions of tenants; return False if there were none."""
        is_old = (one_of(_RECORDS.c.tenant_id, tenant_ids), _RECORDS.c.decide_time < time)
        old = select(_RECORDS.c.id).where(*is_old).limit(limit)
        result = await (await self._session.connection()).execute(delete(_RECORDS).where(_RECORDS.c.id.in_(old)))
        return result.rowcount > 0
