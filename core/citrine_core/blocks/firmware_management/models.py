"""Tables of functional block L but those of campaigns."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["FirmwarePublication", "FirmwareStatus", "FirmwareUpdate"]


class FirmwareUpdate(Model):
    """One UpdateFirmware and what became of it."""

    __tablename__ = "firmware_updates"
    __table_args__ = (
        Index(None, "tenant_id", "create_time"),
        Index(None, "tenant_id", "campaign_id", "station_id"),
        # Who looks for what fell silent finds little, however many updates there were.
        Index(None, "deadline_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.FirmwareUpdateState"""
    status: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.ocpp.v2.FirmwareStatusEnum that came last, but Idle. 0: none."""
    last_status: Mapped[int] = mapped_column(Integer, default=0)
    """The same with Idle: tells a status that comes again."""
    status_time: Mapped[datetime | None]
    """When `status` was received."""
    answer: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.ocpp.v2.UpdateFirmwareStatusEnum. 0: none."""
    reason: Mapped[str] = mapped_column(String(255), default="")
    """Why it is in its state, for people."""
    request: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.UpdateFirmwareRequest. None: nobody asked, as far as we know."""
    firmware_version: Mapped[str] = mapped_column(String(50), default="")
    """What the station is to boot with afterwards. Empty: not said."""
    version_before: Mapped[str] = mapped_column(String(50), default="")
    """What it had when it was asked. Empty: not known."""
    version_after: Mapped[str] = mapped_column(String(50), default="")
    """What it booted with since. Empty: it has not."""
    boot_time: Mapped[datetime | None]
    """When it booted since, the last time that counts."""
    awaits_boot: Mapped[bool] = mapped_column(default=True)
    """Whether the next boot still tells what came of it."""
    silence: Mapped[int | None] = mapped_column(Integer)
    """Seconds that the station may say nothing. None: the setting of the core."""
    campaign_id: Mapped[str | None] = mapped_column(String(36))
    command_id: Mapped[str | None] = mapped_column(String(36))
    requested_by: Mapped[str] = mapped_column(String(255), default="")
    superseded_by: Mapped[int | None] = mapped_column(Integer)
    """Request id of the update that took its place."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    """When it was last heard of."""
    deadline_time: Mapped[datetime | None]
    """When it counts as unknown if nothing more is heard. None: it has ended."""
    finish_time: Mapped[datetime | None]


class FirmwarePublication(Model):
    """One PublishFirmware and what became of it."""

    __tablename__ = "firmware_publications"
    __table_args__ = (Index(None, "tenant_id", "create_time"), Index(None, "deadline_time"))

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.PublicationState"""
    status: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.ocpp.v2.PublishFirmwareStatusEnum that came last, but Idle. 0: none."""
    last_status: Mapped[int] = mapped_column(Integer, default=0)
    """The same with Idle: tells a status that comes again."""
    reason: Mapped[str] = mapped_column(String(255), default="")
    request: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.PublishFirmwareRequest. None: nobody asked, as far as we know."""
    checksum: Mapped[str] = mapped_column(String(32), default="")
    """MD5 of the firmware, in lower case. Empty: not known."""
    published: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.PublishFirmwareStatusNotificationRequest that said where stations find it."""
    command_id: Mapped[str | None] = mapped_column(String(36))
    requested_by: Mapped[str] = mapped_column(String(255), default="")
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    deadline_time: Mapped[datetime | None]
    finish_time: Mapped[datetime | None]


class FirmwareStatus(Model):
    """One status that a station gave of an update, or of a publication: the history."""

    __tablename__ = "firmware_statuses"
    __table_args__ = (Index(None, "tenant_id", "station_id", "kind", "request_id", "id"),)

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    kind: Mapped[int] = mapped_column(Integer)
    """1: of an update. 2: of a publication."""
    request_id: Mapped[int] = mapped_column(Integer)
    """Update or publication that it was taken for. 0: none."""
    message: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised (Publish)FirmwareStatusNotificationRequest of citrine.ocpp.v2."""
    receive_time: Mapped[datetime]
    """When the edge read it."""
