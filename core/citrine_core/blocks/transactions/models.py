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
"""What is true of a transaction that is under way, as far as we know."""

_DUE = text("settle_due_time IS NOT NULL")
_REFOLD_DUE = text("refold_due_time IS NOT NULL")
_AGAIN = text("reported_id IS NOT NULL")


class Transaction(Model):
    """One charging transaction: what its events say, taken together."""

    __tablename__ = "transactions"
    __table_args__ = (
        Index(None, "tenant_id", "transaction_id"),
        Index(None, "tenant_id", "sequence"),
        Index(None, "tenant_id", "station_id", "sequence"),
        PartialIndex(
            "ix_transactions_open",
            "tenant_id",
            "station_id",
            "sequence",
            where=_OPEN,
        ),
        Index(None, "tenant_id", "id_token_lookup"),
        PartialIndex("ix_transactions_settle_due", "settle_due_time", where=_DUE),
        PartialIndex("ix_transactions_refold_due", "refold_due_time", where=_REFOLD_DUE),
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
    """Grows from one that was stored to the next: microseconds since 1970 at which it was heard of first."""

    evse_id: Mapped[int | None] = mapped_column(Integer)
    connector_id: Mapped[int | None] = mapped_column(Integer)
    id_token: Mapped[str | None] = mapped_column(String(255))
    """Token that charges, as the station sent it: the first that was accepted, else the first."""
    id_token_type: Mapped[str | None] = mapped_column(String(20))
    id_token_lookup: Mapped[str | None] = mapped_column(String(255))
    """What is the same for all spellings of id_token, to look for."""
    id_token_status: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.AuthorizationStatusEnum that id_token was answered."""
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
    """When we closed it without an end: its station knows nothing more of it."""
    time_spent_charging: Mapped[int | None] = mapped_column(Integer)
    """Seconds, as last reported."""
    number_of_phases_used: Mapped[int | None] = mapped_column(Integer)
    cable_max_current: Mapped[int | None] = mapped_column(Integer)
    remote_start_id: Mapped[int | None] = mapped_column(Integer)
    reservation_id: Mapped[int | None] = mapped_column(Integer)
    offline: Mapped[bool] = mapped_column(default=False)

    energy_wh: Mapped[float | None] = mapped_column(Double)
    meter_start_wh: Mapped[float | None] = mapped_column(Double)
    meter_last_wh: Mapped[float | None] = mapped_column(Double)
    meter_last_time: Mapped[datetime | None]
    """When meter_last_wh was taken."""
    meter_base_wh: Mapped[float | None] = mapped_column(Double)
    """Where the register counts from: meter_start_wh, or 0 since it restarted."""
    meter_before_wh: Mapped[float] = mapped_column(Double, default=0.0)
    """Energy from before the register restarted."""
    meter_began: Mapped[bool] = mapped_column(default=False)
    """True: meter_start_wh was reported as that of the beginning (context Transaction.Begin)."""

    events: Mapped[int] = mapped_column(Integer)
    """Different events stored."""
    seq_nos: Mapped[int] = mapped_column(Integer)
    """Different sequence numbers among them; fewer than from first to last means a gap."""
    first_seq_no: Mapped[int] = mapped_column(Integer)
    last_seq_no: Mapped[int] = mapped_column(Integer)
    last_event_time: Mapped[datetime]
    """With last_seq_no, last_event_type and last_digest: the event that is last in order."""
    last_event_type: Mapped[int] = mapped_column(SmallInteger)
    last_digest: Mapped[int] = mapped_column(BigInteger)
    first_sample_time: Mapped[datetime | None]
    """With last_sample_time: where in `samples` those of this transaction are."""
    last_sample_time: Mapped[datetime | None]

    clock_skew_ms: Mapped[int | None] = mapped_column(BigInteger)
    """How far the station's clock was off when it was found to be, so that it is billed by ours. None: it is right."""
    limit_untold: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Its limit was set, and its station is to be told with the next answer."""
    orphaned: Mapped[bool] = mapped_column(default=False)
    total_cost: Mapped[float | None] = mapped_column(Double)
    """As last sent to the station."""
    update_time: Mapped[datetime]

    reported_id: Mapped[str | None] = mapped_column(String(36))
    """What the station calls it, where it used the id of an earlier transaction again. None: transaction_id."""
    lives: Mapped[int | None] = mapped_column(SmallInteger)
    """Of the first of several transactions that the station calls the same: how many they are. None: it is the only
    one, or not the first."""
    late_events: Mapped[int | None] = mapped_column(Integer)
    """Events that came after it was settled. None: none."""
    over_time: Mapped[datetime | None]
    """Since when something else proves that it is over, though its end was not told."""
    settle_time: Mapped[datetime | None]
    """When it was settled: since then nothing changes it. None: something is expected of it."""
    settlement: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.api.v1.Settlement"""
    settle_due_time: Mapped[datetime | None]
    """When it is settled without what is missing. None: not by time."""
    reopening: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.api.v1.CostCorrection.Reason of what it costs once it is settled again. None: it was not reopened."""
    register_state: Mapped[bytes | None] = mapped_column(LargeBinary)
    """RegisterMemory. None: its readings are ordinary."""
    power_limit_w: Mapped[float | None] = mapped_column(Double)
    """What its EVSE can give. None: not known."""
    exported_wh: Mapped[float | None] = mapped_column(Double)
    """Energy that the vehicle gave. None: no export register was read."""
    export_last_wh: Mapped[float | None] = mapped_column(Double)
    export_last_time: Mapped[datetime | None]
    """When export_last_wh was taken."""
    anomalies: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What is doubtful about it. None: nothing."""
    refold_due_time: Mapped[datetime | None]
    """When its events are folded anew, because some are stored and not taken in. None: all are."""

    @classmethod
    def is_open(cls) -> ColumnElement[bool]:
        """Return the condition that a transaction is under way, as far as we know."""
        return and_(cls.end_time.is_(None), cls.closed_time.is_(None))


class TransactionEvent(Model):
    """One event of a transaction, as the station sent it, and what it was answered.

    The request is kept whole, with its meter values, although their numbers are in `samples` too. It is the
    record that bills rest on, byte for byte what was signed; samples are for reading series, and go when their
    month is dropped. What is bulky, signed data and customData, is here only.
    """

    __tablename__ = "transaction_events"

    # A station repeats a message until it is answered, under any message id; and some stations give one seqNo to
    # several messages. What tells two events apart is therefore all that they say.
    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seq_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Of `request`."""
    event_type: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.TransactionEventEnum"""
    event_time: Mapped[datetime]
    """By the clock of the station."""
    offline: Mapped[bool | None]
    """As sent, or None. Not within `request`: a message that is repeated after an interruption says that it was
    sent offline, and is still the same message (E11.FR.07)."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.TransactionEventRequest, without `offline`."""
    response: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.TransactionEventResponse."""
    receive_time: Mapped[datetime]
    late: Mapped[bool | None]
    """True: it came after the transaction was settled, and is not part of it."""
