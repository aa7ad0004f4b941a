"""Tables of the dispatcher: deduplicated messages and calls, and poisoned messages."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["AnsweredCall", "HandledMessage", "PoisonedMessage"]


class HandledMessage(Model):
    """The reply to a message that must have its effect only once, by the message's business key."""

    __tablename__ = "handled_messages"
    __table_args__ = (Index(None, "handle_time"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    digest: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Of the business key, in hexadecimal: SQLite finds keys of several columns only by text."""
    reply: Mapped[bytes] = mapped_column(LargeBinary)
    handle_time: Mapped[datetime]


class PoisonedMessage(Model):
    """A message that failed by itself, retained in full so that nothing that a station sent is lost."""

    __tablename__ = "poisoned_messages"
    __table_args__ = (
        Index(None, "tenant_id", "station_id", "id"),
        Index(None, "tenant_id", "id"),
        Index("ix_poisoned_messages_kind", "tenant_id", "kind", "id"),
        Index("ix_poisoned_messages_created", "tenant_id", "create_time", "id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    kind: Mapped[str] = mapped_column(String(100))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    error: Mapped[str] = mapped_column(Text)
    create_time: Mapped[datetime]


class AnsweredCall(Model):
    """The newest call of a station that is deduplicated by its identity, with its answer."""

    __tablename__ = "answered_calls"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)
    """Of the session that it came by."""
    call_id: Mapped[int] = mapped_column(BigInteger)
    """Chosen by the edge; grows within an epoch."""
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    """citrine.edge.v1.Downstream. None: the response of its action in which nothing is set."""
