"""Table of ends of transactions that are not known."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["UnmatchedEnd"]


class UnmatchedEnd(Model):
    """One end of a transaction that its station never began here, e.g. of number 0 or -1, or of another CSMS."""

    __tablename__ = "unmatched_ends"
    __table_args__ = (
        Index(None, "tenant_id", "receive_time"),
        Index("ix_unmatched_ends_station", "tenant_id", "station_id", "receive_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    digest: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Of `request`: what is sent again adds nothing."""
    receive_time: Mapped[datetime]
    """When the edge read it."""
    transaction_id: Mapped[str] = mapped_column(String(36))
    """As the station says it."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.TransactionEventRequest."""
