"""Observes details of connectors and starts of transactions, and makes events of the charging states in between."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
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
from citrine_core.blocks.availability.queries import find_available_times, find_detail
from citrine_core.blocks.transactions.charging_states.repository import (
    EarlyStateRepository,
    EarlyStateRow,
    OpenAtEVSE,
    find_open_unnumbered,
)
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call

__all__ = ["ChargingStates"]

Events = Callable[[UnitOfWork, Sequence[Call[TransactionEventRequest]]], Awaitable[object]]
"""Handles events of transactions of one tenant."""

_UNNUMBERED = Supplement(unnumbered=True)
_UPDATED = 1
"""seq_no of unnumbered updates."""

_FOREVER = datetime.max.replace(tzinfo=UTC)

_STATES: Mapping[int, ChargingStateEnum.ValueType] = {
    ConnectorDetail.STATE_CHARGING: ChargingStateEnum.CHARGING_STATE_ENUM_CHARGING,
    ConnectorDetail.STATE_SUSPENDED_EV: ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EV,
    ConnectorDetail.STATE_SUSPENDED_EVSE: ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EVSE,
}
"""Charging states by the detail of a connector. Other details say nothing of a transaction."""


class ChargingStates:
    """Makes an event of each connector's detail that changes the charging state of the transaction there.

    So energy, idle time and events of these transactions are as of those whose stations report the state in events,
    in whichever order start and statuses arrive.

    Args:
        events: The handler of events.
    """

    def __init__(self, events: Events) -> None:
        self._events = events

    async def observe(self, work: UnitOfWork, calls: Sequence[Call[Any]]) -> None:
        """Receive statuses of connectors, and starts.

        Makes no query for statuses without such a detail, and for starts of stations that report the state in events.
        """
        kind, events = type(calls[0].message), []
        if kind is StatusNotificationRequest and (reports := [call for call in calls if _state_of(call)]):
            events = await _of_reports(work, reports)
        elif kind is TransactionEventRequest and (starts := [call for call in calls if _begins(call)]):
            events = await _of_starts(work, starts)
        if events:
            await self._events(work, events)


async def _of_reports(
    work: UnitOfWork, reports: Sequence[Call[StatusNotificationRequest]]
) -> list[Call[TransactionEventRequest]]:
    """Return events of the open transactions at connectors, and store what is of none."""
    tenant_id = reports[0].tenant_id
    places = {(call.station_id, call.message.evse_id) for call in reports}
    found = await find_open_unnumbered(work.session, tenant_id, places)
    by_place = {(one.station_id, one.evse_id): one for one in found}
    events, early = [], set[EarlyStateRow]()
    for call in reports:
        state = EarlyStateRow(
            tenant_id,
            call.station_id,
            call.message.evse_id,
            call.message.timestamp.ToDatetime(UTC) if call.message.HasField("timestamp") else call.receive_time,
            _state_of(call) or 0,
            call.message.connector_id,
            call.receive_time,
        )
        transaction = by_place.get((call.station_id, call.message.evse_id))
        if transaction is not None and _is_since(transaction, state.status_time):
            events.append(_event(call, state, transaction.transaction_id, state.status_time))
        elif state.evse_id:
            early.add(state)
    if early:
        await EarlyStateRepository(work.session).add(early)
    return events


async def _of_starts(
    work: UnitOfWork, starts: Sequence[Call[TransactionEventRequest]]
) -> list[Call[TransactionEventRequest]]:
    """Return events of what the connectors of new transactions reported before these were known."""
    tenant_id, repository = starts[0].tenant_id, EarlyStateRepository(work.session)
    stored = await repository.find(tenant_id, {(call.station_id, call.message.evse.id) for call in starts})
    by_place: dict[tuple[str, int], list[EarlyStateRow]] = {}
    for row in stored:
        by_place.setdefault((row.station_id, row.evse_id), []).append(row)
    events: list[Call[TransactionEventRequest]] = []
    for call in starts:
        place = call.station_id, call.message.evse.id
        if not (here := by_place.get(place)):
            continue
        start = call.message.timestamp.ToDatetime(UTC)
        free = await find_available_times(work.session, tenant_id, *place, start)
        # What follows an Available is of a later transaction.
        until = min((one for one in free if one > start), default=_FOREVER)
        before = [row for row in here if row.status_time < start]
        during = [row for row in here if start <= row.status_time < until]
        transaction_id = call.message.transaction_info.transaction_id
        if before and await _holds(work, before[-1], start):
            # It counts from the start, and no earlier: only the start makes it known.
            state = before[-1]._replace(receive_time=call.receive_time)
            events.append(_event(call, state, transaction_id, start))
        events += [_event(call, row, transaction_id, row.status_time) for row in during]
        if used := before + during:
            await repository.remove(tenant_id, place, used[-1].status_time)
            by_place[place] = here[len(used) :]
    return events


async def _holds(work: UnitOfWork, state: EarlyStateRow, start: datetime) -> bool:
    """Return whether an EVSE that reported a state before a transaction has reported nothing else until its start."""
    found = await find_detail(work.session, state.tenant_id, state.station_id, state.evse_id, state.connector_id)
    if found is None:
        return False
    detail, time = found
    return _STATES.get(detail.state) == state.charging_state and time <= start


def _state_of(call: Call[StatusNotificationRequest]) -> "ChargingStateEnum.ValueType | None":
    return None if call.supplement is None else _STATES.get(call.supplement.connector_detail.state)


def _begins(call: Call[TransactionEventRequest]) -> bool:
    return call.supplement is not None and call.supplement.wants_transaction_number and call.message.evse.id > 0


def _is_since(transaction: OpenAtEVSE, time: datetime) -> bool:
    return transaction.start_time is None or time >= transaction.start_time


def _event(call: Call[Any], state: EarlyStateRow, transaction_id: str, time: datetime) -> Call[TransactionEventRequest]:
    """Return the event that a state implies for a transaction; `call` is what made it known."""
    message = TransactionEventRequest(
        event_type=TransactionEventEnum.TRANSACTION_EVENT_ENUM_UPDATED,
        trigger_reason=TriggerReasonEnum.TRIGGER_REASON_ENUM_CHARGING_STATE_CHANGED,
        seq_no=_UPDATED,
        transaction_info=Transaction(
            transaction_id=transaction_id, charging_state=ChargingStateEnum.ValueType(state.charging_state)
        ),
        evse=EVSE(id=state.evse_id, connector_id=state.connector_id),
    )
    message.timestamp.FromDatetime(time)
    return Call(
        call.tenant_id,
        call.station_id,
        call.epoch,
        call.message_id,
        message,
        state.receive_time,
        supplement=_UNNUMBERED,
    )
