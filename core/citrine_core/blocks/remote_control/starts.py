"""The record of a remote start: its states from the request until a transaction names it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from citrine.api.v1.remote_control_pb2 import RemoteStartState
from citrine.events.v1.events_pb2 import Event, RemoteStartChanged
from citrine.ocpp.v2.remote_control_pb2 import RequestStartTransactionRequest
from citrine_core.blocks.remote_control.repository import RemoteStartKey, RemoteStartRepository
from citrine_core.db import UnitOfWork
from citrine_core.resources.usage_limits import NO_LIMIT, Limit

__all__ = ["change", "new_row", "record_started"]

_ENDED_BY_STATION = (RemoteStartState.REMOTE_START_STATE_STARTED, RemoteStartState.REMOTE_START_STATE_REJECTED)


def new_row(
    tenant_id: str,
    station_id: str,
    request: RequestStartTransactionRequest,
    now: datetime,
    limit: Limit = NO_LIMIT,
    reference: str = "",
) -> dict[str, Any]:
    """Return the row of a remote start that is about to be sent."""
    group = request.group_id_token if request.HasField("group_id_token") else None
    return {
        "tenant_id": tenant_id,
        "station_id": station_id,
        "remote_start_id": request.remote_start_id,
        "state": int(RemoteStartState.REMOTE_START_STATE_REQUESTED),
        # Truncated, because a native command may contain longer values than the schema allows.
        "id_token": request.id_token.id_token[:255],
        "id_token_type": request.id_token.type[:20],
        "group_id_token": None if group is None else group.id_token[:255],
        "group_id_token_type": None if group is None else group.type[:20],
        "evse_id": request.evse_id if request.HasField("evse_id") else None,
        "charging_profile_id": request.charging_profile.id if request.HasField("charging_profile") else None,
        "transaction_id": "",
        "command_id": "",
        "problem": "",
        "reference": reference or None,
        "create_time": now,
        **limit.columns,
    }


def change(work: UnitOfWork, row: dict[str, Any], state: int, now: datetime, **values: Any) -> None:
    """Change the state of a row in place, and publish the change.

    The station's answer prevails over the end of the command: a timeout after a transaction began changes no state.
    """
    if row["state"] in _ENDED_BY_STATION and state != RemoteStartState.REMOTE_START_STATE_STARTED:
        state = row["state"]
    if values.get("problem"):
        values["problem"] = values["problem"][:255]
    is_news = state != row["state"]
    row.update(state=int(state), **values)
    if is_news:
        changed = RemoteStartChanged(
            remote_start_id=row["remote_start_id"],
            state=RemoteStartState.ValueType(state),
            transaction_id=row["transaction_id"],
            reference=row["reference"] or "",
        )
        event = Event(tenant_id=row["tenant_id"], station_id=row["station_id"], remote_start_changed=changed)
        work.emit(event)


async def record_started(
    work: UnitOfWork, tenant_id: str, started: Mapping[RemoteStartKey, str], now: datetime
) -> dict[RemoteStartKey, dict[str, Any]]:
    """Record the transactions that name remote starts (F01.FR.25, F02.FR.01), and return the remote starts.

    A remote start belongs to the first transaction that names it.

    Args:
        work: The unit of work to write in.
        tenant_id: Tenant of the stations.
        started: Transactions by station and remoteStartId. The result has no unknown ids.
        now: The current time.
    """
    repository = RemoteStartRepository(work.session)
    rows = await repository.find_for_update(tenant_id, started.keys())
    changed = []
    for key, row in rows.items():
        if row["transaction_id"] not in ("", started[key]):
            continue
        if row["state"] != RemoteStartState.REMOTE_START_STATE_STARTED:
            row["transaction_id"] = started[key]
            change(work, row, RemoteStartState.REMOTE_START_STATE_STARTED, now)
            changed.append(row)
    await repository.put_all(changed)
    return rows
