"""Tables of the transactions."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    and_,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["Transaction", "TransactionEvent"]

_OPEN = text("end_time IS NULL AND closed_time IS NULL")
"""Condition of an open transaction."""

_DUE = text("settle_due_time IS NOT NULL")
_REFOLD_DUE = text("refold_due_time IS NOT NULL")
_SETTLED = text("settle_time IS NOT NULL")
_UNSETTLED = text("settle_time IS NULL")
_SETTLED_WITH_EVENTS = text("settle_time IS NOT NULL AND events_removed_time IS NULL")
_REFERRED = text("reference IS NOT NULL")
_AGAIN = text("reported_id IS NOT NULL")
_OF_MONTH = text("events_month > 0")


class Transaction(Model):
    """One charging transaction: the fold of its events."""

    __tablename__ = "transactions"
    __table_args__ = (
        Index(None, "tenant_id", "transaction_id"),
        Index(None, "tenant_id", "sequence"),
        Index(None, "tenant_id", "station_id", "sequence"),
        Index("ix_transactions_started", "tenant_id", "start_time", "station_id", "transaction_id"),
        PartialIndex(
            "ix_transactions_open",
            "tenant_id",
            "station_id",
            "sequence",
            where=_OPEN,
        ),
        # Lists of all stations, of which few transactions are open or not settled, however many there were.
        PartialIndex("ix_transactions_open_latest", "tenant_id", "sequence", where=_OPEN),
        PartialIndex("ix_transactions_unsettled", "tenant_id", "sequence", where=_UNSETTLED),
        PartialIndex(
            "ix_transactions_settled", "tenant_id", "settle_time", "station_id", "transaction_id", where=_SETTLED
        ),
        Index(None, "tenant_id", "id_token_lookup"),
        PartialIndex("ix_transactions_reference", "tenant_id", "reference", "sequence", where=_REFERRED),
        PartialIndex("ix_transactions_settle_due", "settle_due_time", where=_DUE),
        PartialIndex("ix_transactions_refold_due", "refold_due_time", where=_REFOLD_DUE),
        PartialIndex("ix_transactions_settled_with_events", "settle_time", where=_SETTLED_WITH_EVENTS),
        PartialIndex("ix_transactions_events_month", "events_month", where=_OF_MONTH),
        PartialIndex(
            "ix_transactions_reported",
            "tenant_id",
            "station_id",
            "reported_id",
            where=_AGAIN,
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    """Increases from one stored transaction to the next: microseconds since 1970 of its first event's arrival."""

    evse_id: Mapped[int | None] = mapped_column(Integer)
    connector_id: Mapped[int | None] = mapped_column(Integer)
    id_token: Mapped[str | None] = mapped_column(String(255))
    """Token of the transaction, as the station sent it: the first accepted one, else the first one."""
    id_token_type: Mapped[str | None] = mapped_column(String(20))
    id_token_lookup: Mapped[str | None] = mapped_column(String(255))
    """Normalised id_token for look-ups, the same for all its spellings."""
    id_token_status: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.AuthorizationStatusEnum of the answer for id_token."""
    group_id: Mapped[str | None] = mapped_column(String(255))
    """Group in the answer for id_token. None: there was none."""
    token_owner: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Whose id_token was when it was presented (see pack_owner): it may be deleted, or somebody else's, before it is
    charged. None: the tenant had no such token, or a release of before stored it."""
    charging_state: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.ChargingStateEnum"""
    power_w: Mapped[float | None] = mapped_column(Double)
    soc_percent: Mapped[float | None] = mapped_column(Double)
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    stopped_reason: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.ReasonEnum"""
    start_trigger: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.TriggerReasonEnum of the event that began it."""
    end_trigger: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.TriggerReasonEnum of the event that ended it."""
    stop_id_token: Mapped[str | None] = mapped_column(String(255))
    """Token that stopped it, as the station sent it."""
    stop_id_token_type: Mapped[str | None] = mapped_column(String(20))
    closed_time: Mapped[datetime | None]
    """When it was closed without an end, because its station no longer knows it."""
    time_spent_charging: Mapped[int | None] = mapped_column(Integer)
    """Seconds, as last reported."""
    number_of_phases_used: Mapped[int | None] = mapped_column(Integer)
    cable_max_current: Mapped[int | None] = mapped_column(Integer)
    remote_start_id: Mapped[int | None] = mapped_column(Integer)
    reservation_id: Mapped[int | None] = mapped_column(Integer)
    reference: Mapped[str | None] = mapped_column(String(64))
    """Reference of the caller who had it started. None: there is none."""
    offline: Mapped[bool] = mapped_column(default=False)

    energy_wh: Mapped[float | None] = mapped_column(Double)
    meter_start_wh: Mapped[float | None] = mapped_column(Double)
    meter_last_wh: Mapped[float | None] = mapped_column(Double)
    meter_last_time: Mapped[datetime | None]
    """When meter_last_wh was read."""
    meter_base_wh: Mapped[float | None] = mapped_column(Double)
    """Base of the register: meter_start_wh, or 0 since it restarted."""
    meter_before_wh: Mapped[float] = mapped_column(Double, default=0.0)
    """Energy from before the register restarted."""
    meter_began: Mapped[bool] = mapped_column(default=False)
    """Whether meter_start_wh was reported with the context Transaction.Begin."""

    events: Mapped[int] = mapped_column(Integer)
    """Number of distinct stored events."""
    seq_nos: Mapped[int] = mapped_column(Integer)
    """Number of distinct sequence numbers. Fewer than from the first to the last means a gap."""
    first_seq_no: Mapped[int] = mapped_column(Integer)
    last_seq_no: Mapped[int] = mapped_column(Integer)
    last_event_time: Mapped[datetime]
    """With last_seq_no, last_event_type and last_digest: the last event in order."""
    last_event_type: Mapped[int] = mapped_column(SmallInteger)
    last_digest: Mapped[int] = mapped_column(BigInteger)
    first_sample_time: Mapped[datetime | None]
    """With last_sample_time: range of times of its rows in `samples`."""
    last_sample_time: Mapped[datetime | None]

    clock_skew_ms: Mapped[int | None] = mapped_column(BigInteger)
    """Measured skew of the station's clock, if the transaction is billed by ours. None: billed by the station's."""
    limit_untold: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether its limit must be sent to the station with the next answer."""
    orphaned: Mapped[bool] = mapped_column(default=False)
    total_cost: Mapped[float | None] = mapped_column(Double)
    """The total last sent to the station."""
    update_time: Mapped[datetime]

    reported_id: Mapped[str | None] = mapped_column(String(36))
    """Id of the station, if it reused the id of an earlier transaction. None: transaction_id."""
    lives: Mapped[int | None] = mapped_column(SmallInteger)
    """For the first of several transactions with one id of the station: their number. None: it is the only one, or
    not the first."""
    late_events: Mapped[int | None] = mapped_column(Integer)
    """Number of late events. None: none."""
    over_time: Mapped[datetime | None]
    """Since when other events prove that it is over, although its end has not arrived."""
    settle_time: Mapped[datetime | None]
    """When it was settled; nothing changes it since then. None: more is expected."""
    settlement: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.api.v1.Settlement"""
    settle_due_time: Mapped[datetime | None]
    """When it is settled without the missing events. None: not by time."""
    reopening: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.api.v1.CostCorrection.Reason of its cost once it is settled again. None: it was not reopened."""
    register_state: Mapped[bytes | None] = mapped_column(LargeBinary)
    """RegisterMemory. None: its readings are ordinary."""
    power_limit_w: Mapped[float | None] = mapped_column(Double)
    """Power limit of its EVSE. None: unknown."""
    exported_wh: Mapped[float | None] = mapped_column(Double)
    """Energy that the vehicle gave. None: no export register was read."""
    export_last_wh: Mapped[float | None] = mapped_column(Double)
    export_last_time: Mapped[datetime | None]
    """When export_last_wh was read."""
    anomalies: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Its anomalies. None: none."""
    refold_due_time: Mapped[datetime | None]
    """When it is refolded, because it has deferred events. None: it has none."""
    events_removed_time: Mapped[datetime | None]
    """When its events were removed, some time after it was settled. It is final since then. None: they are stored."""
    unnumbered: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether its station numbers no events: seq_no is 0, 1 or 2, and whether one is missing is not known."""
    events_month: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Month in whose partition its events are, such as 202611: that of `sequence`. 0: they are in that of no month, as
    they are once it waits for longer than others, or its other events were removed."""

    @classmethod
    def is_open(cls) -> ColumnElement[bool]:
        """Return the condition that a transaction is open."""
        return and_(cls.end_time.is_(None), cls.closed_time.is_(None))


class TransactionEvent(Model):
    """One event of a transaction, as the station sent it, with its answer.

    The request is retained in full, with its meter values, although `samples` has the numbers as well. It is the
    record behind each cost, byte for byte what was signed. Samples serve for reading series, and are dropped by month.
    Signed data and customData, which are large, are stored only here.

    On PostgreSQL the table is partitioned by events_month, and months are dropped whose transactions need no events any
    more (ADR 58). An event is in the partition of the month that its transaction names, or in that of none: a core of
    before wrote it there. Within a partition the key is unique without the month. That there is no other copy in
    another one follows from the lock of the transaction, under which both are searched before an event is stored.
    """

    __tablename__ = "transaction_events"

    # A station repeats a message until it is answered, under any message id; and some stations give one seqNo to
    # several messages. What tells two events apart is therefore all that they say.
    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seq_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Of what the station said: `request`, before a token got its type and id."""
    events_month: Mapped[int] = mapped_column(
        Integer, primary_key=True, autoincrement=False, default=0, server_default="0"
    )
    """That of its transaction when it was stored, or 0."""
    event_type: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.TransactionEventEnum"""
    event_time: Mapped[datetime]
    """By the clock of the station."""
    offline: Mapped[bool | None]
    """As sent, or None. Not part of `request`: a message that is resent after an interruption is marked as offline,
    and is still the same message (E11.FR.07)."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.TransactionEventRequest, without `offline`."""
    response: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.TransactionEventResponse."""
    receive_time: Mapped[datetime]
    late: Mapped[bool | None]
    """True: it arrived after the transaction was settled, and is not part of it."""
