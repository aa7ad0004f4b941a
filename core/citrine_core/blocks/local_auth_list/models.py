"""Tables of functional block D."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["LocalList", "LocalListEntry"]


class LocalList(Model):
    """The local authorization list of a station, without its entries."""

    __tablename__ = "local_lists"
    __table_args__ = (
        Index(None, "next_time"),
        Index("ix_local_lists_state", "tenant_id", "state", "station_id"),
        Index("ix_local_lists_version", "tenant_id", "version", "station_id"),
        Index("ix_local_lists_confirmed", "tenant_id", "confirm_time", "station_id"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    keep_in_step: Mapped[bool] = mapped_column(default=False)
    group_ids: Mapped[str] = mapped_column(Text, default="[]")
    """JSON array: groups whose tokens belong to it. Empty: all."""
    include_refused: Mapped[bool] = mapped_column(default=False)
    state: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.api.v1.LocalListState"""
    version: Mapped[int | None] = mapped_column(Integer)
    """Version that the station confirmed or reported. None: not known; then no difference can be sent."""
    sent_version: Mapped[int] = mapped_column(Integer, default=0)
    """Version that was sent last, whatever the station answered. 0: none."""
    refresh: Mapped[bool] = mapped_column(default=False)
    """True: the wanted entries must be computed again for all tokens, not only for stale entries."""
    claim_id: Mapped[str | None] = mapped_column(String(36))
    """Claim of the sender that sends the list now. None: there is none."""
    claim_time: Mapped[datetime | None]
    """When the claim expires."""
    claim_version: Mapped[int] = mapped_column(Integer, default=0)
    """First version that the sender sends: answers to this and later versions don't change the wanted entries."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Failed attempts since the last successful one."""
    next_time: Mapped[datetime | None]
    """When the job must send the list or ask for its version. None: never."""
    check_time: Mapped[datetime | None]
    """When the station was last asked for its version, or reported it otherwise."""
    confirm_time: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(String(255), default="")
    """Why the last attempt failed."""


class LocalListEntry(Model):
    """A token of a station's local authorization list."""

    __tablename__ = "local_list_entries"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    lookup: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The same text for all spellings of id_token (see lookup_of)."""
    type: Mapped[str] = mapped_column(String(20), primary_key=True)
    id_token: Mapped[str] = mapped_column(String(255))
    wanted: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.IdTokenInfo that the station should have. None: it should not have the token."""
    held: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.IdTokenInfo that the station confirmed. None: it does not have the token."""
    stale: Mapped[bool] = mapped_column(default=False)
    """True: the token changed since `wanted` was computed."""
