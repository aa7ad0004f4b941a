"""Comparison of the wanted availability of stations, EVSEs and connectors with the reported statuses.

In OCPP a station, its EVSEs and its connectors have separate availabilities, and a connector is in service only if
all three are operative (G03, G04). So a connector may be unavailable because of its EVSE or its station.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from citrine.api.v1 import availability_pb2 as pb
from citrine.ocpp.v2.availability_pb2 import (
    CHANGE_AVAILABILITY_STATUS_ENUM_ACCEPTED,
    CHANGE_AVAILABILITY_STATUS_ENUM_SCHEDULED,
    CONNECTOR_STATUS_ENUM_FAULTED,
    CONNECTOR_STATUS_ENUM_UNAVAILABLE,
    OPERATIONAL_STATUS_ENUM_INOPERATIVE,
    OPERATIONAL_STATUS_ENUM_OPERATIVE,
    ChangeAvailabilityStatusEnum,
    OperationalStatusEnum,
)
from citrine_core.blocks.availability.models import ConnectorState, WantedAvailability

__all__ = ["actual_of", "availability_to_proto", "state_of", "wanted_of"]

Status: TypeAlias = OperationalStatusEnum.ValueType


def wanted_of(availabilities: Sequence[WantedAvailability], evse_id: int, connector_id: int) -> Status | None:
    """Return the status wanted for a connector by the requests for it, its EVSE and its station; None if none.

    Args:
        availabilities: Wanted availabilities of its station.
        evse_id: Its EVSE.
        connector_id: Its number.
    """
    of_it = {(0, 0), (evse_id, 0), (evse_id, connector_id)}
    wanted = {
        availability.wanted
        for availability in availabilities
        if (availability.evse_id, availability.connector_id) in of_it
    }
    if not wanted:
        return None
    if OPERATIONAL_STATUS_ENUM_INOPERATIVE in wanted:
        return OPERATIONAL_STATUS_ENUM_INOPERATIVE
    return OPERATIONAL_STATUS_ENUM_OPERATIVE


def actual_of(connectors: Sequence[ConnectorState]) -> Status | None:
    """Return Operative if any of the connectors is in service; None if all are faulted or none is known."""
    known = [each for each in connectors if each.status != CONNECTOR_STATUS_ENUM_FAULTED]
    if not known:
        return None
    if all(each.status == CONNECTOR_STATUS_ENUM_UNAVAILABLE for each in known):
        return OPERATIONAL_STATUS_ENUM_INOPERATIVE
    return OPERATIONAL_STATUS_ENUM_OPERATIVE


def state_of(
    availability: WantedAvailability,
    availabilities: Sequence[WantedAvailability],
    connectors: Sequence[ConnectorState],
    boot_time: datetime | None,
) -> pb.AvailabilityState.ValueType:
    """Return whether the reported statuses agree with a wanted availability.

    Args:
        availability: The wanted availability.
        availabilities: All wanted availabilities of the station.
        connectors: The connectors that the station reported.
        boot_time: When the station last booted.
    """
    if availability.answer not in (CHANGE_AVAILABILITY_STATUS_ENUM_ACCEPTED, CHANGE_AVAILABILITY_STATUS_ENUM_SCHEDULED):
        return pb.AVAILABILITY_STATE_REFUSED
    others = [each for each in _within(availability, connectors) if _contradicts(availability, availabilities, each)]
    if availability.answer == CHANGE_AVAILABILITY_STATUS_ENUM_ACCEPTED:
        # Reports from before the change are irrelevant.
        since = availability.answer_time
    elif boot_time is None or boot_time <= availability.answer_time:
        return pb.AVAILABILITY_STATE_SCHEDULED if others else pb.AVAILABILITY_STATE_REACHED
    else:
        since = boot_time
    if any(each.order_time > since for each in others):
        return pb.AVAILABILITY_STATE_DIFFERS
    return pb.AVAILABILITY_STATE_REACHED


def availability_to_proto(
    availability: WantedAvailability,
    availabilities: Sequence[WantedAvailability],
    connectors: Sequence[ConnectorState],
    boot_times: Mapping[str, datetime | None],
) -> pb.Availability:
    """Return a wanted availability as the API shows it; `availabilities` and `connectors` are of its station."""
    shown = pb.Availability(
        station_id=availability.station_id,
        evse_id=availability.evse_id,
        connector_id=availability.connector_id,
        wanted=OperationalStatusEnum.ValueType(availability.wanted),
        actual=actual_of(_within(availability, connectors)),
        state=state_of(availability, availabilities, connectors, boot_times.get(availability.station_id)),
        problem=availability.problem,
        command_id=availability.command_id,
    )
    if availability.answer is not None:
        shown.answer = ChangeAvailabilityStatusEnum.ValueType(availability.answer)
    shown.answer_time.FromDatetime(availability.answer_time)
    return shown


def _within(availability: WantedAvailability, connectors: Sequence[ConnectorState]) -> list[ConnectorState]:
    found = [
        each
        for each in connectors
        if availability.evse_id in (0, each.evse_id) and availability.connector_id in (0, each.connector_id)
    ]
    # A report on a whole EVSE or station counts only if the station reported none of its connectors.
    plugs = [each for each in found if each.connector_id > 0]
    return plugs or [
        each for each in found if (each.evse_id, each.connector_id) == (availability.evse_id, availability.connector_id)
    ]


def _contradicts(
    availability: WantedAvailability, availabilities: Sequence[WantedAvailability], connector: ConnectorState
) -> bool:
    actual = actual_of([connector])
    if actual is None or actual == availability.wanted:
        return False
    # A connector may be out of service by a request for itself, its EVSE or its station.
    return actual == OPERATIONAL_STATUS_ENUM_OPERATIVE or (
        wanted_of(availabilities, connector.evse_id, connector.connector_id) == OPERATIONAL_STATUS_ENUM_OPERATIVE
    )
