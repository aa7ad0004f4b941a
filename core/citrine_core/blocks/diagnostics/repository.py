"""Queries of functional block N."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, Select, delete, func, null, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_core.blocks.diagnostics.models import Alert, LogUpload, Monitor, Monitoring, StationEvent
from citrine_core.clock import utc_now
from citrine_core.db import ANY_TIME, Listed, Page, Span, UnitOfWork
from citrine_core.db.bulk import BulkInsert, BulkUpsert, given
from citrine_core.db.changes import change_time, changed_within
from citrine_core.db.numbered import get_numbered
from citrine_core.errors import NotFound
from citrine_core.resources.reports import ReportKind, ReportRun
from citrine_core.resources.reports.queries import Run, unfinished_requests
from citrine_core.resources.stations.selection import stations_selected

__all__ = [
    "AlertKey",
    "LogRepository",
    "LogWithReport",
    "MonitorRepository",
    "StationEventRepository",
    "forget_diagnostics",
]

LogWithReport = tuple[LogUpload, ReportRun]
"""A log, and the report run with the state of its upload."""


class AlertKey(NamedTuple):
    """Key of an alert within a tenant: the value that it is about, and its monitor."""

    station_id: str
    component: str
    component_instance: str
    evse_id: int
    connector_id: int
    variable: str
    variable_instance: str
    monitor_id: int

    @classmethod
    def of(cls, station_id: str, component: Component, variable: Variable, monitor_id: int | None) -> Self:
        """Return the key of what is named, as stations name it."""
        evse, has_evse = component.evse, component.HasField("evse")
        return cls(
            station_id,
            component.name.lower(),
            component.instance.lower(),
            evse.id if has_evse else -1,
            evse.connector_id if has_evse and evse.HasField("connector_id") else -1,
            variable.name.lower(),
            variable.instance.lower(),
            -1 if monitor_id is None else monitor_id,
        )


_ALERT_COLUMNS = tuple(getattr(Alert, name) for name in AlertKey._fields)
_MONITOR_KEY = ("tenant_id", "station_id", "monitor_id")
_ALERTS = Alert.metadata.tables["alerts"]
_MONITORS = Monitor.metadata.tables["monitors"]

_ADD_EVENTS = BulkInsert(StationEvent.metadata.tables["station_events"])
_PUT_ALERTS = BulkUpsert(
    _ALERTS,
    key=("tenant_id", *AlertKey._fields),
    overwrite=("is_cleared", "event_time", "order_time", "event", "update_time"),
    # An alert that is reported again must be acknowledged again.
    changes=dict.fromkeys(("acknowledge_time", "acknowledged_by", "acknowledge_note"), null()),
    where=_ALERTS.c.order_time <= given(_ALERTS, "order_time"),
)
_PUT_MONITORS = BulkUpsert(_MONITORS, key=_MONITOR_KEY)
_PUT_REPORTED = BulkUpsert(_MONITORS, key=_MONITOR_KEY, preserve=("set_time",))
_PUT_MONITORING = BulkUpsert(Monitoring.metadata.tables["monitorings"], key=("tenant_id", "station_id"))
_PUT_LOG = BulkUpsert(LogUpload.metadata.tables["log_uploads"], key=("tenant_id", "station_id", "request_id"))


class StationEventRepository:
    """Reads and writes events of stations and their alerts within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store events; `rows` must not be empty."""
        await _ADD_EVENTS.execute_mappings(self._session, rows)

    async def put_alerts(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store rows of `alerts` that changed now, at most one of a key; a stored one of a later order_time stays."""
        if rows:
            changed = await change_time(self._session, utc_now)
            await _PUT_ALERTS.execute_mappings(self._session, [{**row, "update_time": changed} for row in rows])

    async def get(self, tenant_id: str, number: str) -> StationEvent:
        """Return one of them.

        Raises:
            NotFound: When there is none of this number.
        """
        return await get_numbered(self._session, StationEvent, "station event", tenant_id, number)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        component: str = "",
        variable: str = "",
        times: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[StationEvent]:
        """Return events, the latest stored first; by the time that their stations gave if that is bounded.

        Args:
            tenant_id: Tenant of the stations.
            page: Page to return.
            station_id: Station of the events. Empty: all stations.
            component: Name of their component; case is ignored. Empty: all components.
            variable: Name of their variable; case is ignored. Empty: all variables.
            times: When they happened, by the clock of the station.
            stations: Only events of these stations. None: of all.
        """
        row = StationEvent
        query = select(row).where(row.tenant_id == tenant_id, *times.of(row.event_time))
        if station_id:
            query = query.where(StationEvent.station_id == station_id)
        query = _of(query, StationEvent, component, variable)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, row.station_id, stations))
        key = (row.event_time, row.id) if times.is_bounded else (row.id,)
        return await page.read(self._session, query, *key, descending=True)

    async def get_alert(self, tenant_id: str, key: AlertKey) -> Alert:
        """Return the latest alert of a monitored value.

        Raises:
            NotFound: When there was none.
        """
        found = await self._session.get(Alert, (tenant_id, *key))
        if found is None:
            raise NotFound("alert", f"of {key.component}.{key.variable} at {key.station_id}")
        return found

    async def list_alerts(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        component: str = "",
        variable: str = "",
        acknowledged: bool | None = None,
        stations: StationSelector | None = None,
        changed: Span | None = None,
        with_cleared: bool = False,
    ) -> Listed[Alert]:
        """Return open alerts by their key, or by the time of their last change where that is a filter.

        Args:
            tenant_id: Tenant of the stations.
            page: Page to return.
            station_id: Station of the alerts. Empty: all stations.
            component: Name of their component; case is ignored. Empty: all components.
            variable: Name of their variable; case is ignored. Empty: all variables.
            acknowledged: Whether somebody acknowledged them. None: all.
            stations: Only alerts of these stations. None: of all.
            changed: When they last changed. None: whenever.
            with_cleared: Whether those that were cleared are among them.
        """
        query = select(Alert).where(Alert.tenant_id == tenant_id)
        if not with_cleared:
            query = query.where(Alert.is_open())
        for column, value in (
            (Alert.station_id, station_id),
            (Alert.component, component.lower()),
            (Alert.variable, variable.lower()),
        ):
            if value:
                query = query.where(column == value)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, Alert.station_id, stations))
        if acknowledged is not None:
            time = Alert.acknowledge_time
            query = query.where(time.is_not(None) if acknowledged else time.is_(None))
        if changed is not None:
            query = query.where(*await changed_within(self._session, Alert.update_time, *changed))
            return await page.read(self._session, query, Alert.update_time, *_ALERT_COLUMNS)
        return await page.read(self._session, query, *_ALERT_COLUMNS)

    async def find_open_alerts(
        self, tenant_id: str, station_id: str, *, component: str, variable: str, monitor_id: int | None
    ) -> Sequence[Alert]:
        """Return open alerts of a variable, locked until the commit; the case of names is ignored."""
        query = select(Alert).where(
            *_station(Alert, tenant_id, station_id),
            Alert.is_open(),
            Alert.component == component.lower(),
            Alert.variable == variable.lower(),
        )
        if monitor_id is not None:
            query = query.where(Alert.monitor_id == monitor_id)
        return (await self._session.scalars(query.order_by(*_ALERT_COLUMNS).with_for_update())).all()

    async def clear_alerts(self, tenant_id: str, station_id: str, monitor_ids: Collection[int]) -> Sequence[Alert]:
        """Clear the open alerts of removed monitors, and return them."""
        query = select(Alert).where(
            *_station(Alert, tenant_id, station_id),
            Alert.is_open(),
            Alert.monitor_id.in_(monitor_ids),
        )
        rows = (await self._session.scalars(query.order_by(*_ALERT_COLUMNS).with_for_update())).all()
        changed = await change_time(self._session, utc_now) if rows else None
        for row in rows:
            row.is_cleared, row.update_time = True, changed or row.update_time
        return rows


class MonitorRepository:
    """Reads and writes monitors of stations and the settings of monitoring within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put(self, rows: Sequence[Mapping[str, Any]], *, preserve_set_time: bool = False) -> None:
        """Store rows of `monitors`. With `preserve_set_time` an existing row retains its set_time."""
        statement = _PUT_REPORTED if preserve_set_time else _PUT_MONITORS
        await statement.execute_mappings(self._session, rows)

    async def remove(self, tenant_id: str, station_id: str, monitor_ids: Collection[int]) -> None:
        """Remove monitors of a station by their ids."""
        await self._session.execute(
            delete(Monitor).where(*_station(Monitor, tenant_id, station_id), Monitor.monitor_id.in_(monitor_ids))
        )

    async def remove_before(self, tenant_id: str, station_id: str, time: datetime) -> Sequence[int]:
        """Remove the monitors of a station that were last updated before a time, and return their ids."""
        statement = delete(Monitor).where(*_station(Monitor, tenant_id, station_id), Monitor.update_time < time)
        return (await self._session.scalars(statement.returning(Monitor.monitor_id))).all()

    async def remove_soft(self, tenant_id: str, station_id: str, *, only_set: bool) -> Sequence[int]:
        """Remove the monitors of a station that are not hard-wired, or only set ones; return their ids."""
        statement = delete(Monitor).where(*_station(Monitor, tenant_id, station_id), Monitor.is_hard_wired.is_(False))
        if only_set:
            statement = statement.where(Monitor.set_time.is_not(None))
        return (await self._session.scalars(statement.returning(Monitor.monitor_id))).all()

    async def get(self, tenant_id: str, station_id: str, monitor_id: int) -> Monitor:
        """Return a monitor.

        Raises:
            NotFound: When the station has none of this id, as far as it said.
        """
        found = await self._session.get(Monitor, (tenant_id, station_id, monitor_id))
        if found is None:
            raise NotFound("monitor", f"{monitor_id} of {station_id}")
        return found

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        component: str = "",
        variable: str = "",
        stations: StationSelector | None = None,
    ) -> Listed[Monitor]:
        """Return monitors of a station (empty: all stations) by station and id."""
        query = _of(select(Monitor).where(Monitor.tenant_id == tenant_id), Monitor, component, variable)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, Monitor.station_id, stations))
        if station_id:
            query = query.where(Monitor.station_id == station_id)
        return await page.read(self._session, query, Monitor.station_id, Monitor.monitor_id)

    async def get_monitoring(self, tenant_id: str, station_id: str) -> Monitoring:
        """Return the settings that a station accepted.

        Raises:
            NotFound: When it accepted none.
        """
        found = await self._session.get(Monitoring, (tenant_id, station_id))
        if found is None:
            raise NotFound("monitoring", station_id)
        return found

    async def set_monitoring(self, tenant_id: str, station_id: str, **values: Any) -> None:
        """Store settings that a station accepted; other settings don't change."""
        row = {"tenant_id": tenant_id, "station_id": station_id, **values}
        await _PUT_MONITORING.execute_mappings(self._session, [row])

    async def full_reports(self, tenant_id: str, station_ids: Collection[str]) -> Mapping[tuple[str, int], datetime]:
        """Return when stations accepted their latest report of all monitors, by station and request id."""
        rows = await self._session.scalars(
            select(Monitoring).where(Monitoring.tenant_id == tenant_id, Monitoring.station_id.in_(station_ids))
        )
        return {
            (row.station_id, row.full_report_id): row.full_report_time
            for row in rows
            if row.full_report_id is not None and row.full_report_time is not None
        }


class LogRepository:
    """Reads and writes logs of stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put(self, row: Mapping[str, Any]) -> None:
        """Store a row of `log_uploads`."""
        await _PUT_LOG.execute_mappings(self._session, [row])

    async def unfinished(self, tenant_id: str, station_id: str) -> Sequence[int]:
        """Return the request ids of a station's logs whose upload has not ended."""
        return await unfinished_requests(self._session, tenant_id, station_id, ReportKind.REPORT_KIND_LOG)

    async def get(self, tenant_id: str, station_id: str, request_id: int) -> LogWithReport:
        """Return a log with its report run.

        Raises:
            NotFound: When the station was asked for none with this id.
        """
        of_request = (LogUpload.station_id == station_id, LogUpload.request_id == request_id)
        row = (await self._session.execute(_logs(tenant_id).where(*of_request))).one_or_none()
        if row is None:
            raise NotFound("log", f"{request_id} of {station_id}")
        return row[0], row[1]

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[LogWithReport]:
        """Return logs of a station (empty: all stations) and a time with their report runs, the latest first."""
        key = (Run.create_time, Run.station_id, Run.request_id)
        query = _logs(tenant_id).where(*created.of(Run.create_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, Run.station_id, stations))
        if station_id:
            query = query.where(Run.station_id == station_id)
        return await page.read_rows(self._session, query, *key, descending=True)


def _logs(tenant_id: str) -> Select[LogUpload, ReportRun]:
    same = (
        (Run.tenant_id == LogUpload.tenant_id)
        & (Run.station_id == LogUpload.station_id)
        & (Run.request_id == LogUpload.request_id)
    )
    query = select(LogUpload, Run).join(Run, same)
    return query.where(LogUpload.tenant_id == tenant_id, Run.kind == ReportKind.REPORT_KIND_LOG)


async def forget_diagnostics(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the alerts, monitors and logs of a station; its events are retained."""
    for table in (Alert, Monitor, Monitoring, LogUpload):
        await work.session.execute(delete(table).where(*_station(table, tenant_id, station_id)))


def _station(table: Any, tenant_id: str, station_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.tenant_id == tenant_id, table.station_id == station_id


def _of(query: Select[Any], table: Any, component: str, variable: str) -> Select[Any]:
    for column, text in ((table.component, component), (table.variable, variable)):
        if text:
            query = query.where(func.lower(column) == text.lower())
    return query
