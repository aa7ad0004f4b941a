"""Tables of the charge records. Nothing changes a row of `charge_records`."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model, PartialIndex

__all__ = ["ChargeRecord", "ChargeRecordBackfill", "ChargeRecordHead", "DueChargeRecord"]

_REFERRED = text("reference IS NOT NULL")


class ChargeRecord(Model):
    """One revision of the charge record of a transaction. A row never changes."""

    __tablename__ = "charge_records"
    __table_args__ = (
        UniqueConstraint("tenant_id", "transaction_id", "station_id", "revision", name="uq_charge_records_transaction"),
        UniqueConstraint("tenant_id", "record_id", "revision", name="uq_charge_records_revision"),
        Index("ix_charge_records_station", "tenant_id", "station_id", "change"),
        Index("ix_charge_records_token", "tenant_id", "id_token_lookup", "change"),
        PartialIndex("ix_charge_records_reference", "tenant_id", "reference", "change", where=_REFERRED),
        Index("ix_charge_records_created", "tenant_id", "create_time", "change"),
        Index("ix_charge_records_ended", "tenant_id", "end_time", "change"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    change: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Greater by one than that of the revision of the tenant that was made before."""
    record_id: Mapped[str] = mapped_column(String(36))
    """The same for all revisions."""
    revision: Mapped[int] = mapped_column(Integer)
    """From 1. It replaces the one before it."""
    station_id: Mapped[str] = mapped_column(String(48))
    transaction_id: Mapped[str] = mapped_column(String(36))
    id_token_lookup: Mapped[str | None] = mapped_column(String(255))
    """Normalised spelling of the token. None: no token was reported."""
    reference: Mapped[str | None] = mapped_column(String(64))
    """Reference of the caller who had the transaction started. None: there is none."""
    correction: Mapped[int] = mapped_column(Integer)
    """Number of the cost correction that it has. 0: it has the final cost."""
    reason: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.CostCorrection.Reason. 0: it is the first revision."""
    end_time: Mapped[datetime]
    """End of the transaction, or its settlement if it has no end."""
    create_time: Mapped[datetime]
    """Not earlier than that of a lower change."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.ChargeRecord."""


class ChargeRecordHead(Model):
    """The last change of a tenant. Whoever makes records locks it until the commit."""

    __tablename__ = "charge_record_heads"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    change: Mapped[int] = mapped_column(BigInteger)
    create_time: Mapped[datetime]
    """Of the revision with that change."""


class DueChargeRecord(Model):
    """A transaction whose record, or a revision of it, is to be made. Rows are added and removed, never changed.

    A transaction may have several rows: nobody waits for a row of another transaction of the database.
    """

    __tablename__ = "due_charge_records"
    # Without AUTOINCREMENT, SQLite reuses ids. A row added meanwhile could then be removed unread.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    transaction_id: Mapped[str] = mapped_column(String(36))
    reason: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.CostCorrection.Reason of a revision without a cost correction. 0: it was settled."""
    create_time: Mapped[datetime]
    due_time: Mapped[datetime | None]
    """When it is tried again to make a record that could not be made. None: it is to be made at once."""


class ChargeRecordBackfill(Model):
    """How far records were made of the transactions that were settled before there were records. No row: all are made.

    Transactions are read in the order of their keys, from this one on.
    """

    __tablename__ = "charge_record_backfills"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Number of the pass: 1, or 2 for what cores of before the upgrade settled during the first one."""
    due_time: Mapped[datetime]
    """When the database was upgraded, or when the second pass begins."""
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    transaction_id: Mapped[str] = mapped_column(String(36))
