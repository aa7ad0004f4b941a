"""Tables of the identification tokens."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex
from citrine_core.resources.usage_limits import UsageLimitColumns

__all__ = ["Token"]


class Token(UsageLimitColumns, Model):
    """Identifies a driver."""

    __tablename__ = "tokens"
    __table_args__ = (
        Index(None, "tenant_id", "group_id"),
        PartialIndex("ix_tokens_surrogate", "tenant_id", "surrogate", where=text("surrogate IS NOT NULL")),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), ForeignKey("tenants.tenant_id"), primary_key=True)
    lookup: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The normalised spelling of id_token (see lookup_of)."""
    type: Mapped[str] = mapped_column(String(20), primary_key=True)
    """In the spelling of OCPP."""
    id_token: Mapped[str] = mapped_column(String(255))
    """As the operator wrote it."""
    surrogate: Mapped[str | None] = mapped_column(String(20))
    """What stations call it that can't hold its id (see citrine.ocpp.id_tags). None: the id is short enough."""
    status: Mapped[int] = mapped_column(Integer, default=1)
    """citrine.api.v1.TokenStatus"""
    status_time: Mapped[datetime | None]
    """When status last changed. None: never, or before this was recorded."""
    group_id: Mapped[str] = mapped_column(String(255), default="")
    """groupIdToken. Empty: none."""
    expire_time: Mapped[datetime | None]
    """When it expires. None: it does not."""
    master_pass: Mapped[bool] = mapped_column(default=False)
    """Whether it is a master pass, which may stop any transaction and start none (C16)."""
    language: Mapped[str] = mapped_column(String(8), default="")
    second_language: Mapped[str] = mapped_column(String(8), default="")
    cache_time: Mapped[int | None] = mapped_column(BigInteger)
    """Seconds for which stations may cache the authorisation. None: without limit."""
    message: Mapped[str] = mapped_column(String(512), default="")
    """Shown to the driver."""
    rules: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.TokenRules. None: it may always charge."""
    prepaid: Mapped[str | None] = mapped_column(String(30))
    """Total amount paid in advance, a decimal. None: it is not prepaid."""
    prepaid_since: Mapped[datetime | None]
    """Since when its transactions reduce that amount."""
    charging_priority: Mapped[int] = mapped_column(Integer, default=0)
    description: Mapped[str] = mapped_column(String(255), default="")
    create_time: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Increases with each change; the etag."""
