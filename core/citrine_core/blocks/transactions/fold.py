"""How events become the state of their transaction: a fold in the order of sequence numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from citrine.ocpp.v2.transactions_pb2 import (
    ReasonEnum,
    TransactionEventEnum,
    TransactionEventRequest,
    TriggerReasonEnum,
)
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_core.blocks.meter_values import (
    Measured,
    RegisterReading,
    SampleRow,
    digest_of,
    measured,
    sample_rows,
)
from citrine_core.blocks.transactions.other_energy import (
    follow_exports,
    follow_intervals,
    reckon_exports,
    reckon_without_register,
)
from citrine_core.blocks.transactions.reading_fold import follow_readings, reckon_readings
from citrine_core.resources.tokens import lookup_of
from citrine_core.times import to_datetime

__all__ = ["Occurrence", "TransactionState", "apply", "fold"]

_STARTED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED
_UPDATED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_UPDATED
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
"""Why a transaction ended whose end names no reason, by its trigger."""

_RANKS = {int(_STARTED): 0, int(_UPDATED): 1, int(_ENDED): 2}
"""Order of events that have sequence number and time in common."""

Order = tuple[int, datetime, int, int]


@dataclass(slots=True)
class Occurrence:
    """One event of a transaction, ready to be stored and folded."""

    tenant_id: str
    station_id: str
    transaction_id: str
    seq_no: int
    event_type: int
    event_time: datetime
    digest: int
    content: bytes
    """The request without `offline`, serialised."""
    offline: bool | None
    request: TransactionEventRequest
    token_status: int | None = None
    """Status that the request's id_token was answered."""
    samples: list[SampleRow] = field(default_factory=list)
    energies: Sequence[tuple[datetime, float]] = ()
    """Times of its register readings, and the transaction's energy in Wh up to them."""
    receive_time: datetime | None = None
    """When the edge read it."""
    late: bool = False
    """It came after its transaction was settled, and is not part of it."""

    @classmethod
    def of(cls, tenant_id: str, station_id: str, request: TransactionEventRequest) -> "Occurrence":
        """Return what a station says in one TransactionEvent."""
        offline = request.offline if request.HasField("offline") else None
        if offline is None:
            content = request.SerializeToString(deterministic=True)
        else:
            # Taken out and put back at once, which is cheaper than a copy of all meter values.
            request.ClearField("offline")
            content = request.SerializeToString(deterministic=True)
            request.offline = offline
        return cls._of(tenant_id, station_id, request, content, offline)

    @classmethod
    def stored(
        cls,
        tenant_id: str,
        station_id: str,
        content: bytes,
        offline: bool | None,
        token_status: int | None,
        transaction_id: str = "",
    ) -> "Occurrence":
        """Return an event as it was stored, of the transaction that is named, else of the one that it names."""
        occurrence = cls._of(tenant_id, station_id, TransactionEventRequest.FromString(content), content, offline)
        occurrence.transaction_id = transaction_id or occurrence.transaction_id
        occurrence.token_status = token_status
        return occurrence

    @classmethod
    def _of(
        cls, tenant_id: str, station_id: str, request: TransactionEventRequest, content: bytes, offline: bool | None
    ) -> "Occurrence":
        return cls(
            tenant_id,
            station_id,
            request.transaction_info.transaction_id,
            request.seq_no,
            request.event_type,
            to_datetime(request.timestamp),
            digest_of(content),
            content,
            offline,
            request,
        )

    @property
    def order(self) -> Order:
        """What puts the events of a transaction in order, the same however they arrived."""
        return (self.seq_no, self.event_time, _RANKS.get(self.event_type, 1), self.digest)

    def measure(self) -> Measured:
        """Take the samples out of the request and return what they say."""
        request = self.request
        if not request.meter_value:
            return Measured()
        has_evse = request.HasField("evse") and request.evse.id > 0
        self.samples = sample_rows(
            self.tenant_id,
            self.station_id,
            self.digest,
            request.meter_value,
            evse_id=request.evse.id if has_evse else None,
            connector_id=request.evse.connector_id if has_evse and request.evse.HasField("connector_id") else None,
            transaction_id=self.transaction_id,
            seq_no=self.seq_no,
        )
        return measured(self.samples)


@dataclass(slots=True)
class TransactionState:
    """A row of `transactions`; the fields are its columns."""

    tenant_id: str
    station_id: str
    transaction_id: str
    sequence: int
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: str | None = None
    id_token_type: str | None = None
    id_token_lookup: str | None = None
    id_token_status: int | None = None
    charging_state: int | None = None
    power_w: float | None = None
    soc_percent: float | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    stopped_reason: int | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    offline: bool = False
    energy_wh: float | None = None
    meter_start_wh: float | None = None
    meter_last_wh: float | None = None
    meter_last_time: datetime | None = None
    meter_base_wh: float | None = None
    meter_before_wh: float = 0.0
    meter_began: bool = False
    events: int = 0
    seq_nos: int = 0
    first_seq_no: int = -1
    last_seq_no: int = -1
    last_event_time: datetime | None = None
    last_event_type: int = 0
    last_digest: int = 0
    first_sample_time: datetime | None = None
    last_sample_time: datetime | None = None
    orphaned: bool = False
    total_cost: float | None = None
    update_time: datetime | None = None
    start_trigger: int | None = None
    end_trigger: int | None = None
    stop_id_token: str | None = None
    stop_id_token_type: str | None = None
    closed_time: datetime | None = None
    time_spent_charging: int | None = None
    number_of_phases_used: int | None = None
    cable_max_current: int | None = None
    clock_skew_ms: int | None = None
    limit_untold: bool = False
    reported_id: str | None = None
    lives: int | None = None
    late_events: int | None = None
    over_time: datetime | None = None
    settle_time: datetime | None = None
    settlement: int | None = None
    settle_due_time: datetime | None = None
    reopening: int | None = None
    register_state: bytes | None = None
    power_limit_w: float | None = None
    exported_wh: float | None = None
    export_last_wh: float | None = None
    export_last_time: datetime | None = None
    anomalies: bytes | None = None

    @property
    def missing(self) -> int:
        """How many events are missing, as far as sequence numbers and the lack of a beginning tell."""
        gaps = self.last_seq_no - self.first_seq_no + 1 - self.seq_nos if self.events else 0
        return gaps + (self.start_time is None)

    @property
    def last_order(self) -> Order | None:
        """The order of the last event, or None before the first."""
        if self.last_event_time is None:
            return None
        return (self.last_seq_no, self.last_event_time, _RANKS.get(self.last_event_type, 1), self.last_digest)


_NOT_OF_EVENTS = (
    "reported_id",
    "lives",
    "late_events",
    "settle_time",
    "settlement",
    "settle_due_time",
    "reopening",
    "anomalies",
    "power_limit_w",
)
"""What does not come from events."""


def fold(state: TransactionState, occurrences: Iterable[Occurrence]) -> TransactionState:
    """Return what all events of a transaction say, from the first on.

    Args:
        state: The state so far. What does not come from events is taken over from it.
        occurrences: All events, each once, in any order.
    """
    fresh = TransactionState(
        state.tenant_id, state.station_id, state.transaction_id, state.sequence, total_cost=state.total_cost
    )
    fresh.clock_skew_ms, fresh.limit_untold = state.clock_skew_ms, state.limit_untold
    for name in _NOT_OF_EVENTS:
        setattr(fresh, name, getattr(state, name))
    taken: list[tuple[Occurrence, RegisterReading]] = []
    exports: list[tuple[Occurrence, RegisterReading]] = []
    intervals: list[tuple[Occurrence, RegisterReading]] = []
    last: Occurrence | None = None
    for occurrence in sorted(occurrences, key=lambda occurrence: occurrence.order):
        is_over = fresh.end_time is not None
        values = _apply(fresh, occurrence)
        occurrence.energies = ()
        if not is_over or not taken:
            taken += [(occurrence, reading) for reading in values.registers]
        if not is_over:
            exports += [(occurrence, reading) for reading in values.exports]
            intervals += [(occurrence, reading) for reading in values.intervals]
            last = occurrence
    if reckon_readings(fresh, taken, state.register_state) < 2:
        reckon_without_register(fresh, intervals, last)
    if exports:
        reckon_exports(fresh, exports)
    return fresh


def apply(state: TransactionState, occurrence: Occurrence) -> bool:
    """Take in the event that comes next in order; return False where all are to be folded anew to know the energy."""
    is_over = state.end_time is not None
    values = _apply(state, occurrence)
    if is_over and state.meter_last_wh is not None:
        return True
    if values.exports and not follow_exports(state, values.exports):
        return False
    energies: list[tuple[datetime, float]] | None = []
    if values.registers:
        energies = follow_readings(state, values.registers)
    elif values.intervals:
        energies = follow_intervals(state, values.intervals)
    if energies is None:
        return False
    occurrence.energies = energies
    # At the end nothing more comes that could tell the energy.
    return state.end_time is None or is_over or bool(state.energy_wh)


def _apply(state: TransactionState, occurrence: Occurrence) -> Measured:
    request = occurrence.request
    # Ended is final: what comes behind it in order says nothing of how charging went on.
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
    if info.stopped_reason and state.stopped_reason is None:
        state.stopped_reason = info.stopped_reason
    elif state.end_time is not None and state.stopped_reason is None:
        # E06.FR.09: who says nothing says Local, unless the trigger tells more.
        state.stopped_reason = _REASONS.get(request.trigger_reason, _LOCAL)
    return values


def _apply_numbers(state: TransactionState, occurrence: Occurrence) -> None:
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
    # Whoever reports on a transaction has not forgotten it.
    state.orphaned, state.closed_time, state.over_time = False, None, None


def _apply_identity(state: TransactionState, occurrence: Occurrence) -> None:
    request = occurrence.request
    # 0 is the station itself, and below is nothing: neither says anything of the EVSE that is in use.
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
    # E07.FR.02: the token that stops may be another one of the same group.
    if request.HasField("id_token") and request.trigger_reason != _STOP_AUTHORIZED:
        is_better = state.id_token_status != _ACCEPTED and occurrence.token_status == _ACCEPTED
        if state.id_token is None or is_better:
            state.id_token = request.id_token.id_token
            state.id_token_type = request.id_token.type
            state.id_token_lookup = lookup_of(request.id_token.id_token, request.id_token.type)
            state.id_token_status = occurrence.token_status
    if request.HasField("id_token") and request.trigger_reason == _STOP_AUTHORIZED:
        state.stop_id_token, state.stop_id_token_type = request.id_token.id_token, request.id_token.type


def _apply_details(state: TransactionState, request: TransactionEventRequest) -> None:
    info = request.transaction_info
    if info.HasField("time_spent_charging"):
        state.time_spent_charging = info.time_spent_charging
    if request.HasField("number_of_phases_used"):
        state.number_of_phases_used = request.number_of_phases_used
    if request.HasField("cable_max_current"):
        state.cable_max_current = request.cable_max_current


def _apply_sample_times(state: TransactionState, values: Measured) -> None:
    if values.first_time is None or values.last_time is None:
        return
    if state.first_sample_time is None or values.first_time < state.first_sample_time:
        state.first_sample_time = values.first_time
    if state.last_sample_time is None or values.last_time > state.last_sample_time:
        state.last_sample_time = values.last_time
