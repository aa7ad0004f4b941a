"""Tables of the campaigns."""

from datetime import datetime

from sqlalchemy import Float, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["FirmwareCampaign", "FirmwareCampaignStation"]


class FirmwareCampaign(Model):
    """The update of many stations."""

    __tablename__ = "firmware_campaigns"
    __table_args__ = (Index(None, "tenant_id", "create_time"), Index(None, "state"))

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    campaign_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.FirmwareCampaignState"""
    reason: Mapped[str] = mapped_column(String(255), default="")
    """Why it is in its state, for people."""
    definition: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.FirmwareCampaign as it was asked for."""
    max_parallel: Mapped[int] = mapped_column(Integer)
    max_failures: Mapped[int | None] = mapped_column(Integer)
    max_failure_percent: Mapped[float | None] = mapped_column(Float)
    max_attempts: Mapped[int] = mapped_column(Integer)
    attempt_delay: Mapped[int] = mapped_column(Integer)
    """Seconds until the next attempt."""
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    forgiven: Mapped[int] = mapped_column(Integer, default=0)
    """Failures that do not count for the limits: it was resumed since."""
    created_by: Mapped[str] = mapped_column(String(255))
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    finish_time: Mapped[datetime | None]


class FirmwareCampaignStation(Model):
    """One station of a campaign."""

    __tablename__ = "firmware_campaign_stations"
    __table_args__ = (
        # What is left to do of a campaign is found without its other stations.
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
    """Its latest update. None: it has not been asked."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_time: Mapped[datetime | None]
    """Not before then is it asked again."""
    claim_time: Mapped[datetime | None]
    """When a core took it to ask it; long after that, and not answered, that core is gone."""
    update_time: Mapped[datetime]
