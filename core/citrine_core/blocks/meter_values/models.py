"""Tables of the meter values."""

from datetime import datetime

from sqlalchemy import BigInteger, Double, Integer, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["Sample"]


class Sample(Model):
    """One sampled value, reported in a transaction or outside of transactions.

    On PostgreSQL the table is partitioned by month of sample_time: most stored data are meter values, and old ones
    are dropped by partition. So the primary key, which is the only index, contains the station's time, and the samples
    of a transaction are found by the times in its row.
    """

    __tablename__ = "samples"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    sample_time: Mapped[datetime] = mapped_column(primary_key=True)
    """When the value was measured, by the clock of the station."""
    digest: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Digest of its message; in a transaction, also the digest of the stored event."""
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Index among all sampled values of the message, from 0."""
    evse_id: Mapped[int | None] = mapped_column(Integer)
    connector_id: Mapped[int | None] = mapped_column(Integer)
    transaction_id: Mapped[str | None] = mapped_column(String(36))
    seq_no: Mapped[int | None] = mapped_column(Integer)
    """seqNo of the transaction's event."""
    measurand: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.MeasurandEnum; OCPP's default if the station named none."""
    context: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.ReadingContextEnum"""
    phase: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.PhaseEnum"""
    location: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.LocationEnum"""
    unit: Mapped[str | None] = mapped_column(String(20))
    multiplier: Mapped[int | None] = mapped_column(Integer)
    """Exponent of ten."""
    value: Mapped[float] = mapped_column(Double)
    """The value as it was sent: neither unit nor multiplier is applied."""
    extra: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Signed data and customData, which have no column, by IN_EVENT and its siblings in readings.py. None: none."""
