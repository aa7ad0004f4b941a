"""Folds one event, except its readings, into its transaction: token, EVSE, times and states."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from citrine.ocpp.v2.transactions_pb2 import (
    ReasonEnum,
    TransactionEventEnum,
    TransactionEventRequest,
    TriggerReasonEnum,
)
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_core.blocks.meter_values import Measured
from citrine_core.resources.tokens import lookup_of

if TYPE_CHECKING:
    from citrine_core.blocks.transactions.fold import Occurrence, TransactionState

__all__ = ["apply_event", "note_event", "stops_by_token"]

_STARTED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED
_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED
_STOP_AUTHORIZED = TriggerReasonEnum.TRIGGER_REASON_ENUM_STOP_AUTHORIZED
_ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED

_LOCAL = int(ReasonEnum.REASON_ENUM_LOCAL)

_REASONS: Mapping[int, int] = {
    TriggerReasonEnum.TRIGGER_REASON_ENUM_DEAUTHORIZED: ReasonEnum.REASON_ENUM_DE_AUTHORIZED,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_ENERGY_LIMIT_REACHED: ReasonEnum.REASON_ENUM_ENERGY_LIMIT_REACHED,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_EV_COMMUNICATION_LOST: ReasonEnum.REASON_ENUM_EV_DISCONNECTED,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_EV_DEPARTED: ReasonEnum.REASON_ENUM_EV_DISCONNECTED,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_EV_CONNECT_TIMEOUT: ReasonEnum.REASON_ENUM_TIMEOUT,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_TIME_LIMIT_REACHED: ReasonEnum.REASON_ENUM_TIME_LIMIT_REACHED,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_SOC_LIMIT_REACHED: ReasonEnum.REASON_ENUM_SOC_LIMIT_REACHED,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_REMOTE_STOP: ReasonEnum.REASON_ENUM_REMOTE,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_ABNORMAL_CONDITION: ReasonEnum.REASON_ENUM_OTHER,
    TriggerReasonEnum.TRIGGER_REASON_ENUM_RESET_COMMAND: ReasonEnum.REASON_ENUM_IMMEDIATE_RESET,
}
"""Reasons of ends that name none, by their trigger."""


def apply_event(state: "TransactionState", occurrence: "Occurrence") -> Measured:
    """Fold the next event in order; return its measured values, which are not folded here."""
    request = occurrence.request
    # Ended is final. Later events in order do not change how charging went on.
    is_over = state.end_time is not None
    _apply_numbers(state, occurrence)
    _apply_identity(state, occurrence)
    values = occurrence.measure()
    _apply_sample_times(state, values)
    if values.power_w is not None and (not is_over or state.power_w is None):
        state.power_w = values.power_w
    if values.soc_percent is not None and (not is_over or state.soc_percent is None):
        state.soc_percent = values.soc_percent
    info = request.transaction_info
    if info.charging_state and (not is_over or state.charging_state is None):
        state.charging_state = info.charging_state
    _apply_details(state, request)
    if occurrence.event_type == _STARTED and state.start_time is None:
        state.start_time, state.start_trigger = occurrence.event_time, request.trigger_reason
    if occurrence.event_type == _ENDED and not is_over:
        state.end_time, state.end_trigger = occurrence.event_time, request.trigger_reason
        if state.unnumbered:
            # The last state came from the connector, and no end of such a station says another one.
            state.charging_state = info.charging_state or None
    if info.stopped_reason and state.stopped_reason is None:
        state.stopped_reason = info.stopped_reason
    elif state.end_time is not None and state.stopped_reason is None:
        # E06.FR.09: an omitted reason means Local, unless the trigger implies another one.
        state.stopped_reason = _REASONS.get(request.trigger_reason, _LOCAL)
    return values


def note_event(state: "TransactionState", occurrence: "Occurrence", *, is_new_number: bool) -> None:
    """Count a deferred event, which is stored now and folded later.

    The counts are exact. Token and EVSE are set only if they are unknown; the refold corrects them.

    Args:
        state: The transaction, which has events.
        occurrence: The event, without its samples.
        is_new_number: Whether no other stored event has its sequence number.
    """
    last = state.last_order
    state.events += 1
    state.seq_nos += is_new_number
    state.first_seq_no = min(state.first_seq_no, occurrence.seq_no)
    if last is None or occurrence.order > last:
        state.last_seq_no = occurrence.seq_no
        state.last_event_time = occurrence.event_time
        state.last_event_type = occurrence.event_type
        state.last_digest = occurrence.digest
    state.offline = state.offline or bool(occurrence.offline)
    state.orphaned, state.closed_time, state.over_time = False, None, None
    evse_id, connector_id = state.evse_id, state.connector_id
    _apply_identity(state, occurrence)
    if evse_id is not None:
        state.evse_id, state.connector_id = evse_id, connector_id
    _apply_sample_times(state, occurrence.measure())


def _apply_numbers(state: "TransactionState", occurrence: "Occurrence") -> None:
    if state.events == 0:
        state.first_seq_no = occurrence.seq_no
    if state.events == 0 or occurrence.seq_no != state.last_seq_no:
        state.seq_nos += 1
    state.events += 1
    state.last_seq_no = occurrence.seq_no
    state.last_event_time = occurrence.event_time
    state.last_event_type = occurrence.event_type
    state.last_digest = occurrence.digest
    state.offline = state.offline or bool(occurrence.offline)
    # A station that reports on a transaction has not forgotten it.
    state.orphaned, state.closed_time, state.over_time = False, None, None


def _apply_identity(state: "TransactionState", occurrence: "Occurrence") -> None:
    request = occurrence.request
    # 0 is the station itself, and negative ids are invalid. Neither identifies the EVSE in use.
    if request.HasField("evse") and request.evse.id > 0:
        evse = request.evse
        if state.evse_id != evse.id:
            state.evse_id, state.connector_id = evse.id, None
        if evse.HasField("connector_id") and evse.connector_id > 0:
            state.connector_id = evse.connector_id
    info = request.transaction_info
    if state.remote_start_id is None and info.HasField("remote_start_id"):
        state.remote_start_id = info.remote_start_id
    if state.reservation_id is None and request.HasField("reservation_id"):
        state.reservation_id = request.reservation_id
    if not request.HasField("id_token"):
        return
    # E07.FR.02: the token that stops the transaction may be another one of the same group.
    if not stops_by_token(request, unnumbered=state.unnumbered):
        is_better = state.id_token_status != _ACCEPTED and occurrence.token_status == _ACCEPTED
        if state.id_token is None or is_better:
            state.id_token = request.id_token.id_token
            state.id_token_type = request.id_token.type
            state.id_token_lookup = lookup_of(request.id_token.id_token, request.id_token.type)
            state.id_token_status, state.group_id = occurrence.token_status, occurrence.group_id
            state.token_owner = occurrence.token_owner
    else:
        state.stop_id_token, state.stop_id_token_type = request.id_token.id_token, request.id_token.type


def stops_by_token(request: TransactionEventRequest, *, unnumbered: bool) -> bool:
    """Return whether the token in an event is that of who stopped the transaction.

    Where events are not numbered, an end has no other token: it does not repeat that of the transaction.
    """
    return request.trigger_reason == _STOP_AUTHORIZED or (unnumbered and request.event_type == _ENDED)


def _apply_details(state: "TransactionState", request: TransactionEventRequest) -> None:
    info = request.transaction_info
    if info.HasField("time_spent_charging"):
        state.time_spent_charging = info.time_spent_charging
    if request.HasField("number_of_phases_used"):
        state.number_of_phases_used = request.number_of_phases_used
    if request.HasField("cable_max_current"):
        state.cable_max_current = request.cable_max_current


def _apply_sample_times(state: "TransactionState", values: Measured) -> None:
    if values.first_time is None or values.last_time is None:
        return
    if state.first_sample_time is None or values.first_time < state.first_sample_time:
        state.first_sample_time = values.first_time
    if state.last_sample_time is None or values.last_time > state.last_sample_time:
        state.last_sample_time = values.last_time
