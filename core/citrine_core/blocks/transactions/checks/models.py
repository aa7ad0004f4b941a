"""The table of what stations are asked about their transactions."""

from datetime import datetime

from sqlalchemy import Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["TransactionCheck"]


class TransactionCheck(Model):
    """What a station was and will be asked about one transaction, and what it said.

    A table of its own: most transactions never need a row here, and events must not pay for it.
    """

    __tablename__ = "transaction_checks"
    __table_args__ = (
        PartialIndex(
            "ix_transaction_checks_due",
            "due_time",
            where=text("due_time IS NOT NULL"),
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    reason: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.TransactionCheck.Reason"""
    asks: Mapped[int] = mapped_column(Integer, default=0)
    """How many times since the reason arose."""
    ask_time: Mapped[datetime | None]
    due_time: Mapped[datetime | None]
    """When to ask (again), once the station is connected. None: not any more."""
    answer_time: Mapped[datetime | None]
    ongoing: Mapped[bool | None]
    """ongoingIndicator of the last answer."""
    messages_in_queue: Mapped[bool | None]
    """messagesInQueue of the last answer."""
    problem: Mapped[str] = mapped_column(String(255), default="")
    """Why the last question has no answer."""
