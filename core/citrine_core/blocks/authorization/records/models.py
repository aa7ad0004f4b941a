"""The table of decisions on tokens."""

from datetime import datetime

from sqlalchemy import Index, Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model, PartialIndex

__all__ = ["AuthorizationRecord"]

_REFUSED = text("status <> 1")
_OF_GROUP = text("group_id <> ''")


class AuthorizationRecord(Model):
    """One decision on a token that was presented at a station. A row never changes."""

    __tablename__ = "authorization_records"
    __table_args__ = (
        Index(None, "tenant_id", "decide_time", "id"),
        Index(None, "tenant_id", "station_id", "decide_time", "id"),
        Index("ix_authorization_records_token", "tenant_id", "id_token_lookup", "decide_time", "id"),
        # Most are accepted, and of a token without a group: the latest of those are found without it.
        PartialIndex("ix_authorization_records_refused", "tenant_id", "decide_time", "id", where=_REFUSED),
        PartialIndex("ix_authorization_records_status", "tenant_id", "status", "decide_time", "id", where=_REFUSED),
        PartialIndex("ix_authorization_records_group", "tenant_id", "group_id", "decide_time", "id", where=_OF_GROUP),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    evse_id: Mapped[int | None] = mapped_column(Integer)
    """None: not known."""
    transaction_id: Mapped[str] = mapped_column(String(36))
    """Empty: there was none yet."""
    purpose: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.AuthorizationPurpose"""
    id_token: Mapped[str] = mapped_column(String(255))
    """As the station sent it; a key code that a driver typed is masked."""
    id_token_type: Mapped[str] = mapped_column(String(20))
    id_token_lookup: Mapped[str] = mapped_column(String(255))
    """Normalised id_token for look-ups, the same for all its spellings. Of a masked one: empty."""
    group_id: Mapped[str] = mapped_column(String(255))
    """Group of the token then. Empty: none, or the tenant had no such token."""
    status: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.AuthorizationStatusEnum of the answer."""
    authorizer: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.AuthorizerPart"""
    decide_time: Mapped[datetime]
