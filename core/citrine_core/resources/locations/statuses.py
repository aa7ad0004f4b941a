"""The status of an EVSE: the one rule by which it follows from what its station reported (OCPI 2.3.0, Status)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from citrine.api.v1 import locations_pb2 as pb
from citrine.ocpp.v2 import availability_pb2 as ocpp
from citrine_core.blocks.availability import ConnectorState
from citrine_core.resources.stations.queries import Presence

__all__ = ["KnownStatus", "status_of"]

_IN_USE = (
    (ocpp.CONNECTOR_STATUS_ENUM_OCCUPIED, pb.EVSE_STATUS_CHARGING),
    (ocpp.CONNECTOR_STATUS_ENUM_RESERVED, pb.EVSE_STATUS_RESERVED),
)
"""One connector of an EVSE is used at a time, and it keeps the others."""

_OTHERWISE = (
    (ocpp.CONNECTOR_STATUS_ENUM_AVAILABLE, pb.EVSE_STATUS_AVAILABLE),
    (ocpp.CONNECTOR_STATUS_ENUM_FAULTED, pb.EVSE_STATUS_OUT_OF_ORDER),
    (ocpp.CONNECTOR_STATUS_ENUM_UNAVAILABLE, pb.EVSE_STATUS_INOPERATIVE),
)
"""One connector that is available is enough to charge."""

_NOT_FREE = (ocpp.CONNECTOR_STATUS_ENUM_FAULTED, ocpp.CONNECTOR_STATUS_ENUM_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class KnownStatus:
    """The status of an EVSE, as far as it is known."""

    status: pb.EvseStatus.ValueType
    since: datetime | None = None
    """By the clock of the station. None: not known."""
    stale_since: datetime | None = None
    """Since when the station is offline. None: it is connected, or never was."""


def status_of(
    evse_id: int | None, remove_time: datetime | None, station: Presence | None, states: Sequence[ConnectorState]
) -> KnownStatus:
    """Return the status of an EVSE.

    Args:
        evse_id: Its number within the station. None: it has no station yet.
        remove_time: When it was removed. None: it was not.
        station: Whether its station may connect and is connected. None: there is no station.
        states: All that the station reported, on itself (EVSE 0), on whole EVSEs (connector 0) and on connectors.
    """
    if remove_time is not None:
        return KnownStatus(pb.EVSE_STATUS_REMOVED, remove_time)
    if evse_id is None or station is None:
        return KnownStatus(pb.EVSE_STATUS_PLANNED)
    if not station.was_connected and not states:
        return KnownStatus(pb.EVSE_STATUS_PLANNED)
    status, since = _reported(evse_id, states)
    if not station.enabled:
        status, since = pb.EVSE_STATUS_INOPERATIVE, None
    return KnownStatus(status, since, station.offline_since)


def _reported(evse_id: int, states: Sequence[ConnectorState]) -> tuple[pb.EvseStatus.ValueType, datetime | None]:
    connectors = [one for one in states if one.evse_id == evse_id and one.connector_id > 0]
    wholes = [one for one in states if one.evse_id in (0, evse_id) and one.connector_id == 0]
    for reported, status in _IN_USE:
        found = [one for one in connectors if one.status == reported]
        if found:
            return status, max(one.status_time for one in found)
    newest = max((one.order_time for one in connectors), default=None)
    # A report on the whole counts for its connectors until they report again.
    whole = [one for one in wholes if one.status in _NOT_FREE and (newest is None or one.order_time >= newest)]
    deciding = whole or connectors or [one for one in wholes if one.evse_id == evse_id]
    for reported, status in _OTHERWISE:
        if any(one.status == reported for one in deciding):
            return status, max(one.status_time for one in deciding)
    return pb.EVSE_STATUS_UNKNOWN, None
