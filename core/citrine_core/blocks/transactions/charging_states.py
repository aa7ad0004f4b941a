"""Charging states of transactions whose stations report them by the detail of the connector, not by events."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC
from typing import Any

from citrine.edge.v1.link_pb2 import ConnectorDetail, Supplement
from citrine.ocpp.v2.availability_pb2 import StatusNotificationRequest
from citrine.ocpp.v2.transactions_pb2 import (
    ChargingStateEnum,
    Transaction,
    TransactionEventEnum,
    TransactionEventRequest,
    TriggerReasonEnum,
)
from citrine.ocpp.v2.types_pb2 import EVSE
from citrine_core.blocks.transactions.queries import OpenAtEVSE, find_open_unnumbered
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call

__all__ = ["ChargingStates"]

Events = Callable[[UnitOfWork, Sequence[Call[TransactionEventRequest]]], Awaitable[object]]
"""Handles events of transactions of one tenant."""

_UNNUMBERED = Supplement(unnumbered=True)
_UPDATED = 1
"""seq_no of unnumbered updates."""

_STATES: Mapping[int, ChargingStateEnum.ValueType] = {
    ConnectorDetail.STATE_CHARGING: ChargingStateEnum.CHARGING_STATE_ENUM_CHARGING,
    ConnectorDetail.STATE_SUSPENDED_EV: ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EV,
    ConnectorDetail.STATE_SUSPENDED_EVSE: ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EVSE,
}
"""Charging states by the detail of a connector. Other details say nothing of a transaction."""


class ChargingStates:
    """Makes an event of each connector's detail that changes the charging state of the transaction there.

    So energy, idle time and events of these transactions are as of those whose stations report the state in events.

    Args:
        events: The handler of events.
    """

    def __init__(self, events: Events) -> None:
        self._events = events

    async def observe(self, work: UnitOfWork, calls: Sequence[Call[Any]]) -> None:
        """Receive statuses of connectors. Makes no query if none has such a detail."""
        if type(calls[0].message) is not StatusNotificationRequest:
            return
        reports = [call for call in calls if _state_of(call)]
        if not reports:
            return
        places = {(call.station_id, call.message.evse_id) for call in reports}
        found = await find_open_unnumbered(work.session, calls[0].tenant_id, places)
        by_place = {(one.station_id, one.evse_id): one for one in found}
        events = []
        for call in reports:
            place = call.station_id, call.message.evse_id
            event = _event(call, by_place[place]) if place in by_place else None
            if event is not None:
                events.append(event)
        if events:
            await self._events(work, events)


def _state_of(call: Call[StatusNotificationRequest]) -> "ChargingStateEnum.ValueType | None":
    return None if call.supplement is None else _STATES.get(call.supplement.connector_detail.state)


def _event(call: Call[StatusNotificationRequest], transaction: OpenAtEVSE) -> Call[TransactionEventRequest] | None:
    """Return the event that a status implies for a transaction; None if it is from before its beginning."""
    status = call.message
    time = status.timestamp.ToDatetime(UTC) if status.HasField("timestamp") else call.receive_time
    if transaction.start_time is not None and time < transaction.start_time:
        return None
    message = TransactionEventRequest(
        event_type=TransactionEventEnum.TRANSACTION_EVENT_ENUM_UPDATED,
        trigger_reason=TriggerReasonEnum.TRIGGER_REASON_ENUM_CHARGING_STATE_CHANGED,
        seq_no=_UPDATED,
        transaction_info=Transaction(transaction_id=transaction.transaction_id, charging_state=_state_of(call)),
        evse=EVSE(id=status.evse_id, connector_id=status.connector_id),
    )
    message.timestamp.FromDatetime(time)
    return Call(
        call.tenant_id,
        call.station_id,
        call.epoch,
        call.message_id,
        message,
        call.receive_time,
        supplement=_UNNUMBERED,
    )
