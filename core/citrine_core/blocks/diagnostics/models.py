"""Tables of functional block N."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String, TextClause, func, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model, PartialIndex

__all__ = ["Alert", "LogUpload", "Monitor", "Monitoring", "StationEvent"]


class StationEvent(Model):
    """One eventData of a NotifyEvent."""

    __tablename__ = "station_events"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "id"),
        Index(None, "tenant_id", "event_time", "id"),
        Index("ix_station_events_station", "tenant_id", "station_id", "event_time", "id"),
        # OCPP compares names without case.
        Index("ix_station_events_component", "tenant_id", func.lower(text("component")), "id"),
        Index("ix_station_events_variable", "tenant_id", func.lower(text("variable")), "id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    component: Mapped[str] = mapped_column(String(50))
    variable: Mapped[str] = mapped_column(String(50))
    event_time: Mapped[datetime]
    """By the clock of the station."""
    event: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.EventData."""
    create_time: Mapped[datetime]


class Alert(Model):
    """The latest alert of a monitored value, cleared or not.

    Keys have no NULLs: a missing instance is "", a missing EVSE, connector or monitor is -1. Names are in lower case,
    because OCPP compares them without case; `event` has the station's spelling.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        PartialIndex(
            "ix_alerts_open",
            *("tenant_id", "station_id", "component", "component_instance", "evse_id", "connector_id"),
            *("variable", "variable_instance", "monitor_id"),
            where=text("NOT is_cleared"),
        ),
        Index(
            "ix_alerts_changed",
            *("tenant_id", "update_time", "station_id", "component", "component_instance", "evse_id", "connector_id"),
            *("variable", "variable_instance", "monitor_id"),
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    component: Mapped[str] = mapped_column(String(50), primary_key=True)
    component_instance: Mapped[str] = mapped_column(String(50), primary_key=True)
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    connector_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    variable: Mapped[str] = mapped_column(String(50), primary_key=True)
    variable_instance: Mapped[str] = mapped_column(String(50), primary_key=True)
    monitor_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    is_cleared: Mapped[bool]
    """True: retained, so that an older alert that is received late does not raise it again."""
    event_time: Mapped[datetime]
    """By the clock of the station."""
    order_time: Mapped[datetime | None]
    """Time by which alerts are ordered; older ones that are received late are ignored."""
    event: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.EventData."""
    update_time: Mapped[datetime]
    """When it was stored, acknowledged or cleared."""
    acknowledge_time: Mapped[datetime | None]
    """When an operator acknowledged it. None: nobody did since it was last reported."""
    acknowledged_by: Mapped[str | None] = mapped_column(String(100))
    """Name of the key that acknowledged it."""
    acknowledge_note: Mapped[str | None] = mapped_column(String(255))
    """Note of the operator."""

    @classmethod
    def is_open(cls) -> TextClause:
        """Return the condition that an alert is not cleared, as an index has it."""
        return text("NOT alerts.is_cleared")


class Monitor(Model):
    """A monitor of a variable, as the station accepted or reported it."""

    __tablename__ = "monitors"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    monitor_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Given by the station."""
    component: Mapped[str] = mapped_column(String(50))
    variable: Mapped[str] = mapped_column(String(50))
    monitor: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.MonitoringData with this one monitor."""
    is_hard_wired: Mapped[bool]
    """True: it can't be removed. False also if the station does not report it (OCPP 2.0.1)."""
    set_time: Mapped[datetime | None]
    """When the station accepted it from this CSMS. None: it was not set by this CSMS."""
    update_time: Mapped[datetime]


class Monitoring(Model):
    """The settings of its monitoring that a station accepted."""

    __tablename__ = "monitorings"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    base: Mapped[int | None] = mapped_column(Integer)
    """citrine.ocpp.v2.MonitoringBaseEnum"""
    base_time: Mapped[datetime | None]
    level: Mapped[int | None] = mapped_column(Integer)
    """Severity from 0 to 9."""
    level_time: Mapped[datetime | None]
    full_report_id: Mapped[int | None] = mapped_column(Integer)
    """Request id of the latest report of all monitors that the station accepted to send."""
    full_report_time: Mapped[datetime | None]
    """When the station accepted that request."""


class LogUpload(Model):
    """A log that a station was asked for. The state of its upload is stored in its report run."""

    __tablename__ = "log_uploads"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    log_type: Mapped[int] = mapped_column(Integer)
    """citrine.ocpp.v2.LogEnum"""
    remote_location: Mapped[str] = mapped_column(String(2000))
    """URL of the upload, with the password masked."""
    filename: Mapped[str] = mapped_column(String(255))
    """Empty: the station named none."""
    oldest_time: Mapped[datetime | None]
    latest_time: Mapped[datetime | None]
