"""Tables of the identification tokens."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, text, true
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex
from citrine_core.resources.usage_limits import UsageLimitColumns

__all__ = ["Token", "TokenOwnerSuspension"]


class Token(UsageLimitColumns, Model):
    """Identifies a driver."""

    __tablename__ = "tokens"
    __table_args__ = (
        PartialIndex("ix_tokens_surrogate", "tenant_id", "surrogate", where=text("surrogate IS NOT NULL")),
        # Each list is in the order of its index, so that a page reads no more than its rows.
        Index("ix_tokens_status", "tenant_id", "status", "lookup", "type"),
        Index("ix_tokens_update_time", "tenant_id", "update_time", "lookup", "type"),
        PartialIndex("ix_tokens_group", "tenant_id", "group_id", "lookup", "type", where=text("group_id <> ''")),
        PartialIndex(
            "ix_tokens_contract", "tenant_id", "contract_lookup", "lookup", "type", where=text("contract_lookup <> ''")
        ),
        PartialIndex(
            "ix_tokens_owner", "tenant_id", "country_code", "party_id", "lookup", "type", where=text("party_id <> ''")
        ),
        PartialIndex("ix_tokens_invalid", "tenant_id", "lookup", "type", where=text("NOT valid")),
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
    valid: Mapped[bool] = mapped_column(default=True, server_default=true())
    """False: it is not to be used, whatever its status."""
    valid_time: Mapped[datetime | None]
    """When `valid` last changed. None: never."""
    group_id: Mapped[str] = mapped_column(String(255), default="")
    """groupIdToken. Empty: none."""
    expire_time: Mapped[datetime | None]
    """When it expires. None: it does not."""
    contract_id: Mapped[str] = mapped_column(String(36), default="", server_default=text("''"))
    """The contract that it belongs to. Empty: none."""
    contract_lookup: Mapped[str] = mapped_column(String(36), default="", server_default=text("''"))
    """The normalised spelling of contract_id (see contract_lookup_of)."""
    issuer: Mapped[str] = mapped_column(String(64), default="", server_default=text("''"))
    visual_number: Mapped[str] = mapped_column(String(64), default="", server_default=text("''"))
    country_code: Mapped[str] = mapped_column(String(2), default="", server_default=text("''"))
    """Country of the party that it belongs to. Empty: the operator's own."""
    party_id: Mapped[str] = mapped_column(String(3), default="", server_default=text("''"))
    whitelist: Mapped[int] = mapped_column(Integer, default=2, server_default="2")
    """citrine.api.v1.TokenWhitelist"""
    charging_preference: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """citrine.api.v1.ChargingPreference"""
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
    update_time: Mapped[datetime] = mapped_column(server_default=text("'1970-01-01 00:00:00'"))
    """When it last changed, as `citrine_core.db.changes` has it."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Increases with each change; the etag."""


class TokenOwnerSuspension(Model):
    """A reason for which all tokens of a party are refused, whatever they say themselves."""

    __tablename__ = "token_owner_suspensions"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)
    reason: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Why; tells suspensions of one party apart."""
    requested_by: Mapped[str] = mapped_column(String(255))
    suspend_time: Mapped[datetime]
