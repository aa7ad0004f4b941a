"""Table of the numbers that the core gave to transactions."""

from sqlalchemy import Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["TransactionNumber"]


class TransactionNumber(Model):
    """The number of the transaction that a start began last. Its id is the number in decimal digits.

    The row is inserted in the transaction of the database that stores the start. If two cores receive the same start,
    the second waits for the first at the primary key, and then reads its number.
    """

    __tablename__ = "transaction_numbers"
    __table_args__ = (UniqueConstraint("tenant_id", "station_id", "number"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    start_digest: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Digest of what identifies the start: EVSE, token, time and reading."""
    number: Mapped[int] = mapped_column(Integer)
    """From 1 to 2^31 - 1, random."""
