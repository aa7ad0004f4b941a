"""Queries of functional block L, without those of campaigns."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Select, bindparam, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.firmware_management.models import FirmwarePublication, FirmwareStatus, FirmwareUpdate
from citrine_core.blocks.firmware_management.updates import ACTIVE
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span, earliest, one_of
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of import one_of_packed, pack
from citrine_core.errors import NotFound
from citrine_core.ids import new_request_id
from citrine_core.resources.stations.queries import find_hardware
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["OF_PUBLICATION", "OF_UPDATE", "FirmwareRepository", "Tracked", "UpdateKey", "awaits_boot"]

UpdateKey: TypeAlias = tuple[str, int]
"""Station and request id."""

OF_UPDATE = 1
OF_PUBLICATION = 2

Tracked = TypeVar("Tracked", FirmwareUpdate, FirmwarePublication)
"""An update or a publication."""

_UPDATES = FirmwareUpdate.metadata.tables["firmware_updates"]
_STATUSES = FirmwareStatus.metadata.tables["firmware_statuses"]

_ACTIVE = tuple(ACTIVE)

_KEY = ("tenant_id", "station_id", "request_id")

_ADD = {
    table: BulkInsert(table.metadata.tables[table.__tablename__], ignore=True, key=_KEY, returning=("request_id",))
    for table in (FirmwareUpdate, FirmwarePublication)
}
_ADD_UPDATES = BulkInsert(_UPDATES)
_ADD_STATUSES = BulkInsert(_STATUSES)


def _newest(table: type[FirmwareUpdate] | type[FirmwarePublication]) -> "Select[str, int]":
    newest = (
        select(table.station_id, func.max(table.create_time).label("time"))
        .where(table.tenant_id == bindparam("tenant_id"), one_of_packed((table.station_id,), "stations"))
        .group_by(table.station_id)
        .subquery()
    )
    return (
        select(table.station_id, func.max(table.request_id))
        .join(newest, (table.station_id == newest.c.station_id) & (table.create_time == newest.c.time))
        .where(table.tenant_id == bindparam("tenant_id"))
        .group_by(table.station_id)
    )


_NEWEST: Mapping[type[Any], "Select[str, int]"] = {
    FirmwareUpdate: _newest(FirmwareUpdate),
    FirmwarePublication: _newest(FirmwarePublication),
}
_NEWEST_AWAITING_BOOT = _NEWEST[FirmwareUpdate].where(FirmwareUpdate.awaits_boot)


def awaits_boot(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the station of two columns has updates that wait for a boot."""
    return exists().where(
        FirmwareUpdate.tenant_id == tenant_id, FirmwareUpdate.station_id == station_id, FirmwareUpdate.awaits_boot
    )


class FirmwareRepository:
    """Reads and writes firmware updates, publications and their statuses within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_for_update(
        self, table: type[Tracked], tenant_id: str, keys: Collection[UpdateKey]
    ) -> dict[UpdateKey, Tracked]:
        """Return updates or publications with some keys, locked until the commit.

        Without the lock, two concurrent transactions, one with an answer and one with a status, could each overwrite
        the changes of the other.
        """
        if not keys:
            return {}
        rows = await self._session.scalars(
            select(table)
            .where(table.tenant_id == tenant_id, one_of((table.station_id, table.request_id), keys))
            # All transactions lock in the same order, so that two can't deadlock.
            .order_by(table.station_id, table.request_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return {(row.station_id, row.request_id): row for row in rows}

    async def newest_ids(
        self, table: type[Tracked], tenant_id: str, station_ids: Collection[str], *, awaiting_boot: bool = False
    ) -> list[UpdateKey]:
        """Return the latest update or publication of each of some stations.

        Args:
            table: Updates or publications.
            tenant_id: Tenant of the stations.
            station_ids: The stations.
            awaiting_boot: True: return only updates that wait for a boot.
        """
        if not station_ids:
            return []
        query = _NEWEST_AWAITING_BOOT if awaiting_boot else _NEWEST[table]
        values = {"tenant_id": tenant_id, "stations": pack((station_id,) for station_id in station_ids)}
        rows = await (await self._session.connection()).execute(query, values)
        return [(station_id, request_id) for station_id, request_id in rows]

    async def active_updates(self, tenant_id: str, station_id: str) -> list[FirmwareUpdate]:
        """Return the updates of a station that have not ended, locked until the commit."""
        rows = await self._session.scalars(
            select(FirmwareUpdate)
            .where(
                FirmwareUpdate.tenant_id == tenant_id,
                FirmwareUpdate.station_id == station_id,
                FirmwareUpdate.state.in_(_ACTIVE),
            )
            .order_by(FirmwareUpdate.request_id)
            .with_for_update()
        )
        return list(rows)

    async def publications_of(
        self, tenant_id: str, station_id: str, checksum: str, states: Collection[int]
    ) -> list[FirmwarePublication]:
        """Return the publications of a file by a local controller in some states, locked until the commit."""
        rows = await self._session.scalars(
            select(FirmwarePublication)
            .where(
                FirmwarePublication.tenant_id == tenant_id,
                FirmwarePublication.station_id == station_id,
                FirmwarePublication.checksum == checksum,
                FirmwarePublication.state.in_(states),
            )
            .order_by(FirmwarePublication.request_id)
            .with_for_update()
        )
        return list(rows)

    async def silent(self, table: type[Tracked], now: datetime, limit: int) -> list[Tracked]:
        """Return updates or publications whose deadline has passed, locked; those that are locked are left out."""
        rows = await self._session.scalars(
            select(table)
            .where(table.deadline_time <= now)
            .order_by(table.deadline_time)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return list(rows)

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which an update or a publication next counts as silent."""
        return earliest(*(select(func.min(table.deadline_time)) for table in (FirmwareUpdate, FirmwarePublication)))

    async def has_silent(self, table: type[Tracked], now: datetime) -> bool:
        """Return whether there is an update or a publication whose deadline has passed."""
        query = select(table.request_id).where(table.deadline_time <= now).limit(1)
        return (await self._session.scalars(query)).first() is not None

    async def free_id(self, table: type[Tracked], tenant_id: str, station_id: str) -> int:
        """Return a request id that no update or publication of the station has."""
        request_id = new_request_id()
        while await self._session.get(table, (tenant_id, station_id, request_id)) is not None:
            request_id = new_request_id()
        return request_id

    async def add(self, table: type[Tracked], row: Mapping[str, Any]) -> bool:
        """Store an update or a publication; return False if there is one with its request id.

        Columns that `row` does not name get their defaults.
        """
        return bool(await _ADD[table].fetch_mappings(self._session, [{**empty_row(table), **row}]))

    async def add_updates(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store updates of several stations. Their request ids must be free."""
        await _ADD_UPDATES.execute_mappings(self._session, [{**empty_row(FirmwareUpdate), **row} for row in rows])

    async def add_statuses(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add statuses to the history."""
        await _ADD_STATUSES.execute_mappings(self._session, rows)

    async def get(self, table: type[Tracked], tenant_id: str, station_id: str, request_id: int | None) -> Tracked:
        """Return an update or a publication of a station; without a request id, the latest.

        Raises:
            NotFound: When there is none.
        """
        if request_id is None:
            newest = await self.newest_ids(table, tenant_id, [station_id])
            if not newest:
                raise NotFound(f"{_KINDS[table]} of station", station_id)
            request_id = newest[0][1]
        found = await self._session.get(table, (tenant_id, station_id, request_id))
        if found is None:
            raise NotFound(_KINDS[table], request_id)
        return found

    async def list_updates(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        state: int,
        campaign_id: str,
        active_only: bool,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[FirmwareUpdate]:
        """Return updates, the latest requested first. A filter that is empty or 0 matches all."""
        conditions: list[ColumnElement[bool]] = [FirmwareUpdate.state.in_(_ACTIVE)] if active_only else []
        conditions += created.of(FirmwareUpdate.create_time)
        if stations is not None:
            conditions += stations_selected(tenant_id, FirmwareUpdate.station_id, stations)
        if campaign_id:
            conditions.append(FirmwareUpdate.campaign_id == campaign_id)
        return await self._list(FirmwareUpdate, tenant_id, page, station_id, state, *conditions, of_few=active_only)

    async def list_publications(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        state: int,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[FirmwarePublication]:
        """Return publications, the latest requested first. A filter that is empty or 0 matches all."""
        table = FirmwarePublication
        selected = () if stations is None else stations_selected(tenant_id, table.station_id, stations)
        conditions = (*selected, *created.of(table.create_time))
        return await self._list(table, tenant_id, page, station_id, state, *conditions)

    async def _list(
        self,
        table: type[Tracked],
        tenant_id: str,
        page: Page,
        station_id: str,
        state: int,
        *conditions: ColumnElement[bool],
        of_few: bool = False,
    ) -> Listed[Tracked]:
        key = (table.create_time, table.station_id, table.request_id)
        query = select(table).where(table.tenant_id == tenant_id, *conditions)
        if station_id:
            query = query.where(table.station_id == station_id)
        if state:
            query = query.where(table.state == state)
        if not of_few:
            return await page.read(self._session, query, *key, descending=True)
        # SQLite would go through all of them by an index of this order, to sort the few that are meant no more.
        order = (func.coalesce(table.create_time, table.create_time), table.station_id, table.request_id)
        rows = (await self._session.scalars(page.within(query, *order, descending=True))).all()
        return page.close(rows, lambda row: (row.create_time, row.station_id, row.request_id))

    async def list_statuses(
        self, tenant_id: str, page: Page, station_id: str, *, kind: int, request_id: int | None
    ) -> Listed[FirmwareStatus]:
        """Return the history of a station, in the order in which statuses were received."""
        query = select(FirmwareStatus).where(
            FirmwareStatus.tenant_id == tenant_id, FirmwareStatus.station_id == station_id, FirmwareStatus.kind == kind
        )
        if request_id is not None:
            query = query.where(FirmwareStatus.request_id == request_id)
        return await page.read(self._session, query, FirmwareStatus.id)

    async def versions(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, str]:
        """Return the firmware that stations reported at their last boot; unknown stations are left out."""
        found = await find_hardware(self._session, tenant_id, station_ids)
        return {station_id: hardware.firmware_version for station_id, hardware in found.items()}

    async def remove(self, row: FirmwareUpdate | FirmwarePublication) -> None:
        """Remove an update or a publication that was never sent to the station."""
        await self._session.delete(row)

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the updates and publications of a station, and their history."""
        for table in (FirmwareUpdate, FirmwarePublication, FirmwareStatus):
            await self._session.execute(
                delete(table).where(table.tenant_id == tenant_id, table.station_id == station_id)
            )


_KINDS: dict[type[Any], str] = {FirmwareUpdate: "firmware update", FirmwarePublication: "firmware publication"}


def empty_row(table: type[Tracked]) -> dict[str, Any]:
    """Return the defaults of all columns of an update or a publication."""
    columns = table.metadata.tables[table.__tablename__].columns
    # Any: the defaults of these tables are plain values.
    defaults: dict[str, Any] = {column.name: column.default for column in columns}
    return {name: None if default is None else default.arg for name, default in defaults.items()}
