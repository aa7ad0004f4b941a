"""Tables of functional block L, without those of campaigns."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["FirmwarePublication", "FirmwareStatus", "FirmwareUpdate"]


class FirmwareUpdate(Model):
    """One UpdateFirmware and its state."""

    __tablename__ = "firmware_updates"
    __table_args__ = (
        Index(None, "tenant_id", "create_time"),
        Index(None, "tenant_id", "state", "create_time"),
        Index(None, "tenant_id", "campaign_id", "station_id"),
        Index("ix_firmware_updates_station", "tenant_id", "station_id", "create_time"),
        Index("ix_firmware_updates_campaign", "tenant_id", "campaign_id", "create_time"),
        # The job finds due updates quickly, whatever the number of stored ones.
        Index(None, "deadline_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.FirmwareUpdateState"""
    status: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.ocpp.v2.FirmwareStatusEnum that was received last, except for Idle. 0: none."""
    last_status: Mapped[int] = mapped_column(Integer, default=0)
    """Status that was received last, also Idle, by which a resent one is recognised."""
    status_time: Mapped[datetime | None]
    """When `status` was received."""
    answer: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.ocpp.v2.UpdateFirmwareStatusEnum. 0: none."""
    reason: Mapped[str] = mapped_column(String(255), default="")
    """Why it is in its state, for people."""
    request: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.UpdateFirmwareRequest. None: it was not requested by this CSMS."""
    verification: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """citrine.api.v1.FirmwareVerification: how far it was verified before the request."""
    firmware_version: Mapped[str] = mapped_column(String(50), default="")
    """Version with which the station should boot afterwards. Empty: not given."""
    version_before: Mapped[str] = mapped_column(String(50), default="")
    """Version of the station at the request. Empty: not known."""
    version_after: Mapped[str] = mapped_column(String(50), default="")
    """Version with which the station has booted since. Empty: it has not booted."""
    boot_time: Mapped[datetime | None]
    """When it last booted since, while the update waited for a boot."""
    awaits_boot: Mapped[bool] = mapped_column(default=True)
    """True: the version of the next boot is recorded here."""
    silence: Mapped[int | None] = mapped_column(Integer)
    """Seconds without a report after which it is UNKNOWN. None: the setting of the core."""
    campaign_id: Mapped[str | None] = mapped_column(String(36))
    command_id: Mapped[str | None] = mapped_column(String(36))
    requested_by: Mapped[str] = mapped_column(String(255), default="")
    superseded_by: Mapped[int | None] = mapped_column(Integer)
    """Request id of the update that replaced it."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    """When it was last reported or changed."""
    deadline_time: Mapped[datetime | None]
    """When it becomes UNKNOWN if nothing more is reported. None: it has ended."""
    finish_time: Mapped[datetime | None]


class FirmwarePublication(Model):
    """One PublishFirmware and its state."""

    __tablename__ = "firmware_publications"
    __table_args__ = (
        Index(None, "tenant_id", "create_time"),
        Index("ix_firmware_publications_station", "tenant_id", "station_id", "create_time"),
        Index("ix_firmware_publications_state", "tenant_id", "state", "create_time"),
        Index(None, "deadline_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.PublicationState"""
    status: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.ocpp.v2.PublishFirmwareStatusEnum that was received last, except for Idle. 0: none."""
    last_status: Mapped[int] = mapped_column(Integer, default=0)
    """Status that was received last, also Idle, by which a resent one is recognised."""
    reason: Mapped[str] = mapped_column(String(255), default="")
    request: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.PublishFirmwareRequest. None: it was not requested by this CSMS."""
    checksum: Mapped[str] = mapped_column(String(32), default="")
    """MD5 of the firmware, in lower case. Empty: not known."""
    published: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The PublishFirmwareStatusNotificationRequest of citrine.ocpp.v2 with its locations, serialised."""
    command_id: Mapped[str | None] = mapped_column(String(36))
    requested_by: Mapped[str] = mapped_column(String(255), default="")
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    deadline_time: Mapped[datetime | None]
    finish_time: Mapped[datetime | None]


class FirmwareStatus(Model):
    """One status of an update or a publication that a station reported: the history."""

    __tablename__ = "firmware_statuses"
    __table_args__ = (Index(None, "tenant_id", "station_id", "kind", "request_id", "id"),)

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    kind: Mapped[int] = mapped_column(Integer)
    """1: of an update. 2: of a publication."""
    request_id: Mapped[int] = mapped_column(Integer)
    """Update or publication to which it was assigned. 0: none."""
    message: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised (Publish)FirmwareStatusNotificationRequest of citrine.ocpp.v2."""
    receive_time: Mapped[datetime]
    """When the edge read it."""
