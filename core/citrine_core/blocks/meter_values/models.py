"""Tables of the meter values."""

from datetime import datetime

from sqlalchemy import BigInteger, Double, Integer, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["Sample"]


class Sample(Model):
    """One sampled value, reported within a transaction or outside of any.

    On PostgreSQL its migration partitions the table by month of sample_time: meter values are most of what is stored,
    and old ones are dropped by the partition. That is why the key leads to the station's time and is the only index:
    what a transaction brought is found through the times that its row keeps.
    """

    __tablename__ = "samples"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    sample_time: Mapped[datetime] = mapped_column(primary_key=True)
    """When it was taken, by the clock of the station."""
    digest: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Of the message that brought it; with a transaction also the digest of its stored event."""
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Place among all sampled values of the message, from 0."""
    evse_id: Mapped[int | None] = mapped_column(Integer)
    connector_id: Mapped[int | None] = mapped_column(Integer)
    transaction_id: Mapped[str | None] = mapped_column(String(36))
    seq_no: Mapped[int | None] = mapped_column(Integer)
    """Of the transaction's event."""
    measurand: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.MeasurandEnum; OCPP's default where the station named none."""
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
    """As sent: neither unit nor multiplier is applied."""
    extra: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What has no column, signed data and customData: see IN_EVENT and the like in readings.py. None: there is none."""
