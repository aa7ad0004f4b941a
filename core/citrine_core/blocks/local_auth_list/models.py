"""Tables of functional block D."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["LocalList", "LocalListEntry"]


class LocalList(Model):
    """The local authorization list of a station: what is known of it as a whole."""

    __tablename__ = "local_lists"
    __table_args__ = (Index(None, "next_time"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    keep_in_step: Mapped[bool] = mapped_column(default=False)
    group_ids: Mapped[str] = mapped_column(Text, default="[]")
    """JSON array: groups whose tokens belong to it. Empty: all."""
    include_refused: Mapped[bool] = mapped_column(default=False)
    state: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.api.v1.LocalListState"""
    version: Mapped[int | None] = mapped_column(Integer)
    """That the station confirmed or told. None: not known; then a difference can't be sent."""
    sent_version: Mapped[int] = mapped_column(Integer, default=0)
    """Sent last, whatever the station said to it. 0: none."""
    refresh: Mapped[bool] = mapped_column(default=False)
    """True: what it should hold is to be worked out anew for all tokens, not only for stale entries."""
    claim_id: Mapped[str | None] = mapped_column(String(36))
    """Who sends the list now. None: nobody."""
    claim_time: Mapped[datetime | None]
    """When that one has finished or is gone."""
    claim_version: Mapped[int] = mapped_column(Integer, default=0)
    """First version that it sends: what is answered to this one and later ones changes nothing of what is wanted."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Failed ones since the last that did not."""
    next_time: Mapped[datetime | None]
    """When to send or to ask by itself. None: not at all."""
    check_time: Mapped[datetime | None]
    """When the station was asked for its version last, or told otherwise."""
    confirm_time: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(String(255), default="")
    """Why the last attempt failed."""


class LocalListEntry(Model):
    """A token of a station's local authorization list."""

    __tablename__ = "local_list_entries"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    lookup: Mapped[str] = mapped_column(String(255), primary_key=True)
    """What is the same for all spellings of id_token (see lookup_of)."""
    type: Mapped[str] = mapped_column(String(20), primary_key=True)
    id_token: Mapped[str] = mapped_column(String(255))
    wanted: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.IdTokenInfo that the station should hold. None: it should hold none."""
    held: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The same of what it confirmed. None: it holds none."""
    stale: Mapped[bool] = mapped_column(default=False)
    """True: the token changed since `wanted` was worked out."""
