"""Changes of alerts that stations do not report: a monitor is removed, or an operator acknowledges an alert."""

from collections.abc import Collection, Sequence

from citrine.events.v1.events_pb2 import AlertChanged, Event
from citrine.ocpp.v2.diagnostics_pb2 import EventData
from citrine_core.blocks.diagnostics.models import Alert
from citrine_core.blocks.diagnostics.repository import StationEventRepository
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.db.changes import change_time
from citrine_core.errors import NotFound

__all__ = ["acknowledge_alerts", "clear_alerts"]


async def clear_alerts(work: UnitOfWork, tenant_id: str, station_id: str, monitor_ids: Collection[int]) -> None:
    """Clear the open alerts of removed monitors: the station will not report that their values are normal again."""
    if not monitor_ids:
        return
    events = StationEventRepository(work.session)
    for row in await events.clear_alerts(tenant_id, station_id, monitor_ids):
        work.emit(_changed(row, AlertChanged.STATE_MONITOR_REMOVED))


async def acknowledge_alerts(
    work: UnitOfWork,
    tenant_id: str,
    station_id: str,
    *,
    component: str,
    variable: str,
    monitor_id: int | None,
    who: str,
    note: str,
    clock: Clock,
) -> Sequence[Alert]:
    """Acknowledge the open alerts of a variable, and return them.

    Args:
        work: The unit of work to write in.
        tenant_id: Tenant of the station.
        station_id: The station.
        component: Name of the component; case is ignored.
        variable: Name of its variable; case is ignored.
        monitor_id: Acknowledge only the alert of this monitor. None: all alerts of the variable.
        who: Name of the caller.
        note: Note of the caller.
        clock: The core's clock.

    Raises:
        NotFound: When there is no open alert of the variable.
    """
    rows = await StationEventRepository(work.session).find_open_alerts(
        tenant_id, station_id, component=component, variable=variable, monitor_id=monitor_id
    )
    if not rows:
        raise NotFound("open alert", f"of {component}.{variable} at {station_id}")
    now = await change_time(work.session, clock)
    for row in rows:
        row.acknowledge_time = row.update_time = now
        row.acknowledged_by, row.acknowledge_note = who[:100], note
        work.emit(_changed(row, AlertChanged.STATE_ACKNOWLEDGED))
    return rows


def _changed(row: Alert, state: AlertChanged.State.ValueType) -> Event:
    body = AlertChanged(state=state, event=EventData.FromString(row.event))
    if state == AlertChanged.STATE_ACKNOWLEDGED:
        body.acknowledged_by, body.note = row.acknowledged_by or "", row.acknowledge_note or ""
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, alert_changed=body)
