"""Tables of the campaigns."""

from datetime import datetime

from sqlalchemy import Float, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["FirmwareCampaign", "FirmwareCampaignStation"]


class FirmwareCampaign(Model):
    """One firmware campaign."""

    __tablename__ = "firmware_campaigns"
    __table_args__ = (
        Index(None, "tenant_id", "create_time"),
        Index(None, "state"),
        Index("ix_firmware_campaigns_in_state", "tenant_id", "state", "create_time", "campaign_id"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    campaign_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.FirmwareCampaignState"""
    reason: Mapped[str] = mapped_column(String(255), default="")
    """Why it is in its state, for people."""
    definition: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.FirmwareCampaign as it was requested, with defaults; a password is masked."""
    secret_location: Mapped[str | None] = mapped_column(Text)
    """The location with its password, encrypted. None: it has none."""
    max_parallel: Mapped[int] = mapped_column(Integer)
    max_failures: Mapped[int | None] = mapped_column(Integer)
    max_failure_percent: Mapped[float | None] = mapped_column(Float)
    max_attempts: Mapped[int] = mapped_column(Integer)
    attempt_delay: Mapped[int] = mapped_column(Integer)
    """Seconds until the next attempt."""
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    station_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How many stations it has, in whatever state."""
    skipped: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How many of them are SKIPPED, which the limit in percent does not count."""
    forgiven: Mapped[int] = mapped_column(Integer, default=0)
    """Failures that do not count for the limits, because they precede the last resumption."""
    created_by: Mapped[str] = mapped_column(String(255))
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    finish_time: Mapped[datetime | None]


class FirmwareCampaignStation(Model):
    """One station of a campaign."""

    __tablename__ = "firmware_campaign_stations"
    __table_args__ = (
        # Unfinished stations of a campaign are found without reading the others.
        Index(None, "tenant_id", "campaign_id", "state"),
        Index(None, "tenant_id", "station_id"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    campaign_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.FirmwareCampaignStationState"""
    reason: Mapped[str] = mapped_column(String(255), default="")
    request_id: Mapped[int | None] = mapped_column(Integer)
    """Request id of its latest update. None: there is none."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_time: Mapped[datetime | None]
    """Earliest time of the next attempt."""
    claim_time: Mapped[datetime | None]
    """When a core claimed it."""
    update_time: Mapped[datetime]
