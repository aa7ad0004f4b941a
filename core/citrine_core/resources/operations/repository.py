"""Queries of the operations."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, CursorResult, Row, and_, case, delete, func, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from citrine.api.v1 import operations_pb2 as pb
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span, begins_with, one_of
from citrine_core.db.base import UtcDateTime
from citrine_core.db.bulk import BulkInsert, BulkUpdate
from citrine_core.db.changes import changed_within
from citrine_core.encryption import SecretColumn
from citrine_core.errors import NotFound
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.operations.models import Operation, OperationStation
from citrine_core.resources.operations.results import Claim, Result
from citrine_core.resources.stations.lists import LookedStations, station_ids_looked_for

__all__ = ["AT_WORK", "SECRET_ACTIONS", "Counts", "OperationRepository", "Progress", "StationRow"]

Counts: TypeAlias = Mapping[int, int]
"""Number of an operation's stations by state."""

StationRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of the stations of operations, with all its columns."""

_OPERATIONS = Operation.metadata.tables["operations"]
_STATIONS = OperationStation.metadata.tables["operation_stations"]

SECRET_ACTIONS = SecretColumn(_OPERATIONS, "secret_action", ("tenant_id", "operation_id"))
"""Actions that bear secrets."""

_ADD = BulkInsert(_OPERATIONS, ignore=True, key=("tenant_id", "operation_id"), returning=("operation_id",))

_CHOOSE = BulkInsert(
    _STATIONS, ("tenant_id", "operation_id", "station_id", "state", "status", "reason", "attempts", "update_time")
)

_KEY = ("tenant_id", "operation_id", "station_id")

_CLAIM = BulkUpdate(
    _STATIONS,
    ("state", "reason", "command_id", "attempts", "next_time", "claim_time", "alive_time", "update_time"),
    _KEY,
)

_END = BulkUpdate(_STATIONS, ("state", "status", "reason", "command_id", "next_time", "update_time"), _KEY)

_PENDING = pb.OPERATION_RESULT_STATE_PENDING
_RUNNING = pb.OPERATION_RESULT_STATE_RUNNING
_SKIPPED = pb.OPERATION_RESULT_STATE_SKIPPED

AT_WORK = (pb.OPERATION_STATE_RUNNING, pb.OPERATION_STATE_CANCELLING)
"""States of operations that have not ended."""

_LARGE = (Operation.definition, Operation.summary, Operation.secret_action)

NOT_CONNECTED = "the station is not connected"


class Progress(NamedTuple):
    """What an operation's next step depends on."""

    has_pending: bool
    running: int
    """Stations that are being asked."""


class OperationRepository:
    """Reads and writes operations and their stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Mapping[str, Any]) -> bool:
        """Store an operation; return False if there is one with its id."""
        return bool(await _ADD.fetch_mappings(self._session, [row]))

    async def choose(
        self, tenant_id: str, operation_id: str, looked: LookedStations, now: datetime, *, skips: bool
    ) -> int:
        """Store the stations of an operation by one statement, and return their number.

        Args:
            tenant_id: The tenant.
            operation_id: The operation.
            looked: Which stations.
            now: The time now.
            skips: Whether those that are not connected are left out.
        """
        chosen = station_ids_looked_for(tenant_id, looked).subquery("chosen")
        state: ColumnElement[int] = literal(int(_PENDING))
        reason: ColumnElement[str] = literal("")
        if skips:
            connected = is_connected(literal(tenant_id), chosen.c.station_id)
            state = case((connected, literal(int(_PENDING))), else_=literal(int(_SKIPPED)))
            reason = case((connected, literal("")), else_=literal(NOT_CONNECTED))
        source = select(
            literal(tenant_id),
            literal(operation_id),
            chosen.c.station_id,
            state,
            literal(""),
            reason,
            literal(0),
            literal(now, UtcDateTime()),
        )
        return await _CHOOSE.execute_select(self._session, source)

    async def get(self, tenant_id: str, operation_id: str, *, for_update: bool = False) -> Operation:
        """Return an operation.

        Raises:
            NotFound: When there is none with this id.
        """
        found = await self._session.get(Operation, (tenant_id, operation_id), with_for_update=for_update or None)
        if found is None:
            raise NotFound("operation", operation_id)
        return found

    async def at_work(self) -> Sequence[tuple[str, str]]:
        """Return tenant and id of the operations that have not ended, the oldest first."""
        rows = await self._session.execute(
            select(Operation.tenant_id, Operation.operation_id)
            .where(Operation.state.in_(AT_WORK))
            .order_by(Operation.create_time)
        )
        return [(row[0], row[1]) for row in rows]

    async def count_at_work(self, tenant_id: str) -> int:
        """Return how many operations of a tenant have not ended."""
        query = select(func.count()).select_from(_OPERATIONS)
        of_tenant = (_OPERATIONS.c.tenant_id == tenant_id, _OPERATIONS.c.state.in_(AT_WORK))
        return await self._session.scalar(query.where(*of_tenant)) or 0

    @staticmethod
    def at_work_since() -> Due:
        """Return the query of when any operation was created that has not ended."""
        return select(Operation.create_time).where(Operation.state.in_(AT_WORK)).limit(1)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        state: int = 0,
        prefix: str = "",
        requested_by: str = "",
        action: str = "",
        created: Span = ANY_TIME,
        changed: Span | None = None,
    ) -> Listed[Row[Operation, bytes]]:
        """Return operations in a state (0: any), the latest created first; by id, or by change, if that is a filter.

        What is empty leaves out none: who requested them, and the field of their action.

        Each is with its summary, and without its definition: that may be large. Operations of older cores have none.
        """
        query = (
            select(Operation, func.coalesce(Operation.summary, Operation.definition))
            .options(*(defer(column, raiseload=True) for column in _LARGE))
            .where(Operation.tenant_id == tenant_id)
        )
        if state:
            query = query.where(Operation.state == state)
        for column, value in ((Operation.created_by, requested_by), (Operation.action, action)):
            if value:
                query = query.where(column == value)
        query = query.where(*created.of(Operation.create_time))
        if prefix:
            query = query.where(begins_with(Operation.operation_id, prefix))
        if changed is not None:
            query = query.where(*await changed_within(self._session, Operation.update_time, *changed))
            return await page.read_rows(self._session, query, Operation.update_time, Operation.operation_id)
        if prefix:
            return await page.read_rows(self._session, query, Operation.operation_id)
        key = (Operation.create_time, Operation.operation_id)
        return await page.read_rows(self._session, query, *key, descending=True)

    async def counts(self, tenant_id: str, operation_ids: Collection[str]) -> dict[str, dict[int, int]]:
        """Return the number of stations in each state, by operation."""
        found: dict[str, dict[int, int]] = {operation_id: {} for operation_id in operation_ids}
        rows = await self._session.execute(
            select(_STATIONS.c.operation_id, _STATIONS.c.state, func.count())
            .where(_STATIONS.c.tenant_id == tenant_id, one_of(_STATIONS.c.operation_id, operation_ids))
            .group_by(_STATIONS.c.operation_id, _STATIONS.c.state)
        )
        for operation_id, state, count in rows:
            found[operation_id][state] = count
        return found

    async def offline_counts(self, tenant_id: str, operation_ids: Collection[str]) -> dict[str, int]:
        """Return the number of pending stations that are not connected, by operation."""
        rows = await self._session.execute(
            select(_STATIONS.c.operation_id, func.count())
            .where(
                _STATIONS.c.tenant_id == tenant_id,
                one_of(_STATIONS.c.operation_id, operation_ids),
                _STATIONS.c.state == _PENDING,
                ~is_connected(_STATIONS.c.tenant_id, _STATIONS.c.station_id),
            )
            .group_by(_STATIONS.c.operation_id)
        )
        return {row[0]: row[1] for row in rows}

    async def progress(self, operation: Operation) -> Progress:
        """Return how far an operation is, without reading the stations that are done or wait."""

        def of(state: int) -> Any:
            return select(literal(1).label("one")).where(*_of(operation), _STATIONS.c.state == state)

        running = select(func.count()).select_from(of(_RUNNING).subquery("running")).scalar_subquery()
        row = (await self._session.execute(select(of(_PENDING).exists(), running))).one()
        return Progress(bool(row[0]), row[1])

    async def ready(
        self, operation: Operation, now: datetime, limit: int, after: str, *, connected_only: bool
    ) -> Sequence[StationRow]:
        """Return pending stations that are due, behind a station's id, in the order of their ids, locked."""
        conditions = [
            *_of(operation),
            _STATIONS.c.state == _PENDING,
            _STATIONS.c.station_id > after,
            or_(_STATIONS.c.next_time.is_(None), _STATIONS.c.next_time <= now),
        ]
        if connected_only:
            conditions.append(is_connected(_STATIONS.c.tenant_id, _STATIONS.c.station_id))
        query = select(_STATIONS).where(*conditions).order_by(_STATIONS.c.station_id).limit(limit)
        return (await self._session.execute(query.with_for_update(of=_STATIONS))).all()

    async def running(
        self, operation: Operation, *, station_ids: Collection[str] | None = None, before: datetime | None = None
    ) -> Sequence[StationRow]:
        """Return stations that are being asked, locked: some of them, or those whose core is silent since a time."""
        query = select(_STATIONS).where(*_of(operation), _STATIONS.c.state == _RUNNING)
        if station_ids is not None:
            query = query.where(one_of(_STATIONS.c.station_id, station_ids))
        if before is not None:
            query = query.where(_STATIONS.c.alive_time < before)
        return (await self._session.execute(query.order_by(_STATIONS.c.station_id).with_for_update())).all()

    async def claim(self, operation: Operation, claims: Sequence[Claim], now: datetime) -> None:
        """Store claims on locked stations."""
        key = (operation.tenant_id, operation.operation_id)
        rows = [
            (_RUNNING, "", one.command_id, one.attempts, None, now, now, now, *key, one.station_id) for one in claims
        ]
        await _CLAIM.execute(self._session, rows)

    async def renew(self, operation: Operation, station_ids: Collection[str], now: datetime) -> None:
        """Say that a core is still at stations that it claimed."""
        await self._session.execute(
            update(_STATIONS)
            .where(*_of(operation), _STATIONS.c.state == _RUNNING, one_of(_STATIONS.c.station_id, station_ids))
            .values(alive_time=now)
        )

    async def end(self, operation: Operation, results: Mapping[str, Result], now: datetime) -> None:
        """Store what became of locked stations, by their ids."""
        key = (operation.tenant_id, operation.operation_id)
        rows = [
            (one.state, one.status[:50], one.reason[:255], one.command_id, one.next_time, now, *key, station_id)
            for station_id, one in results.items()
        ]
        await _END.execute(self._session, rows)

    async def end_pending(
        self, operation: Operation, state: pb.OperationResultState.ValueType, reason: str, now: datetime
    ) -> None:
        """Set all pending stations to a final state."""
        await self._session.execute(
            update(_STATIONS)
            .where(*_of(operation), _STATIONS.c.state == _PENDING)
            .values(state=state, reason=reason[:255], next_time=None, command_id=None, update_time=now)
        )

    async def list_results(self, operation: Operation, page: Page, *, state: int) -> Listed[Row[*tuple[Any, ...]]]:
        """Return stations by their ids, with a column `connected`: whether they are connected."""
        connected = is_connected(_STATIONS.c.tenant_id, _STATIONS.c.station_id).label("connected")
        query = select(_STATIONS, connected).where(*_of(operation))
        if state:
            query = query.where(_STATIONS.c.state == state)
        return await page.read_rows(self._session, query, _STATIONS.c.station_id)

    async def forget_station(self, tenant_id: str, station_id: str, now: datetime) -> None:
        """Leave a removed station out of all operations that have not finished with it."""
        await self._session.execute(
            update(_STATIONS)
            .where(
                _STATIONS.c.tenant_id == tenant_id,
                _STATIONS.c.station_id == station_id,
                _STATIONS.c.state.in_((_PENDING, _RUNNING)),
            )
            .values(state=_SKIPPED, reason="the station was removed", next_time=None, update_time=now)
        )

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Delete at most so many stations of operations that ended before a time, and those without any.

        Returns False if there was nothing to delete.
        """
        oldest = (
            await self._session.execute(
                select(_OPERATIONS.c.tenant_id, _OPERATIONS.c.operation_id)
                .where(_OPERATIONS.c.finish_time < time)
                .order_by(_OPERATIONS.c.finish_time)
                .limit(1)
            )
        ).one_or_none()
        if oldest is None:
            return False
        of_oldest = and_(_STATIONS.c.tenant_id == oldest[0], _STATIONS.c.operation_id == oldest[1])
        key = (_STATIONS.c.tenant_id, _STATIONS.c.operation_id, _STATIONS.c.station_id)
        some = select(*key).where(of_oldest).limit(limit)
        result = await self._session.execute(delete(_STATIONS).where(tuple_(*key).in_(some)))
        assert isinstance(result, CursorResult)
        if result.rowcount < limit:
            of_operation = (_OPERATIONS.c.tenant_id == oldest[0], _OPERATIONS.c.operation_id == oldest[1])
            await self._session.execute(delete(_OPERATIONS).where(*of_operation))
        return True


def _of(operation: Operation) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _STATIONS.c.tenant_id == operation.tenant_id, _STATIONS.c.operation_id == operation.operation_id
