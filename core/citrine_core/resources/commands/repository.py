"""Queries of the commands."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Integer,
    Row,
    and_,
    bindparam,
    column,
    delete,
    func,
    select,
    table,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span, begins_with, earliest, ids_made_in
from citrine_core.db.bulk import BulkInsert, BulkUpdate
from citrine_core.db.direct_query import DirectQuery
from citrine_core.db.one_of import one_of_packed, pack
from citrine_core.db.partitions import drop_partition, find_old_partition, outside_of_partitions
from citrine_core.encryption import SecretColumn
from citrine_core.resources.commands.models import CommandRow
from citrine_core.resources.connections.queries import SESSIONS
from citrine_core.resources.stations.candidates import Candidate
from citrine_core.resources.stations.credentials import Credentials
from citrine_core.resources.stations.queries import find_with_session, is_accepted
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["SECRETS", "CommandRepository", "StoredCommand"]

StoredCommand: TypeAlias = Row[*tuple[Any, ...]]
"""A row of the table, with all its columns."""

_TABLE = CommandRow.metadata.tables["commands"]

_ADD = BulkInsert(_TABLE)

_QUEUED = common.COMMAND_STATE_QUEUED
_LIVE = (common.COMMAND_STATE_QUEUED, common.COMMAND_STATE_SENT)

# The condition of the indexes, of which most commands are no part.
_UNFINISHED = _TABLE.c.finish_time.is_(None)

_NOT_ANSWERED = text("commands.state <> 3")
"""The condition of an index, in which it has no parameter."""

SECRETS = SecretColumn(_TABLE, "secret_payload", ("tenant_id", "command_id"), _UNFINISHED)
"""What waits for stations and has secrets."""

_WAITED_FOR = (
    select(_TABLE.c.station_id)
    .where(
        _UNFINISHED,
        _TABLE.c.state == _QUEUED,
        _TABLE.c.core_id.is_(None),
        _TABLE.c.tenant_id == bindparam("tenant_id"),
        one_of_packed((_TABLE.c.station_id,), "stations"),
    )
    .distinct()
)

CHANGING = (
    "state", "secret_payload", "response", "error_code", "error_description", "core_id", "epoch", "deadline_time",
    "send_time", "finish_time",
)  # fmt: skip
"""Columns that change in the life of a command."""

_CHANGE = BulkUpdate(_TABLE, CHANGING, ("tenant_id", "command_id"))

# Sorted, so that two cores can't deadlock.
_OF_IDS_FOR_UPDATE = (
    select(_TABLE)
    .where(_TABLE.c.tenant_id == bindparam("tenant_id"), one_of_packed((_TABLE.c.command_id,), "command_ids"))
    .order_by(_TABLE.c.command_id)
    .with_for_update()
)


class CommandRepository:
    """Commands of all tenants."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_station(self, tenant_id: str, station_id: str, *, lock: bool = False) -> StoredCommand | None:
        """Return whether a station is connected, and by which session; None where there is no such station.

        With lock it is not deleted before the commit.
        """
        return await find_with_session(self._session, tenant_id, station_id, lock=lock)

    async def add_password(self, tenant_id: str, station_id: str, command_id: str, password_hash: str) -> None:
        """Accept the password that a command is about to send to a station, besides its present one."""
        await Credentials(self._session).add_candidate(tenant_id, station_id, Candidate(command_id, password_hash))

    async def add(self, row: Mapping[str, Any]) -> None:
        """Store a new command."""
        await _ADD.execute_mappings(self._session, [row])

    async def find(self, tenant_id: str, command_id: str) -> StoredCommand | None:
        """Return a command, or None."""
        rows = await self._select(_TABLE.c.tenant_id == tenant_id, _TABLE.c.command_id == command_id)
        return rows[0] if rows else None

    async def find_for_update(self, tenant_id: str, command_ids: Collection[str]) -> dict[str, StoredCommand]:
        """Return commands of a tenant by id, and lock them against changes by others until the commit.

        Without the lock, two cores that receive different ends of a command could each store its own as the first.
        """
        values = {"tenant_id": tenant_id, "command_ids": pack((command_id,) for command_id in command_ids)}
        rows = (await (await self._connection()).execute(_OF_IDS_FOR_UPDATE, values)).all()
        return {row.command_id: row for row in rows}

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str | None = None,
        state: int | None = None,
        prefix: str = "",
        action: str = "",
        requested_by: str = "",
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[StoredCommand]:
        """Return commands of a tenant, the latest first."""
        query = select(_TABLE).where(_TABLE.c.tenant_id == tenant_id)
        if station_id is not None:
            query = query.where(_TABLE.c.station_id == station_id)
        if state is not None:
            query = query.where(_TABLE.c.state == state)
            if state != common.COMMAND_STATE_ANSWERED:
                query = query.where(_NOT_ANSWERED)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, _TABLE.c.station_id, stations))
        if action:
            query = query.where(_TABLE.c.action == action)
        if requested_by:
            query = query.where(_TABLE.c.requested_by == requested_by)
        query = query.where(*ids_made_in(_TABLE.c.command_id, created))
        if prefix:
            query = query.where(begins_with(_TABLE.c.command_id, prefix))
        return await page.read_rows(self._session, query, _TABLE.c.command_id, descending=True)

    async def change_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store the changing columns of commands that are locked, and were found in no final state."""
        names = (*CHANGING, "tenant_id", "command_id")
        await _CHANGE.execute(self._session, [tuple(row[name] for name in names) for row in rows])

    async def next_waiting(self, tenant_id: str, station_id: str, now: datetime) -> StoredCommand | None:
        """Return the oldest waiting command of a station, if the station is connected and may receive it."""
        rows = await (await self._connection()).execute(
            select(_TABLE, SESSIONS.c.edge_id, SESSIONS.c.epoch.label("open_epoch"))
            .select_from(_waiting_for_open_station())
            .where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id, _sendable(now))
            .order_by(_TABLE.c.command_id)
            .limit(1)
        )
        return rows.one_or_none()

    async def stations_to_send_to(self, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """Return tenant and id of connected stations with waiting commands."""
        rows = await _stations_to_send_to().fetch(self._session, {"now": now, "most": limit})
        return [(row[0], row[1]) for row in rows]

    async def stations_waited_for(self, tenant_id: str, station_ids: Collection[str]) -> Sequence[str]:
        """Return those of a tenant's stations that have waiting commands."""
        values = {"tenant_id": tenant_id, "stations": pack((station_id,) for station_id in station_ids)}
        rows = await (await self._connection()).execute(_WAITED_FOR, values)
        return [row.station_id for row in rows]

    async def claim(self, row: StoredCommand, core_id: str, epoch: int, deadline_time: datetime) -> bool:
        """Claim a waiting command for one core to send; return False if another core was first."""
        return await self._change_waiting(
            row.tenant_id, row.command_id, core_id=core_id, epoch=epoch, deadline_time=deadline_time
        )

    async def cancel_waiting(self, tenant_id: str, command_id: str, now: datetime) -> bool:
        """Cancel a command that waits for its station; return False if it does not wait."""
        return await self._change_waiting(
            tenant_id,
            command_id,
            state=common.COMMAND_STATE_CANCELLED,
            error_code="Cancelled",
            error_description="the command was cancelled",
            secret_payload=None,
            finish_time=now,
            cancel_time=now,
        )

    async def note_cancel(self, tenant_id: str, command_id: str, now: datetime) -> None:
        """Store that somebody cancels a command which an edge has. Whether that can still be done, the edge says."""
        of_command = (_TABLE.c.tenant_id == tenant_id, _TABLE.c.command_id == command_id)
        await (await self._connection()).execute(update(_TABLE).where(*of_command, _UNFINISHED).values(cancel_time=now))

    async def cancel_queued(self, tenant_id: str, station_id: str, now: datetime) -> Sequence[StoredCommand]:
        """Cancel the unsent commands of a station, and return them."""
        rows = await (await self._connection()).execute(
            update(_TABLE)
            .where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id, _TABLE.c.state == _QUEUED)
            .values(
                state=common.COMMAND_STATE_CANCELLED,
                error_code="Cancelled",
                error_description="the station was deleted",
                secret_payload=None,
                finish_time=now,
            )
            .returning(_TABLE)
        )
        cancelled: Sequence[StoredCommand] = rows.all()
        return cancelled

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Delete at most so many commands that ended before a time; return False if there were none.

        Where the table is partitioned, the oldest month is dropped, once all of its commands ended before the time.
        """
        partition = await find_old_partition(self._session, _TABLE.name, time)
        if partition is not None:
            await drop_partition(self._session, partition)
            return True
        rest = table(
            outside_of_partitions(self._session, _TABLE.name),
            *(column(name, _TABLE.c[name].type) for name in ("tenant_id", "command_id", "finish_time")),
        )
        key = (rest.c.tenant_id, rest.c.command_id)
        old = select(*key).where(rest.c.finish_time < time).limit(limit)
        result = await (await self._connection()).execute(delete(rest).where(tuple_(*key).in_(old)))
        return result.rowcount > 0

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which a command next expires, or counts as abandoned."""
        waiting = select(func.min(_TABLE.c.expire_time)).where(_UNFINISHED, _TABLE.c.core_id.is_(None))
        under_way = select(func.min(_TABLE.c.deadline_time)).where(_UNFINISHED, _TABLE.c.core_id.is_not(None))
        return earliest(waiting, under_way)

    async def expired(self, now: datetime, limit: int) -> Sequence[StoredCommand]:
        """Return waiting commands whose station did not connect in time."""
        return await self._select(
            _UNFINISHED,
            _TABLE.c.state == _QUEUED,
            _TABLE.c.expire_time <= now,
            _TABLE.c.core_id.is_(None),
            order=_TABLE.c.command_id,
            limit=limit,
        )

    async def abandoned(self, now: datetime, limit: int) -> Sequence[StoredCommand]:
        """Return commands whose core must have finished them by now."""
        return await self._select(
            _UNFINISHED,
            _TABLE.c.state.in_(_LIVE),
            _TABLE.c.core_id.is_not(None),
            _TABLE.c.deadline_time < now,
            order=_TABLE.c.command_id,
            limit=limit,
        )

    async def _change_waiting(self, tenant_id: str, command_id: str, **values: Any) -> bool:
        result = await (await self._connection()).execute(
            update(_TABLE)
            .where(
                _TABLE.c.tenant_id == tenant_id,
                _TABLE.c.command_id == command_id,
                _TABLE.c.state == _QUEUED,
                _TABLE.c.core_id.is_(None),
            )
            .values(**values)
        )
        assert isinstance(result, CursorResult)
        return result.rowcount == 1

    async def _select(
        self, *conditions: ColumnElement[bool], order: ColumnElement[Any] | None = None, limit: int | None = None
    ) -> Sequence[StoredCommand]:
        statement = select(_TABLE).where(*conditions).limit(limit)
        if order is not None:
            statement = statement.order_by(order)
        return (await (await self._connection()).execute(statement)).all()

    async def _connection(self) -> AsyncConnection:
        return await self._session.connection()


def _same_station(left: Any, right: Any) -> ColumnElement[bool]:
    return and_(left.tenant_id == right.tenant_id, left.station_id == right.station_id)


def _waiting_for_open_station() -> Any:
    return _TABLE.join(SESSIONS, _same_station(_TABLE.c, SESSIONS.c))


@cache
def _stations_to_send_to() -> DirectQuery:
    """Return the query of connected stations with waiting commands. It is asked every few seconds."""
    return DirectQuery(
        select(_TABLE.c.tenant_id, _TABLE.c.station_id)
        .select_from(_waiting_for_open_station())
        .where(_sendable(bindparam("now")))
        .distinct()
        .limit(bindparam("most", type_=Integer))
    )


def _sendable(now: Any) -> ColumnElement[bool]:
    return and_(
        _UNFINISHED,
        _TABLE.c.state == _QUEUED,
        _TABLE.c.core_id.is_(None),
        _TABLE.c.expire_time > now,
        SESSIONS.c.is_open.is_(True),
        # A pending or rejected station receives no waiting commands until it is accepted (B02, B03).
        is_accepted(_TABLE.c.tenant_id, _TABLE.c.station_id),
    )
