"""The fold of events, in the order of sequence numbers, into the state of their transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum, TransactionEventRequest
from citrine_core.blocks.meter_values import (
    Measured,
    RegisterReading,
    SampleRow,
    digest_of,
    measured,
    sample_rows,
)
from citrine_core.blocks.transactions.event_fold import apply_event
from citrine_core.blocks.transactions.other_energy import (
    follow_exports,
    follow_intervals,
    reckon_exports,
    reckon_without_register,
)
from citrine_core.blocks.transactions.reading_fold import follow_readings, reckon_readings
from citrine_core.steps import Steps, in_one_go
from citrine_core.times import to_datetime

__all__ = ["Occurrence", "TransactionState", "apply", "fold", "fold_in_steps"]

_STARTED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED
_UPDATED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_UPDATED
_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RANKS = {int(_STARTED): 0, int(_UPDATED): 1, int(_ENDED): 2}
"""Order of events with the same sequence number and time."""

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
    """The serialised request, without `offline`."""
    offline: bool | None
    request: TransactionEventRequest
    token_status: int | None = None
    """Status in the answer for the request's id_token."""
    group_id: str | None = None
    """Group in the same answer."""
    token_owner: bytes | None = None
    """Whose that token was. None: not known, as with events that were stored before."""
    samples: list[SampleRow] = field(default_factory=list)
    energies: Sequence[tuple[datetime, float]] = ()
    """Times of its register readings, and the transaction's energy in Wh up to each."""
    receive_time: datetime | None = None
    """When the edge read it."""
    late: bool = False
    """Whether it arrived after its transaction was settled, and is therefore not part of it."""

    @classmethod
    def of(cls, tenant_id: str, station_id: str, request: TransactionEventRequest) -> "Occurrence":
        """Return the occurrence of one TransactionEvent of a station."""
        offline = request.offline if request.HasField("offline") else None
        if offline is None:
            content = request.SerializeToString(deterministic=True)
        else:
            # The field is removed and restored, which is cheaper than a copy of all meter values.
            request.ClearField("offline")
            content = request.SerializeToString(deterministic=True)
            request.offline = offline
        return cls._of(tenant_id, station_id, request, content, offline)

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
        """Sort key of the events of a transaction, which does not depend on their arrival.

        Unnumbered events have their phase as seq_no (0, 1, 2), so that they are ordered by that and then by time.
        """
        return (self.seq_no, self.event_time, _RANKS.get(self.event_type, 1), self.digest)

    def replace_request(self, request: TransactionEventRequest) -> None:
        """Replace the request by one with more in it. What identifies the event is still what the station said."""
        self.request = request
        self.content = request.SerializeToString(deterministic=True)

    def position(self, *, unnumbered: bool) -> int:
        """Return a number that grows from event to event: seqNo or, of unnumbered ones, microseconds since 1970."""
        return (self.event_time - _EPOCH) // timedelta(microseconds=1) if unnumbered else self.seq_no

    def measure(self) -> Measured:
        """Remove the samples from the request, and return the measured values."""
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
    group_id: str | None = None
    token_owner: bytes | None = None
    charging_state: int | None = None
    power_w: float | None = None
    soc_percent: float | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    stopped_reason: int | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    reference: str | None = None
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
    refold_due_time: datetime | None = None
    events_removed_time: datetime | None = None
    unnumbered: bool = False
    events_month: int = 0

    @property
    def missing(self) -> int:
        """Number of missing events, by gaps in the sequence numbers and a missing beginning.

        0 of unnumbered ones: it is not known.
        """
        if self.unnumbered:
            return 0
        gaps = self.last_seq_no - self.first_seq_no + 1 - self.seq_nos if self.events else 0
        return gaps + (self.start_time is None)

    @property
    def token_key(self) -> tuple[str | None, str | None]:
        """Normalised spelling and type of its token."""
        return self.id_token_lookup, self.id_token_type

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
    "refold_due_time",
    "events_removed_time",
    "unnumbered",
    "events_month",
)
"""Columns that are not derived from events."""


def fold(state: TransactionState, occurrences: Iterable[Occurrence]) -> TransactionState:
    """Return the state of a transaction, folded from all its events.

    Args:
        state: The state so far. Columns that are not derived from events are copied from it.
        occurrences: All events, each once, in any order.
    """
    return in_one_go(fold_in_steps(state, occurrences))


def fold_in_steps(state: TransactionState, occurrences: Iterable[Occurrence]) -> Steps[TransactionState]:
    """Do the same in small steps, between which the event loop may run other tasks."""
    fresh = TransactionState(
        state.tenant_id, state.station_id, state.transaction_id, state.sequence, total_cost=state.total_cost
    )
    fresh.clock_skew_ms, fresh.limit_untold = state.clock_skew_ms, state.limit_untold
    for name in _NOT_OF_EVENTS:
        setattr(fresh, name, getattr(state, name))
    counted: list[tuple[Occurrence, RegisterReading]] = []
    exports: list[tuple[Occurrence, RegisterReading]] = []
    intervals: list[tuple[Occurrence, RegisterReading]] = []
    last: Occurrence | None = None
    for occurrence in sorted(occurrences, key=lambda occurrence: occurrence.order):
        is_over = fresh.end_time is not None
        values = apply_event(fresh, occurrence)
        occurrence.energies = ()
        if not is_over or not counted:
            counted += [(occurrence, reading) for reading in values.registers]
        if not is_over:
            exports += [(occurrence, reading) for reading in values.exports]
            intervals += [(occurrence, reading) for reading in values.intervals]
            last = occurrence
        yield
    if (yield from reckon_readings(fresh, counted, state.register_state)) < 2:
        reckon_without_register(fresh, intervals, last)
    if exports:
        reckon_exports(fresh, exports)
    if fresh.token_owner is None and fresh.token_key == state.token_key:
        # Stored events don't say it.
        fresh.token_owner = state.token_owner
    return fresh


def apply(state: TransactionState, occurrence: Occurrence) -> bool:
    """Fold the next event in order; return False if only a refold can determine the energy."""
    is_over = state.end_time is not None
    values = apply_event(state, occurrence)
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
    # After the end, no further event can provide the energy.
    return state.end_time is None or is_over or bool(state.energy_wh)
