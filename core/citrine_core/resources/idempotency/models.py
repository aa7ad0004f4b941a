"""The table of idempotency keys."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["IdempotencyKey"]


class IdempotencyKey(Model):
    """One call with an idempotency key. It is stored together with the first thing that the call stores."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index(None, "create_time"),
        PartialIndex(
            "ix_idempotency_keys_secret",
            "tenant_id",
            "idempotency_key",
            where=text("secret_answer IS NOT NULL"),
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    method: Mapped[str] = mapped_column(String(150))
    """Path of the rpc."""
    caller_id: Mapped[str | None] = mapped_column(String(255))
    """Id of the API key, or subject of the token, that called. Nobody else gets the answer. None: not known."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the request."""
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Response of the rpc. None: it has none yet, failed, or bears a secret."""
    secret_answer: Mapped[str | None] = mapped_column(Text)
    """Response that bears a secret, in base64, encrypted."""
    failure: Mapped[bytes | None] = mapped_column(LargeBinary)
    """google.rpc.Status of a call that failed after it had stored something."""
    command_id: Mapped[str | None] = mapped_column(String(36))
    """First command that the call sent. None: it sent none yet."""
    command_count: Mapped[int] = mapped_column(SmallInteger)
    """Commands that it sent."""
    create_time: Mapped[datetime]
