"""Queries of corrections."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.tariff_and_cost.corrections.models import CostCorrection
from citrine_core.db import ANY_TIME, Listed, Page, Span
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of import one_of
from citrine_core.errors import NotFound
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["CorrectionRepository", "CorrectionRow"]

_CORRECTIONS = CostCorrection.metadata.tables["cost_corrections"]


class CorrectionRow(NamedTuple):
    """A row of `cost_corrections`, but for its id."""

    tenant_id: str
    station_id: str
    transaction_id: str
    number: int
    reason: int
    detail: str
    author: str
    tariff_id: str
    tariff_version: int
    before_tax: str
    after_tax: str
    replaced_before_tax: str | None
    replaced_after_tax: str | None
    breakdown: bytes
    create_time: datetime


_COLUMNS = [_CORRECTIONS.c[name] for name in CorrectionRow._fields]
_ADD = BulkInsert(_CORRECTIONS, CorrectionRow._fields)


class CorrectionRepository:
    """Corrections of final costs."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, rows: Sequence[CorrectionRow]) -> None:
        """Store new corrections. Fails where another of the same number was first."""
        await _ADD.execute(self._session, rows)

    async def find_latest(
        self, tenant_id: str, keys: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], CorrectionRow]:
        """Return the latest correction of each transaction (station and id) that has any."""
        return {key: rows[-1] for key, rows in (await self.find_all(tenant_id, keys)).items()}

    async def find_all(
        self, tenant_id: str, keys: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], list[CorrectionRow]]:
        """Return the corrections of each transaction (station and id) that has any, in their order."""
        if not keys:
            return {}
        columns = _CORRECTIONS.c
        rows = await self._session.execute(
            select(*_COLUMNS)
            .where(columns.tenant_id == tenant_id, one_of((columns.station_id, columns.transaction_id), keys))
            .order_by(columns.number)
        )
        found: dict[tuple[str, str], list[CorrectionRow]] = {}
        for row in rows:
            found.setdefault((row.station_id, row.transaction_id), []).append(CorrectionRow(*row))
        return found

    async def breakdowns(
        self, tenant_id: str, keys: Collection[tuple[str, str, int]]
    ) -> dict[tuple[str, str, int], bytes]:
        """Return what corrections (station, transaction and number) are made of: serialised citrine.api.v1.Cost."""
        columns = _CORRECTIONS.c
        names = (columns.station_id, columns.transaction_id, columns.number)
        rows = await self._session.execute(
            select(*names, columns.breakdown).where(columns.tenant_id == tenant_id, one_of(names, keys))
        )
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    async def get(self, tenant_id: str, station_id: str, transaction_id: str, *, number: int = 0) -> CorrectionRow:
        """Return the correction of a number, the latest for 0.

        Raises:
            NotFound: When there is none.
        """
        columns = _CORRECTIONS.c
        query = select(*_COLUMNS).where(
            columns.tenant_id == tenant_id, columns.station_id == station_id, columns.transaction_id == transaction_id
        )
        if number:
            query = query.where(columns.number == number)
        row = (await self._session.execute(query.order_by(columns.number.desc()).limit(1))).first()
        if row is None:
            raise NotFound(
                f"correction {number} of transaction" if number else "correction of transaction", transaction_id
            )
        return CorrectionRow(*row)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        transaction_id: str = "",
        reason: int = 0,
        author: str = "",
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[CorrectionRow]:
        """Return corrections, the latest first; a filter that is empty, 0 or None matches all."""
        columns = _CORRECTIONS.c
        query = select(columns.id, *_COLUMNS).where(columns.tenant_id == tenant_id, *created.of(columns.create_time))
        for name, value in (
            ("station_id", station_id),
            ("transaction_id", transaction_id),
            ("reason", reason),
            ("author", author),
        ):
            if value:
                query = query.where(columns[name] == value)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, columns.station_id, stations))
        key = (columns.create_time, columns.id) if created.is_bounded else (columns.id,)
        rows, token = await page.read_rows(self._session, query, *key, descending=True)
        return [CorrectionRow(*row[1:]) for row in rows], token
